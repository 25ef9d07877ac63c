#include "cryptoscatter/key_repair.h"

#include <sodium.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

using Weights = std::array<std::uint8_t, kNodeCount>;

// Nullopt unless the helpers give the target's row and each of them is needed: the weights are then
// the only ones there are.
std::optional<Weights> WeightsOf(const KeySharing& sharing, NodeIndex target, NodeSet helpers) {
  WORLDB_CHECK(target.value() < kNodeCount);
  if (helpers.empty() || helpers.Has(target)) return std::nullopt;
  std::vector<int> rows;
  for (int node = 0; node < kNodeCount; ++node) {
    if (helpers.Has(node)) rows.push_back(node);
  }
  const gf256::Matrix matrix = sharing.matrix().Rows(rows);
  const std::optional<Bytes> factors = gf256::Express(matrix, sharing.matrix().row(target.value()));
  if (!factors.has_value() || gf256::Rank(matrix) != helpers.Count()) return std::nullopt;
  Weights weights{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if ((*factors)[i] == 0) return std::nullopt;
    weights[static_cast<std::size_t>(rows[i])] = (*factors)[i];
  }
  return weights;
}

// Core id, generation, target, helpers.
constexpr std::size_t kRepairBytes = 32 + 4 + 1 + 2;
using RepairBytes = std::array<std::uint8_t, kRepairBytes>;

RepairBytes BytesOf(const KeyRepair& repair) {
  ByteWriter out(kRepairBytes);
  out.Raw(repair.core.bytes).U32(repair.generation).U8(repair.target.value());
  out.U16(repair.helpers.bits());
  RepairBytes bytes;
  std::copy(out.span().begin(), out.span().end(), bytes.begin());
  return bytes;
}

using HelperBytes = std::array<std::uint8_t, kRepairBytes + 1>;

HelperBytes BytesOf(const KeyRepair& repair, NodeIndex helper) {
  HelperBytes bytes;
  const RepairBytes front = BytesOf(repair);
  *std::copy(front.begin(), front.end(), bytes.begin()) = helper.value();
  return bytes;
}

SecretArray<32> SealKeyOf(const PairwiseKey& pairwise, const HelperBytes& about) {
  SecretArray<32> key;
  KeyedHash(labels::kRepairSealKey, pairwise.ExposeSecret(), about, key.ExposeSecretMutable());
  return key;
}

}  // namespace

std::vector<NodeSet> KeyHelperSets(const KeySharing& sharing, NodeIndex target, NodeSet present) {
  std::vector<NodeSet> sets;
  for (std::uint32_t bits = 1; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(bits);
    if (set.Minus(present).empty() && WeightsOf(sharing, target, set).has_value()) {
      sets.push_back(set);
    }
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
  const RepairBytes about = BytesOf(repair);
  KeyShare sum = Scale((*weights)[helper.value()], share);
  for (int other = 0; other < kNodeCount; ++other) {
    if (!repair.helpers.Has(other) || NodeAt(other) == helper) continue;
    const PairwiseKey* key = mask_keys[static_cast<std::size_t>(other)];
    WORLDB_CHECK(key != nullptr);
    KeyShare mask;
    KeyedHash(labels::kRepairMask, key->ExposeSecret(), about, mask.ExposeSecretMutable());
    AddTo(sum, mask);
  }
  return sum;
}

SealedContribution SealContribution(const PairwiseKey& pairwise, const KeyRepair& repair,
                                    NodeIndex helper, const KeyShare& contribution,
                                    Entropy& entropy) {
  const HelperBytes about = BytesOf(repair, helper);
  const SecretArray<32> key = SealKeyOf(pairwise, about);
  SealedContribution sealed;
  entropy.Fill(sealed.nonce);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      sealed.box.data(), nullptr, contribution.ExposeSecret().data(), contribution.size(),
      about.data(), about.size(), nullptr, sealed.nonce.data(), key.ExposeSecret().data());
  return sealed;
}

absl::StatusOr<KeyShare> OpenContribution(const PairwiseKey& pairwise, const KeyRepair& repair,
                                          NodeIndex helper, const SealedContribution& sealed) {
  const HelperBytes about = BytesOf(repair, helper);
  const SecretArray<32> key = SealKeyOf(pairwise, about);
  KeyShare contribution;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(contribution.ExposeSecretMutable().data(), nullptr,
                                                 nullptr, sealed.box.data(), sealed.box.size(),
                                                 about.data(), about.size(), sealed.nonce.data(),
                                                 key.ExposeSecret().data()) != 0) {
    return OpenFailure();
  }
  return contribution;
}

absl::StatusOr<KeyShare> JoinContributions(const KeyRepair& repair,
                                           std::span<const IndexedKeyShare> contributions) {
  NodeSet given;
  KeyShare sum;
  for (const IndexedKeyShare& contribution : contributions) {
    if (contribution.index.value() >= kNodeCount || given.Has(contribution.index) ||
        !repair.helpers.Has(contribution.index)) {
      return absl::InvalidArgumentError(absl::StrCat("contribution of node ",
                                                     contribution.index.value(),
                                                     ", who is no helper or was heard before"));
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
