#include "engine/repair/repair_desk.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {

using cryptoscatter::PairwiseKey;

absl::Status RepairDesk::Usable(const VersionRef& version, const HeldShare& held, bool part_ok) {
  if (absl::IsNotFound(held.row)) return held.row;
  if (!held.reason.empty()) damaged_(version);
  if (!held.row.ok()) return held.row;
  return held.metadata_ok && part_ok ? absl::OkStatus() : absl::DataLossError(held.reason);
}

void RepairDesk::GiveFragment(NodeIndex to, const FetchFragment& request) {
  if (to == self_.index()) return;
  shares_.Inspect(request.version, request.with_fragment, [this, to, request](HeldShare held) {
    FetchFragmentReply reply;
    reply.id = request.id;
    reply.status = Usable(request.version, held, held.fragment_ok);
    if (reply.status.ok()) {
      if (!request.with_fragment) held.share.fragment.clear();
      reply.share = std::make_shared<const cryptoscatter::Share>(std::move(held.share));
    }
    self_.Send(to, std::move(reply));
  });
}

void RepairDesk::GiveContribution(NodeIndex to, const RepairKeyShare& request) {
  if (to == self_.index()) return;
  shares_.Inspect(request.version, /*with_fragment=*/false,
                  [this, to, request](const HeldShare& held) {
                    RepairKeyShareReply reply;
                    reply.id = request.id;
                    reply.status = Usable(request.version, held, held.key_share_ok);
                    if (reply.status.ok()) {
                      auto contribution = Contribute(to, request, held);
                      reply.status = contribution.status();
                      if (contribution.ok()) reply.contribution = *contribution;
                    }
                    self_.Send(to, std::move(reply));
                  });
}

absl::StatusOr<cryptoscatter::SealedContribution> RepairDesk::Contribute(
    NodeIndex target, const RepairKeyShare& request, const HeldShare& held) {
  const CommitmentId commitment = held.share.Commitment();
  if (commitment != request.commitment) {
    return absl::AlreadyExistsError(absl::StrCat("version ", request.version.version.value(),
                                                 " is stored here with another commitment, ",
                                                 commitment.Hex().substr(0, 16)));
  }
  WORLDB_ASSIGN_OR_RETURN(const auto script, self_.cell().FindScript(held.share.script));
  const cryptoscatter::KeyRepair repair{commitment, held.share.generation, target, request.helpers};
  cryptoscatter::MaskKeys mask_keys{};
  for (int helper = 0; helper < kNodeCount; ++helper) {
    if (!request.helpers.Has(helper) || NodeAt(helper) == self_.index()) continue;
    WORLDB_ASSIGN_OR_RETURN(mask_keys[static_cast<std::size_t>(helper)],
                            MaskKeyWith(NodeAt(helper)));
  }
  WORLDB_ASSIGN_OR_RETURN(
      const cryptoscatter::KeyShare contribution,
      cryptoscatter::MakeContribution(script->key_sharing(), repair, self_.index(), *held.key_share,
                                      mask_keys));
  WORLDB_ASSIGN_OR_RETURN(const PairwiseKeys::KeyPtr sealer,
                          keys_.SealerKey(self_.cell().node(target).exchange_key));
  return cryptoscatter::SealContribution(*sealer, repair, self_.index(), contribution, entropy_);
}

absl::StatusOr<const PairwiseKey*> RepairDesk::MaskKeyWith(NodeIndex helper) {
  auto& key = mask_keys_[helper.value()];
  if (key == nullptr) {
    WORLDB_ASSIGN_OR_RETURN(
        PairwiseKey made, cryptoscatter::MaskKeyOf(secrets_.exchange, self_.index(),
                                                   self_.cell().node(helper).exchange_key, helper));
    key = std::make_unique<const PairwiseKey>(std::move(made));
  }
  return key.get();
}

}  // namespace worldb::engine
