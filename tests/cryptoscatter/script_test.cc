// Goal:   the compiled scripts say exactly what their clauses say, and bad clauses do not compile.
// Method: the policy in words (counts per data center) against the tables, for all 512 subsets;
//         figures of the dispersal study; frozen script ids, since changing one orphans stored
//         shares.
#include "cryptoscatter/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cryptoscatter/script_book.h"

namespace worldb::cryptoscatter {
namespace {

using ::testing::HasSubstr;

int DataCentersWith(NodeSet set, int at_least) {
  const auto per_dc = set.PerDataCenter();
  return static_cast<int>(
      std::count_if(per_dc.begin(), per_dc.end(), [&](int count) { return count >= at_least; }));
}

template <typename Predicate>
int CountSubsets(Predicate predicate) {
  int count = 0;
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    count += predicate(NodeSet::FromBits(bits)) ? 1 : 0;
  }
  return count;
}

TEST(Gf256, InverseAndProductAgreeWithShiftAndReduce) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      unsigned product = 0;
      for (int bit = 0; bit < 8; ++bit) {
        if (b >> bit & 1) product ^= static_cast<unsigned>(a) << bit;
      }
      for (int bit = 15; bit >= 8; --bit) {
        if (product >> bit & 1) product ^= 0x11du << (bit - 8);
      }
      ASSERT_EQ(gf256::Multiply(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)),
                product);
    }
    if (a != 0) {
      const auto value = static_cast<std::uint8_t>(a);
      ASSERT_EQ(gf256::Multiply(value, gf256::Inverse(value)), 1);
    }
  }
}

TEST(Gf256, RowThatIsTheSumOfOthersTakesARankAway) {
  gf256::Matrix m(4, 4);
  for (int r = 0; r < 4; ++r) {
    for (int c = 0; c < 4; ++c) m.at(r, c) = gf256::Inverse(static_cast<std::uint8_t>((4 + r) ^ c));
  }
  EXPECT_EQ(gf256::Rank(m), 4);
  for (int c = 0; c < 4; ++c) m.at(3, c) = m.at(0, c) ^ m.at(1, c);
  EXPECT_EQ(gf256::Rank(m), 3);
}

TEST(Script, NestedReadsWithTwoOfThreeInTwoOfThree) {
  const auto script = Script::Nested();
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(bits);
    EXPECT_EQ(script->CanRead(set), DataCentersWith(set, 2) >= 2) << bits;
    EXPECT_EQ(script->IsReadable(set), script->CanRead(set)) << bits;
    if (set.Count() >= 5) EXPECT_TRUE(script->CanRebuild(set)) << bits;  // distance 5
  }
  EXPECT_EQ(CountSubsets([&](NodeSet s) { return script->CanRead(s); }), 256);
  EXPECT_EQ(CountSubsets([&](NodeSet s) { return script->CanRebuild(s); }), 364);
  // The matrix of the study: rows (1, d, j at column 2 + dc).
  const gf256::Matrix& m = script->key_sharing().matrix();
  ASSERT_EQ(m.columns(), 5);
  for (int node = 0; node < kNodeCount; ++node) {
    for (int c = 0; c < 5; ++c) {
      const int expected = c == 0   ? 1
                           : c == 1 ? node / 3 + 1
                                    : (c - 2 == node / 3 ? node % 3 + 1 : 0);
      EXPECT_EQ(m.at(node, c), expected);
    }
  }
}

TEST(Script, FlatReadsAndRebuildsWithAnyFive) {
  const auto script = Script::Flat();
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(bits);
    EXPECT_EQ(script->CanRead(set), set.Count() >= 5);
    EXPECT_EQ(script->CanRebuild(set), set.Count() >= 5);
  }
}

TEST(Script, HeldAndSafeAreWhatTheDesignSays) {
  const auto nested = Script::Nested();
  const auto flat = Script::Flat();
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet held = NodeSet::FromBits(bits);
    const auto per_dc = held.PerDataCenter();
    const int worst_dc = *std::max_element(per_dc.begin(), per_dc.end());
    // Nested SAFE: two in each data center. Flat SAFE: five left without the fullest one.
    EXPECT_EQ(nested->HeldSurvivesAnyDataCenter(held), DataCentersWith(held, 2) == 3) << bits;
    EXPECT_EQ(flat->HeldSurvivesAnyDataCenter(held), held.Count() - worst_dc >= 5) << bits;
    EXPECT_EQ(nested->HeldSurvivesAnyNode(held),
              DataCentersWith(held, 2) == 3 || DataCentersWith(held, 3) == 2)
        << bits;
    EXPECT_EQ(flat->HeldSurvivesAnyNode(held), held.Count() >= 6) << bits;
  }
}

TEST(Script, TextAndIdAreFrozenAndFound) {
  EXPECT_EQ(Script::Nested()->text(),
            "key: 2 of (2 of dc[0], 2 of dc[1], 2 of dc[2])\ncode: lrc local 2+1 global 2\n");
  EXPECT_EQ(Script::Flat()->text(), "key: 5 of all\ncode: mds k=5\n");
  EXPECT_EQ(Script::Nested()->id().Hex(),
            "b792ca0af0e60fa9459f1a90b4a861f0931fa94bd3ad84619a26edd4fd0d55b3");
  EXPECT_EQ(Script::Flat()->id().Hex(),
            "f86b567c8fbb7f9aee67e494ddef9adcdb7a53267e151896e5e79044c51b0c06");
  EXPECT_EQ(Script::Copy()->text(), "key: 2 of (2 of dc[0], 2 of dc[1], 2 of dc[2])\ncode: copy\n");
  EXPECT_EQ(Script::Copy()->id().Hex(),
            "6c3ea698df23a0ca6bd6d6f9ef1e413458eccb0a4b83497e9242e30a0b3b5ea9");
  EXPECT_EQ(*ScriptBook().Find(Script::Flat()->id()), Script::Flat());
  EXPECT_EQ(*ScriptBook().Find(Script::Copy()->id()), Script::Copy());
  ScriptId unknown;
  EXPECT_EQ(ScriptBook().Find(unknown).status().code(), absl::StatusCode::kNotFound);
  const auto own = *Script::Compile("key: 4 of all code: mds k=4");
  EXPECT_FALSE(ScriptBook().Find(own->id()).ok());
  EXPECT_EQ(*ScriptBook({own}).Find(own->id()), own);
}

TEST(Script, BadClausesDoNotCompileAndNameTheSmallestSet) {
  const auto names = ScriptNames::Create({"virginia", "frankfurt", "tokyo"});
  ASSERT_TRUE(names.ok());
  const auto fails = [&](const KeyPolicy& key, const CodeClause& code, const char* why,
                         const DeclaredLosses& survives = {}) {
    const auto script = Script::Create({key, code, survives}, *names);
    ASSERT_FALSE(script.ok()) << why;
    EXPECT_EQ(script.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(script.status().message()), HasSubstr(why));
  };
  const KeyPolicy dc0 = KeyPolicy::OfDataCenter(2, DataCenterAt(0));
  const KeyPolicy dc1 = KeyPolicy::OfDataCenter(2, DataCenterAt(1));
  const KeyPolicy dc2 = KeyPolicy::OfDataCenter(2, DataCenterAt(2));
  fails(KeyPolicy::OfAll(4), CodeClause::Mds(5),
        "nodes virginia-1, virginia-2, virginia-3, frankfurt-1 may read but cannot rebuild the "
        "ciphertext");
  fails(KeyPolicy::OfAll(4), CodeClause::Local(),
        "nodes virginia-1, virginia-2, virginia-3, frankfurt-1 may read but cannot rebuild");
  fails(KeyPolicy::OfAll(3), CodeClause::Mds(3),
        "nodes virginia-1, virginia-2, virginia-3 could read: data center virginia alone");
  fails(KeyPolicy::Gate(2,
                        {
                            KeyPolicy::OfDataCenter(3, DataCenterAt(0)),
                            KeyPolicy::Gate(1, {dc1, KeyPolicy::OfDataCenter(1, DataCenterAt(2))}),
                        }),
        CodeClause::Mds(2), "without data center virginia, nodes frankfurt-1");
  // Not the first data center, which takes three nodes: two of another one are fewer.
  fails(KeyPolicy::Gate(1, {KeyPolicy::OfDataCenter(3, DataCenterAt(0)), dc1, dc2}),
        CodeClause::Mds(2), "nodes frankfurt-1, frankfurt-2 could read: data center frankfurt");
  fails(KeyPolicy::OfAll(7), CodeClause::Mds(5),
        "without data center virginia, nodes frankfurt-1, frankfurt-2, frankfurt-3, tokyo-1, "
        "tokyo-2, tokyo-3 could not read");
  // Five were declared; four lost ones are enough to show that it cannot be.
  const KeyPolicy nested = KeyPolicy::Gate(2, {dc0, dc1, dc2});
  fails(nested, CodeClause::Local(),
        "\"survives: any 5 nodes\" does not hold: without nodes virginia-1, virginia-2, "
        "frankfurt-1, frankfurt-2, nodes virginia-3, frankfurt-3, tokyo-1, tokyo-2, tokyo-3 could "
        "not read",
        {5, 0, 0});
  fails(nested, CodeClause::Local(),
        "\"survives: any dc and any 2 nodes\" does not hold: without "
        "nodes virginia-1, virginia-2, virginia-3, frankfurt-1, "
        "frankfurt-2,",
        {0, 2, 0});
  EXPECT_TRUE(Script::Create({nested, CodeClause::Local(), {3, 1, 1}}).ok());
  // Without a place in the clause, tokyo is no help.
  fails(KeyPolicy::Gate(2, {dc0, dc1}), CodeClause::Local(),
        "without data center virginia, nodes frankfurt-1, frankfurt-2, frankfurt-3, tokyo-1, "
        "tokyo-2, tokyo-3 could not read");
  fails(KeyPolicy::Gate(2, {dc0, dc1, dc1}), CodeClause::Local(),
        "nodes frankfurt-1, frankfurt-2 could read: data center frankfurt alone must not");
  fails(KeyPolicy::Gate(2, std::vector<KeyPolicy>(9, dc0)), CodeClause::Local(),
        "node[0] stands in it more than 8 times");
  fails(KeyPolicy::Gate(4, {dc0, dc1, dc2}), CodeClause::Local(), "threshold 4");
  fails(KeyPolicy::Leaf(NodeAt(0)), CodeClause::Local(), "must be a gate");
  fails(KeyPolicy::OfAll(5), CodeClause::Mds(0), "k=0");
  const KeyPolicy deep = KeyPolicy::Gate(1, {KeyPolicy::Gate(1, {KeyPolicy::OfAll(5)})});
  EXPECT_TRUE(Script::Create({deep, CodeClause::Mds(5), {}}).ok());
  fails(KeyPolicy::Gate(1, {deep}), CodeClause::Mds(5), "nest deeper");
}

TEST(Script, SetsComeSmallestFirstThenLowestNodes) {
  const auto& sets = SetsBySize();
  EXPECT_EQ(sets[0], NodeSet());
  EXPECT_EQ(sets[1], NodeSet::FromBits(1));
  EXPECT_EQ(sets[10], NodeSet::FromBits(0b11));
  EXPECT_EQ(sets[11], NodeSet::FromBits(0b101));  // {0, 2} before {1, 2}
  EXPECT_EQ(sets[511], NodeSet::All());
}

}  // namespace
}  // namespace worldb::cryptoscatter
