// Goal:   a key share comes back out of its helpers' contributions and out of nothing less, and no
//         contribution shows the share it was made of.
// Method: the lost share itself is the judge; helper sets against the sets the scripts' key clauses
//         name, spelled out here; every way to mix up two repairs must miss the share.
#include "cryptoscatter/key_repair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/merkle.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;
using testing::ScatteredValue;

Bytes PlainOf(const KeyShare& share) { return ToBytes(share.ExposeSecret()); }

// What each helper sends, sealed and opened again on the way.
std::vector<IndexedKeyShare> Contributions(ScatterCell& cell, const KeyShares& shares,
                                           const KeyRepair& repair) {
  std::vector<IndexedKeyShare> out;
  for (int helper = 0; helper < kNodeCount; ++helper) {
    if (!repair.helpers.Has(helper)) continue;
    std::vector<PairwiseKey> keys;
    keys.reserve(kNodeCount);
    MaskKeys mask_keys{};
    for (int other = 0; other < kNodeCount; ++other) {
      if (other == helper) continue;
      keys.push_back(*MaskKeyOf(cell.exchange(helper), NodeAt(helper),
                                cell.exchange(other).public_key(), NodeAt(other)));
      mask_keys[static_cast<std::size_t>(other)] = &keys.back();
    }
    auto made = MakeContribution(cell.script().key_sharing(), repair, NodeAt(helper),
                                 shares[static_cast<std::size_t>(helper)], mask_keys);
    EXPECT_TRUE(made.ok()) << made.status();
    const int target = repair.target.value();
    const auto sealed = SealContribution(
        *cell.exchange(helper).PairwiseKeyAsSealer(cell.exchange(target).public_key()), repair,
        NodeAt(helper), *made, cell.entropy());
    const auto opener =
        cell.exchange(target).PairwiseKeyAsOpener(cell.exchange(helper).public_key());
    auto opened = OpenContribution(*opener, repair, NodeAt(helper), sealed);
    EXPECT_TRUE(opened.ok());
    EXPECT_EQ(PlainOf(*opened), PlainOf(*made));
    out.push_back({NodeAt(helper), *std::move(opened)});
  }
  return out;
}

Bytes SumOf(const std::vector<IndexedKeyShare>& contributions, std::uint32_t which) {
  KeyShare sum(contributions.front().share.rows());
  for (std::size_t i = 0; i < contributions.size(); ++i) {
    if ((which >> i) & 1) AddTo(sum, contributions[i].share);
  }
  return PlainOf(sum);
}

// From the words of the key clauses: two neighbours, or one and two of each other data center; any
// five others.
bool NamesHelpers(bool nested, int target, NodeSet set) {
  if (set.Has(target)) return false;
  if (!nested) return set.Count() == 5;
  const int home = target / kNodesPerDataCenter;
  std::array<int, kDataCenterCount> counts = set.PerDataCenter();
  const int near = std::exchange(counts[static_cast<std::size_t>(home)], 2);
  if (near == 2) return set.Count() == 2;
  return near == 1 && counts == std::array<int, kDataCenterCount>{2, 2, 2};
}

class KeyRepairTest : public ::testing::TestWithParam<bool> {
 protected:
  bool nested() const { return GetParam(); }
  ScatterCell cell_{91, nested() ? Script::Nested() : Script::Flat()};
  const KeySharing& sharing() { return cell_.script().key_sharing(); }
};

TEST_P(KeyRepairTest, HelperSetsAreThoseOfTheKeyClauseNeighboursFirst) {
  for (int target = 0; target < kNodeCount; ++target) {
    const auto all = KeyHelperSets(sharing(), NodeAt(target), NodeSet::All());
    std::size_t expected = 0;
    for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
      const NodeSet set = NodeSet::FromBits(bits);
      const bool named = NamesHelpers(nested(), target, set);
      expected += named ? 1 : 0;
      EXPECT_EQ(named, std::find(all.begin(), all.end(), set) != all.end())
          << target << " " << bits;
    }
    ASSERT_EQ(all.size(), expected);
    NodeSet neighbours = NodeSet::Of(DataCenterOf(NodeAt(target)));
    neighbours.Remove(NodeAt(target));
    EXPECT_TRUE(neighbours.Minus(all.front()).empty());
    // With one neighbour gone there is still a way, with both gone nested has none.
    NodeSet without = NodeSet::All().Minus(neighbours);
    EXPECT_EQ(KeyHelperSets(sharing(), NodeAt(target), without).empty(), nested());
  }
}

TEST_P(KeyRepairTest, EveryTargetOutOfEveryHelperSetAndNothingLess) {
  const ScatteredValue value = cell_.Scatter(AsBytes("key"), AsBytes("value"));
  const ScatteredValue other = cell_.Scatter(AsBytes("key"), AsBytes("other value"));
  const CoreId core = value.sealed.core.Id();
  const CommitmentId commitment = value.sealed.Commitment();
  for (int target = 0; target < kNodeCount; ++target) {
    const Bytes lost = PlainOf(value.key_shares[static_cast<std::size_t>(target)]);
    const Hash256& signed_hash = value.shares[static_cast<std::size_t>(target)].key_share_hash;
    const auto sets = KeyHelperSets(sharing(), NodeAt(target), NodeSet::All());
    for (std::size_t s = 0; s < sets.size(); s += nested() ? 1 : 5) {
      const KeyRepair repair{commitment, 0, NodeAt(target), sets[s]};
      const auto given = Contributions(cell_, value.key_shares, repair);
      const auto joined = JoinContributions(sharing(), repair, given);
      ASSERT_TRUE(joined.ok()) << joined.status();
      ASSERT_EQ(PlainOf(*joined), lost);
      EXPECT_EQ(KeyShareHash(core, NodeAt(target), *joined), signed_hash);
      // No smaller sum is the share, nor any sum with an unmasked share in it.
      const std::uint32_t whole = (1u << given.size()) - 1;
      for (std::uint32_t which = 1; which < whole; ++which) EXPECT_NE(SumOf(given, which), lost);
      std::vector<IndexedKeyShare> fewer;
      for (std::size_t i = 1; i < given.size(); ++i) {
        fewer.push_back({given[i].index, given[i].share.Duplicate()});
      }
      EXPECT_EQ(JoinContributions(sharing(), repair, fewer).status().code(),
                absl::StatusCode::kInvalidArgument);
      // One contribution made for another commitment, target or helper set spoils the sum.
      const auto mixed = [&](const std::vector<IndexedKeyShare>& stray) {
        std::vector<IndexedKeyShare> mix;
        for (const IndexedKeyShare& one : given) {
          mix.push_back({one.index, one.share.Duplicate()});
          for (const IndexedKeyShare& two : stray) {
            if (mix.size() == 1 && two.index == one.index) mix[0].share = two.share.Duplicate();
          }
        }
        const auto sum = JoinContributions(sharing(), repair, mix);
        ASSERT_TRUE(sum.ok());
        EXPECT_NE(PlainOf(*sum), lost);
        EXPECT_NE(KeyShareHash(core, NodeAt(target), *sum), signed_hash);
      };
      mixed(Contributions(cell_, value.key_shares,
                          {other.sealed.Commitment(), 0, NodeAt(target), sets[s]}));
      const NodeSet next = sets[(s + 1) % sets.size()];
      const NodeIndex first = given.front().index;
      if (next.Has(first)) {
        mixed(Contributions(cell_, value.key_shares, {commitment, 0, NodeAt(target), next}));
      }
      for (int wrong = 0; wrong < kNodeCount; ++wrong) {
        const auto of = KeyHelperSets(sharing(), NodeAt(wrong), sets[s]);
        if (wrong == target || of.empty() || !of.front().Has(first)) continue;
        mixed(Contributions(cell_, value.key_shares, {commitment, 0, NodeAt(wrong), of.front()}));
        break;
      }
    }
  }
}

TEST_P(KeyRepairTest, AContributionShowsNeitherTheShareNorTheSameMaskTwice) {
  const ScatteredValue value = cell_.Scatter(AsBytes("key"), AsBytes("value"));
  // Anybody can sign another tree over the same core.
  SealedValue other_tree = value.sealed;
  other_tree.key_share_hashes[8].bytes[0] ^= 1;
  // Masks are what remains of a contribution when all shares are zero. Over many repairs no mask
  // comes twice for one helper, and each bit is set about half of the time.
  KeyShares zero;
  for (int j = 0; j < kNodeCount; ++j) {
    zero[static_cast<std::size_t>(j)] = KeyShare(sharing().RowCount(NodeAt(j)));
  }
  std::map<int, std::vector<Bytes>> masks;
  for (int target = 0; target < kNodeCount; ++target) {
    for (const NodeSet set : KeyHelperSets(sharing(), NodeAt(target), NodeSet::All())) {
      for (const CommitmentId& id : {value.sealed.Commitment(), other_tree.Commitment()}) {
        for (const IndexedKeyShare& mask :
             Contributions(cell_, zero, {id, 0, NodeAt(target), set})) {
          masks[mask.index.value()].push_back(PlainOf(mask.share));
        }
      }
      if (!nested()) break;  // one set a target is enough of them
    }
  }
  std::size_t ones = 0;
  std::size_t bits = 0;
  for (auto& [helper, seen] : masks) {
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << helper;
    for (const Bytes& mask : seen) {
      for (const std::uint8_t byte : mask) ones += static_cast<std::size_t>(std::popcount(byte));
      bits += 8 * mask.size();
    }
  }
  EXPECT_NEAR(static_cast<double>(ones) / static_cast<double>(bits), 0.5, 0.02) << bits << " bits";
}

TEST_P(KeyRepairTest, RefusesSetsThatDoNotFitAndStrangersSeals) {
  const ScatteredValue value = cell_.Scatter(AsBytes("key"), AsBytes("value"));
  const NodeSet right = KeyHelperSets(sharing(), NodeAt(0), NodeSet::All()).front();
  KeyRepair repair{value.sealed.Commitment(), 0, NodeAt(0), right};
  const auto code_of = [&](NodeSet helpers, int helper) {
    std::vector<PairwiseKey> keys(kNodeCount);
    MaskKeys mask_keys{};
    for (std::size_t i = 0; i < keys.size(); ++i) mask_keys[i] = &keys[i];
    return MakeContribution(sharing(), {repair.commitment, 0, NodeAt(0), helpers}, NodeAt(helper),
                            value.key_shares[static_cast<std::size_t>(helper)], mask_keys)
        .status()
        .code();
  };
  NodeSet more = right;
  more.Add(NodeAt(8));
  NodeSet itself = right;
  itself.Add(NodeAt(0));
  EXPECT_EQ(code_of(right, 1), absl::StatusCode::kOk);
  EXPECT_EQ(code_of(right, 8), absl::StatusCode::kInvalidArgument) << "no helper";
  EXPECT_EQ(code_of(more, 1), absl::StatusCode::kFailedPrecondition) << "one too many";
  EXPECT_EQ(code_of(itself, 1), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_of(NodeSet::FromBits(0b10), 1), absl::StatusCode::kFailedPrecondition);

  const auto pairwise = *cell_.exchange(1).PairwiseKeyAsSealer(cell_.exchange(0).public_key());
  const auto sealed =
      SealContribution(pairwise, repair, NodeAt(1), value.key_shares[1], cell_.entropy());
  const auto same = *cell_.exchange(0).PairwiseKeyAsOpener(cell_.exchange(1).public_key());
  const auto strange = *cell_.exchange(0).PairwiseKeyAsOpener(cell_.exchange(2).public_key());
  EXPECT_TRUE(OpenContribution(same, repair, NodeAt(1), sealed).ok());
  EXPECT_FALSE(OpenContribution(strange, repair, NodeAt(1), sealed).ok());
  EXPECT_FALSE(OpenContribution(same, repair, NodeAt(2), sealed).ok());
  repair.generation = 1;
  EXPECT_FALSE(OpenContribution(same, repair, NodeAt(1), sealed).ok());
}

TEST(SiblingMetadata, NamesTheLeafAndLeadsToTheSameCommitment) {
  ScatterCell cell(5);
  const ScatteredValue value = cell.Scatter(AsBytes("key"), AsBytes("value"));
  for (std::size_t from = 0; from < kNodeCount; ++from) {
    for (std::size_t to = 0; to < kNodeCount; ++to) {
      if (from == to || from / 3 != to / 3) continue;
      const Share& real = value.shares[to];
      SiblingMetadata sibling = MetadataOfSibling(value.shares[from], NodeAt(static_cast<int>(to)));
      EXPECT_EQ(sibling.leaf,
                ShareLeaf(real.core.Id(), real.index, real.fragment_root, real.key_share_hash));
      sibling.share.fragment_root = real.fragment_root;
      sibling.share.key_share_hash = real.key_share_hash;
      sibling.share.fragment = real.fragment;
      sibling.share.proof = real.proof;
      EXPECT_EQ(sibling.share, real);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Scripts, KeyRepairTest, ::testing::Values(true, false),
                         [](const auto& info) { return info.param ? "Nested" : "Flat"; });

}  // namespace
}  // namespace worldb::cryptoscatter
