// Goal:   the 512-row table is the truth: for every set of nodes, real fragments rebuild and real key
//         shares combine exactly where the table of the compiled script says so.
// Method: the shipped scripts and 200 random ones (seeded) that compile; a ciphertext of two stripes,
//         the last one short, is coded, a key is split, and all 512 subsets are tried. Lost
//         fragments are rebuilt from what is left of random sets.
#include <gtest/gtest.h>

#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/script_report.h"
#include "tests/support/random_script.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/several_rows_script.h"

namespace worldb::cryptoscatter {
namespace {

using testing::RandomScripts;
using testing::SeededEntropy;

struct Totals {
  int scripts = 0;
  int sets = 0;
  int repairs = 0;
  int several_rows = 0;  // scripts with a node that has them
  int no_rows = 0;
};

void ExpectTableIsTrue(const Script& script, SeededEntropy& entropy, Totals& totals) {
  const std::size_t bytes = script.code().stripe_bytes() + 101;
  Bytes ciphertext(bytes);
  for (std::size_t i = 0; i < bytes; ++i) ciphertext[i] = static_cast<std::uint8_t>(i * i >> 3);
  const Fragments fragments = script.code().Encode(ciphertext);
  KeySecret secret;
  entropy.Fill(secret.ExposeSecretMutable());
  const KeyShares key_shares = script.key_sharing().Split(secret, entropy);

  for (const NodeSet set : SetsBySize()) {
    FragmentSpans present;
    std::vector<IndexedKeyShare> shares;
    for (int j = 0; j < kNodeCount; ++j) {
      const auto at = static_cast<std::size_t>(j);
      if (!set.Has(j)) continue;
      present[at] = fragments[at];
      shares.push_back({NodeAt(j), key_shares[at].Duplicate()});
    }
    const auto rebuilt = script.code().Rebuild(set, present, bytes);
    ASSERT_EQ(rebuilt.ok(), script.CanRebuild(set)) << script.text() << set.bits();
    if (rebuilt.ok()) ASSERT_TRUE(*rebuilt == ciphertext) << script.text() << set.bits();
    const auto combined = script.key_sharing().Combine(shares);
    ASSERT_EQ(combined.ok(), script.CanRead(set)) << script.text() << set.bits();
    ASSERT_EQ(combined.ok(), script.clauses().key.Admits(set)) << script.text() << set.bits();
    if (combined.ok()) {
      ASSERT_TRUE(std::equal(combined->ExposeSecret().begin(), combined->ExposeSecret().end(),
                             secret.ExposeSecret().begin()));
    }
    // Whoever may read can rebuild every lost fragment, whatever the code.
    if (script.CanRead(set) && set.bits() % 7 == 0) {
      for (int j = 0; j < kNodeCount; ++j) {
        if (set.Has(j)) continue;
        const auto fragment = script.code().RebuildFragment(NodeAt(j), set, present);
        ASSERT_TRUE(fragment.ok()) << script.text() << set.bits() << fragment.status();
        ASSERT_TRUE(*fragment == fragments[static_cast<std::size_t>(j)]);
        ++totals.repairs;
      }
    }
    ++totals.sets;
  }
  ++totals.scripts;
  const auto has = [&](auto rows_like) {
    for (const KeyShare& share : key_shares) {
      if (rows_like(share.rows())) return 1;
    }
    return 0;
  };
  totals.several_rows += has([](int rows) { return rows > 1; });
  totals.no_rows += has([](int rows) { return rows == 0; });
}

// The key share of any one node is a weighted sum of those of others, where each node has one place:
// what is lost singly can be repaired. A node with several may hold what the others do not give; then
// the rows say so. Returns how many such nodes there are.
int ExpectEachKeyShareIsRepairable(const Script& script, SeededEntropy& entropy) {
  const KeySharing& sharing = script.key_sharing();
  KeySecret secret;
  entropy.Fill(secret.ExposeSecretMutable());
  const KeyShares key_shares = sharing.Split(secret, entropy);
  // One for all pairs is as good as any: each mask comes twice.
  const PairwiseKey mask_key = PairwiseKey::FromRoot({});
  MaskKeys mask_keys;
  mask_keys.fill(&mask_key);
  int alone = 0;
  for (int target = 0; target < kNodeCount; ++target) {
    NodeSet others = NodeSet::All();
    others.Remove(NodeAt(target));
    const std::vector<NodeSet> helper_sets = KeyHelperSets(sharing, NodeAt(target), others);
    if (helper_sets.empty()) {
      const gf256::Matrix rest = sharing.matrix().Rows(sharing.RowsOf(others));
      const std::vector<int> own = sharing.RowsOf(NodeSet::All().Minus(others));
      EXPECT_GT(own.size(), 1u) << script.text() << target;
      EXPECT_TRUE(std::any_of(
          own.begin(), own.end(),
          [&](int row) { return !gf256::Express(rest, sharing.matrix().row(row)).has_value(); }))
          << script.text() << target;
      ++alone;
      continue;
    }
    for (const NodeSet helpers : {helper_sets.front(), helper_sets.back()}) {
      const KeyRepair repair{CommitmentId(), 0, NodeAt(target), helpers};
      std::vector<IndexedKeyShare> contributions;
      for (int j = 0; j < kNodeCount; ++j) {
        if (!helpers.Has(j)) continue;
        auto made = MakeContribution(sharing, repair, NodeAt(j),
                                     key_shares[static_cast<std::size_t>(j)], mask_keys);
        EXPECT_TRUE(made.ok()) << script.text() << target << made.status();
        if (made.ok()) contributions.push_back({NodeAt(j), *std::move(made)});
      }
      const auto joined = JoinContributions(sharing, repair, contributions);
      EXPECT_TRUE(joined.ok()) << script.text() << target << joined.status();
      if (!joined.ok()) continue;
      EXPECT_EQ(ToBytes(joined->ExposeSecret()),
                ToBytes(key_shares[static_cast<std::size_t>(target)].ExposeSecret()))
          << script.text() << target;
    }
  }
  return alone;
}

TEST(RandomScripts, AnyOneKeyShareIsASumOfOthers) {
  SeededEntropy entropy(8);
  for (const auto& script :
       {Script::Nested(), Script::Flat(), Script::Copy(), testing::SeveralRowsScript()}) {
    EXPECT_EQ(ExpectEachKeyShareIsRepairable(*script, entropy), 0) << script->text();
  }
  RandomScripts random(2029);
  int alone = 0;
  for (int i = 0; i < 200; ++i) alone += ExpectEachKeyShareIsRepairable(*random.Next(), entropy);
  EXPECT_GT(alone, 0);
  EXPECT_LT(alone, 200);
}

TEST(RandomScripts, EverySubsetDoesWhatTheTableSays) {
  SeededEntropy entropy(7);
  Totals totals;
  for (const auto& script : {Script::Nested(), Script::Flat(), Script::Copy()}) {
    ASSERT_NO_FATAL_FAILURE(ExpectTableIsTrue(*script, entropy, totals));
  }
  RandomScripts random(2026);
  for (int i = 0; i < 200; ++i) {
    ASSERT_NO_FATAL_FAILURE(ExpectTableIsTrue(*random.Next(), entropy, totals));
  }
  EXPECT_EQ(totals.sets, 203 * 512);
  EXPECT_GT(totals.repairs, 10'000);
  EXPECT_GT(totals.several_rows, 50);
  EXPECT_GT(totals.no_rows, 20);
}

// What the compiler refuses it refuses with a set that shows why, and the others would not have held.
TEST(RandomScripts, RefusalsAreRight) {
  RandomScripts random(2027);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const ScriptClauses clauses = random.Clauses();
    bool holds = true;
    const int k = clauses.code.data_count;
    const auto readable = [&](NodeSet set) {
      return clauses.key.Admits(set) &&
             (clauses.code.kind == CodeClause::Kind::kLocal ? Script::Nested()->CanRebuild(set)
                                                            : set.Count() >= k);
    };
    for (const NodeSet set : SetsBySize()) {
      const auto lost = NodeSet::All().Minus(set).PerDataCenter();
      const int most = *std::max_element(lost.begin(), lost.end());
      const int all = kNodeCount - set.Count();
      if (clauses.key.Admits(set)) {
        holds = holds && readable(set) && std::count(lost.begin(), lost.end(), 3) < 2;
        continue;
      }
      // Lost less than some declared loss, yet not readable.
      auto sorted = lost;
      std::sort(sorted.begin(), sorted.end());
      if (all == 3 && most == 3) holds = false;
      if (all <= clauses.survives.nodes) holds = false;
      if (most == 3 && clauses.survives.nodes_beside_dc > 0 &&
          all - 3 <= clauses.survives.nodes_beside_dc) {
        holds = false;
      }
      if (most == 3 && clauses.survives.nodes_in_each_beside > 0 &&
          sorted[1] <= clauses.survives.nodes_in_each_beside) {
        holds = false;
      }
    }
    const auto script = Script::Create(clauses);
    ASSERT_EQ(script.ok(), holds) << CanonicalText(clauses) << script.status();
    refused += holds ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 3000);
}

}  // namespace
}  // namespace worldb::cryptoscatter
