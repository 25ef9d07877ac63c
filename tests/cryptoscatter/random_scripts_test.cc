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

namespace worldb::cryptoscatter {
namespace {

using testing::RandomScripts;
using testing::SeededEntropy;

struct Totals {
  int scripts = 0;
  int sets = 0;
  int repairs = 0;
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
}

// The key share of any one node is a weighted sum of those of others, under every script: what is lost
// singly can be repaired.
void ExpectEachKeyShareIsRepairable(const Script& script, SeededEntropy& entropy) {
  const KeySharing& sharing = script.key_sharing();
  KeySecret secret;
  entropy.Fill(secret.ExposeSecretMutable());
  const KeyShares key_shares = sharing.Split(secret, entropy);
  for (int target = 0; target < kNodeCount; ++target) {
    NodeSet others = NodeSet::All();
    others.Remove(NodeAt(target));
    const std::vector<NodeSet> helper_sets = KeyHelperSets(sharing, NodeAt(target), others);
    ASSERT_FALSE(helper_sets.empty()) << script.text() << target;
    std::vector<int> helpers;
    for (int j = 0; j < kNodeCount; ++j) {
      if (helper_sets.front().Has(j)) helpers.push_back(j);
    }
    const auto factors =
        gf256::Express(sharing.matrix().Rows(helpers), sharing.matrix().row(target));
    ASSERT_TRUE(factors.has_value());
    KeyShare sum;
    for (std::size_t i = 0; i < helpers.size(); ++i) {
      AddTo(sum, Scale((*factors)[i], key_shares[static_cast<std::size_t>(helpers[i])]));
    }
    const auto expected = key_shares[static_cast<std::size_t>(target)].ExposeSecret();
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), sum.ExposeSecret().begin()));
  }
}

TEST(RandomScripts, AnyOneKeyShareIsASumOfOthers) {
  SeededEntropy entropy(8);
  for (const auto& script : {Script::Nested(), Script::Flat(), Script::Copy()}) {
    ASSERT_NO_FATAL_FAILURE(ExpectEachKeyShareIsRepairable(*script, entropy));
  }
  RandomScripts random(2029);
  for (int i = 0; i < 200; ++i) {
    ASSERT_NO_FATAL_FAILURE(ExpectEachKeyShareIsRepairable(*random.Next(), entropy));
  }
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
