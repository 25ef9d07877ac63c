// Goal:   the tables are the truth: a set of nodes opens a value, or rebuilds its ciphertext,
// exactly when
//         the script says so; and no data center's three shares open it, in any way the API offers.
// Method: all 512 subsets, with real sealing, coding and opening, for both scripts and suites.
#include <gtest/gtest.h>

#include "cryptoscatter/opener.h"
#include "cryptoscatter/stripe_aead.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;
using testing::ScatteredValue;

std::vector<IndexedKeyShare> KeySharesOf(const ScatteredValue& scattered, NodeSet set) {
  std::vector<IndexedKeyShare> out;
  for (int j = 0; j < kNodeCount; ++j) {
    if (set.Has(j)) {
      out.push_back({NodeAt(j), scattered.key_shares[static_cast<std::size_t>(j)].Duplicate()});
    }
  }
  return out;
}

FragmentSpans FragmentsOf(const ScatteredValue& scattered, NodeSet set) {
  FragmentSpans out;
  for (std::size_t j = 0; j < out.size(); ++j) {
    if (set.Has(static_cast<int>(j))) out[j] = scattered.shares[j].fragment;
  }
  return out;
}

class Subsets : public ::testing::TestWithParam<std::tuple<bool, Suite>> {
 protected:
  bool nested() const { return std::get<0>(GetParam()); }

  std::shared_ptr<const Script> script_ = nested() ? Script::Nested() : Script::Flat();
  ScatterCell cell_{nested() ? 11u : 12u, script_, std::get<1>(GetParam())};
  const ByteSpan name_ = AsBytes("users/ada/settings");
};

TEST_P(Subsets, All512OpenExactlyWhenTheTableSays) {
  int readable = 0;
  int rebuildable = 0;
  // One short stripe, and three stripes with a short last one.
  for (std::size_t bytes : {300u, 200'001u}) {
    const Bytes value(bytes, 0x5a);
    const ScatteredValue scattered = cell_.Scatter(name_, value);
    for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
      const NodeSet set = NodeSet::FromBits(bits);
      const FragmentSpans fragments = FragmentsOf(scattered, set);
      const auto ciphertext =
          script_->code().Rebuild(set, fragments, scattered.sealed.ciphertext.size());
      ASSERT_EQ(ciphertext.ok(), script_->CanRebuild(set)) << bits;
      if (ciphertext.ok()) ASSERT_TRUE(*ciphertext == scattered.sealed.ciphertext) << bits;
      const auto opened = OpenValue(*script_, scattered.sealed.core, set, fragments,
                                    KeySharesOf(scattered, set), name_);
      ASSERT_EQ(opened.ok(), script_->IsReadable(set)) << bits << " " << opened.status();
      if (opened.ok()) {
        ASSERT_TRUE(std::equal(value.begin(), value.end(), opened->value.ExposeSecret().begin(),
                               opened->value.ExposeSecret().end()));
      }
      readable += opened.ok() ? 1 : 0;
      rebuildable += ciphertext.ok() ? 1 : 0;
    }
  }
  EXPECT_EQ(readable, 2 * 256);
  EXPECT_EQ(rebuildable, 2 * (nested() ? 364 : 256));
}

TEST_P(Subsets, NoDataCenterAloneOpensEvenWithAllCiphertext) {
  const ScatteredValue scattered = cell_.Scatter(name_, AsBytes("the plan"));
  for (int d = 0; d < kDataCenterCount; ++d) {
    const NodeSet dc = NodeSet::Of(DataCenterAt(d));
    // Its own three shares, through the decoder.
    BatchVerifier verifier;
    GatherDecoder decoder({cell_.cell(), std::nullopt, std::nullopt}, verifier);
    for (int j = 3 * d; j < 3 * d + 3; ++j) {
      const auto at = static_cast<std::size_t>(j);
      decoder.Add(scattered.shares[at], scattered.key_shares[at].Duplicate(), "own");
      // The same share under every other index: the leaf gives it away.
      for (int other = 0; other < kNodeCount; ++other) {
        Share moved = scattered.shares[at];
        moved.index = NodeAt(other);
        if (other != j) {
          EXPECT_FALSE(decoder.Add(moved, scattered.key_shares[at].Duplicate(), "own").proof_ok);
        }
      }
    }
    EXPECT_FALSE(decoder.IsReadable());
    EXPECT_EQ(decoder.Open().status().code(), absl::StatusCode::kFailedPrecondition);

    // Every fragment there is, but only its key shares: combined as they are, one twice, under the
    // indices of any other nodes, or as the key itself.
    const FragmentSpans all = FragmentsOf(scattered, NodeSet::All());
    EXPECT_EQ(
        OpenValue(*script_, scattered.sealed.core, NodeSet::All(), all, KeySharesOf(scattered, dc))
            .status()
            .code(),
        absl::StatusCode::kFailedPrecondition);
    std::vector<IndexedKeyShare> twice = KeySharesOf(scattered, dc);
    twice.push_back({twice[0].index, twice[0].share.Duplicate()});
    EXPECT_FALSE(script_->key_sharing().Combine(twice).ok());
    for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
      const NodeSet pretended = NodeSet::FromBits(bits);
      if (!script_->CanRead(pretended)) continue;
      std::vector<IndexedKeyShare> shares;
      for (int j = 0; j < kNodeCount; ++j) {
        if (!pretended.Has(j)) continue;
        const auto from = static_cast<std::size_t>(dc.Has(j) ? j : 3 * d + j % 3);
        shares.push_back({NodeAt(j), scattered.key_shares[from].Duplicate()});
      }
      EXPECT_EQ(OpenValue(*script_, scattered.sealed.core, NodeSet::All(), all, shares).status(),
                OpenFailure());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(ScriptsAndSuites, Subsets,
                         ::testing::Combine(::testing::Bool(), ::testing::ValuesIn(kAllSuites)));

}  // namespace
}  // namespace worldb::cryptoscatter
