#include "cryptoscatter/key_repair.h"

#include <algorithm>
#include <bitset>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"

namespace worldb::cryptoscatter {
namespace {

// Whether a space has all of these rows of the key matrix.
bool Has(const gf256::RowSpace& space, const KeySharing& sharing, const std::vector<int>& rows) {
  return std::all_of(rows.begin(), rows.end(),
                     [&](int row) { return space.Contains(sharing.matrix().row(row)); });
}

void AddRows(const KeySharing& sharing, NodeSet nodes, gf256::RowSpace& space) {
  for (const int row : sharing.RowsOf(nodes)) space.Add(sharing.matrix().row(row));
}

NodeSet Only(NodeIndex node) {
  NodeSet set;
  set.Add(node);
  return set;
}

using Sets = std::bitset<NodeSet::kSubsetCount>;

// Of `chosen` together with any of `later`: marks those that give `wanted`. `space` is of the rows of
// `chosen`; it grows from one set to the next, so that what sets have in common is reduced once.
void MarkGiving(const KeySharing& sharing, const std::vector<int>& wanted,
                const gf256::RowSpace& space, NodeSet chosen, NodeSet later, Sets& giving) {
  if (Has(space, sharing, wanted)) {
    for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
      const NodeSet more = NodeSet::FromBits(bits);
      if (more.Minus(later).empty()) giving.set((chosen | more).bits());
    }
    return;
  }
  for (int node = 0; node < kNodeCount; ++node) {
    if (!later.Has(node)) continue;
    later.Remove(NodeAt(node));
    gf256::RowSpace more = space;
    AddRows(sharing, Only(NodeAt(node)), more);
    MarkGiving(sharing, wanted, more, chosen | Only(NodeAt(node)), later, giving);
  }
}

// Of each helper: what to multiply its rows with, a row for each row of the target.
using Weights = std::array<gf256::Matrix, kNodeCount>;

// Nullopt unless the helpers give the target's rows and each of them is needed. Every helper comes to
// the same weights: those over the rows that are no sum of earlier ones, which are the only ones.
std::optional<Weights> WeightsOf(const KeySharing& sharing, NodeIndex target, NodeSet helpers) {
  WORLDB_CHECK(target.value() < kNodeCount);
  if (helpers.Has(target)) return std::nullopt;
  const std::vector<int> wanted = sharing.RowsOf(Only(target));
  const auto give = [&](NodeSet nodes) {
    gf256::RowSpace space(sharing.matrix().columns());
    AddRows(sharing, nodes, space);
    return Has(space, sharing, wanted);
  };
  if (!give(helpers)) return std::nullopt;
  Weights weights;
  for (int node = 0; node < kNodeCount; ++node) {
    if (!helpers.Has(node)) continue;
    if (give(helpers.Minus(Only(NodeAt(node))))) return std::nullopt;
    weights[static_cast<std::size_t>(node)] =
        gf256::Matrix(static_cast<int>(wanted.size()), sharing.RowCount(NodeAt(node)));
  }
  const gf256::Matrix rows = sharing.matrix().Rows(sharing.RowsOf(helpers));
  for (std::size_t t = 0; t < wanted.size(); ++t) {
    const Bytes factors = *gf256::Express(rows, sharing.matrix().row(wanted[t]));
    auto next = factors.begin();
    for (gf256::Matrix& of_helper : weights) {
      for (int r = 0; r < of_helper.columns(); ++r) of_helper.at(static_cast<int>(t), r) = *next++;
    }
  }
  return weights;
}

// Commitment, generation, target, helpers.
constexpr std::size_t kRepairBytes = 32 + 4 + 1 + 2;
using RepairBytes = std::array<std::uint8_t, kRepairBytes>;

RepairBytes BytesOf(const KeyRepair& repair) {
  FixedWriter<kRepairBytes> out;
  out.Raw(repair.commitment.bytes).U32(repair.generation).U8(repair.target.value());
  return out.U16(repair.helpers.bits()).array();
}

// And one byte more: a helper, or the number of a row.
using RepairPartBytes = std::array<std::uint8_t, kRepairBytes + 1>;

RepairPartBytes BytesOf(const KeyRepair& repair, std::uint8_t part) {
  return FixedWriter<kRepairBytes + 1>().Raw(BytesOf(repair)).U8(part).array();
}

SecretArray<32> SealKeyOf(const PairwiseKey& pairwise, const RepairPartBytes& about) {
  SecretArray<32> key;
  KeyedHash(labels::kRepairSealKey, pairwise.root.ExposeSecret(), about, key.ExposeSecretMutable());
  return key;
}

// Of `rows` rows, each hashed with its number.
KeyShare MaskOf(const PairwiseKey& mask_key, const KeyRepair& repair, int rows) {
  KeyShare mask(rows);
  for (int row = 0; row < rows; ++row) {
    KeyedHash(labels::kRepairMask, mask_key.root.ExposeSecret(),
              BytesOf(repair, static_cast<std::uint8_t>(row)), mask.ExposeRowMutable(row));
  }
  return mask;
}

}  // namespace

std::vector<NodeSet> KeyHelperSets(const KeySharing& sharing, NodeIndex target, NodeSet present) {
  WORLDB_CHECK(target.value() < kNodeCount);
  Sets giving;
  MarkGiving(sharing, sharing.RowsOf(Only(target)), gf256::RowSpace(sharing.matrix().columns()),
             NodeSet(), present.Minus(Only(target)), giving);
  std::vector<NodeSet> sets;
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    bool needed = giving[bits];
    for (int node = 0; node < kNodeCount; ++node) {
      needed = needed && ((bits >> node & 1) == 0 || !giving[bits & ~(1u << node)]);
    }
    if (needed) sets.push_back(NodeSet::FromBits(bits));
  }
  const NodeSet near = NodeSet::Of(DataCenterOf(target));
  const auto cost = [near](NodeSet set) {
    return std::make_tuple(set.Count(), set.Minus(near).Count(), set.bits());
  };
  std::sort(sets.begin(), sets.end(), [&cost](NodeSet a, NodeSet b) { return cost(a) < cost(b); });
  return sets;
}

absl::StatusOr<PairwiseKey> MaskKeyOf(const ExchangeKeyPair& own, NodeIndex own_index,
                                      const ExchangePublicKey& peer, NodeIndex peer_index) {
  WORLDB_CHECK(own_index != peer_index);
  return own_index < peer_index ? own.PairwiseKeyAsSealer(peer) : own.PairwiseKeyAsOpener(peer);
}

absl::StatusOr<KeyShare> MakeContribution(const KeySharing& sharing, const KeyRepair& repair,
                                          NodeIndex helper, const KeyShare& share,
                                          const MaskKeys& mask_keys) {
  if (helper.value() >= kNodeCount || !repair.helpers.Has(helper)) {
    return absl::InvalidArgumentError(
        absl::StrCat("node ", helper.value(), " is not among the helpers"));
  }
  const std::optional<Weights> weights = WeightsOf(sharing, repair.target, repair.helpers);
  if (!weights.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("key share ", repair.target.value(), " does not follow from those of helpers ",
                     repair.helpers.bits(), " (bits), or not from all of them"));
  }
  if (share.rows() != sharing.RowCount(helper)) {
    return absl::InvalidArgumentError(absl::StrCat("key share ", helper.value(), " has ",
                                                   share.rows(), " rows, not ",
                                                   sharing.RowCount(helper)));
  }
  KeyShare sum = Weigh((*weights)[helper.value()], share);
  for (int other = 0; other < kNodeCount; ++other) {
    if (!repair.helpers.Has(other) || NodeAt(other) == helper) continue;
    const PairwiseKey* key = mask_keys[static_cast<std::size_t>(other)];
    WORLDB_CHECK(key != nullptr);
    AddTo(sum, MaskOf(*key, repair, sum.rows()));
  }
  return sum;
}

SealedContribution SealContribution(const PairwiseKey& pairwise, const KeyRepair& repair,
                                    NodeIndex helper, const KeyShare& contribution,
                                    Entropy& entropy) {
  const RepairPartBytes about = BytesOf(repair, helper.value());
  const SecretArray<32> key = SealKeyOf(pairwise, about);
  SealedContribution sealed;
  entropy.Fill(sealed.nonce);
  sealed.box = KeyShareBox::Seal(key, sealed.nonce, about, contribution);
  return sealed;
}

absl::StatusOr<KeyShare> OpenContribution(const PairwiseKey& pairwise, const KeyRepair& repair,
                                          NodeIndex helper, const SealedContribution& sealed) {
  const RepairPartBytes about = BytesOf(repair, helper.value());
  const SecretArray<32> key = SealKeyOf(pairwise, about);
  return sealed.box.Open(key, sealed.nonce, about);
}

absl::StatusOr<KeyShare> JoinContributions(const KeySharing& sharing, const KeyRepair& repair,
                                           std::span<const IndexedKeyShare> contributions) {
  NodeSet given;
  KeyShare sum(sharing.RowCount(repair.target));
  for (const IndexedKeyShare& contribution : contributions) {
    if (contribution.index.value() >= kNodeCount || given.Has(contribution.index) ||
        !repair.helpers.Has(contribution.index)) {
      return absl::InvalidArgumentError(absl::StrCat("contribution of node ",
                                                     contribution.index.value(),
                                                     ", who is no helper or was heard before"));
    }
    if (contribution.share.rows() != sum.rows()) {
      return absl::InvalidArgumentError(
          absl::StrCat("contribution of node ", contribution.index.value(), " has ",
                       contribution.share.rows(), " rows, not ", sum.rows()));
    }
    given.Add(contribution.index);
    AddTo(sum, contribution.share);
  }
  if (given != repair.helpers) {
    return absl::InvalidArgumentError(absl::StrCat(given.Count(), " contributions of ",
                                                   repair.helpers.Count(),
                                                   "; without all of them the masks stay"));
  }
  return sum;
}

}  // namespace worldb::cryptoscatter
