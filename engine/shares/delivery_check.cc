#include "engine/shares/delivery_check.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/share.h"

namespace worldb::engine {
namespace {

using cryptoscatter::Share;

// Whether it is for this node, and where its key's shares lie.
absl::Status CheckPlace(const Cell& cell, NodeIndex index, const Share& share) {
  if (share.index != index) {
    return absl::InvalidArgumentError(
        absl::StrCat("share ", share.index.value(), " was handed to node ", index.value()));
  }
  if (share.slot != cell.SlotOf(share.core.key_tag) || share.slot_epoch != cell.slot_epoch()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "share ", index.value(), " of version ", share.version.value(), ": slot ",
        share.slot.value(), " in slot epoch ", share.slot_epoch.value(), " is not its key's"));
  }
  if (share.core.kind == cryptoscatter::ValueKind::kFile) {
    return absl::InvalidArgumentError(
        absl::StrCat("share ", index.value(), ": a file is not kept by nodes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckedDelivery> CheckDelivery(const Cell& cell, NodeIndex index,
                                              const ShareDelivery& delivery,
                                              const cryptoscatter::PairwiseKey& opener,
                                              cryptoscatter::BatchVerifier& verifier,
                                              bool with_fragment) {
  const Share& share = delivery.share;
  WORLDB_RETURN_IF_ERROR(CheckPlace(cell, index, share));
  if (!cell.IsWriter(share.proof.signer)) {
    return absl::InvalidArgumentError(
        absl::StrCat("share ", index.value(), " of version ", share.version.value(), ": key ",
                     share.proof.signer.Hex(), " that signed it is no writer of this cell"));
  }
  const CoreId core = share.core.Id();
  absl::StatusOr<cryptoscatter::KeyShare> opened = cryptoscatter::OpenKeyShare(
      opener, {core, index, share.key_share_hash}, cell.node(index).id, delivery.key_share);
  const cryptoscatter::ShareVerdict verdict = cryptoscatter::VerifyShareOfCore(
      share, core, cell.id(), verifier, opened.ok() ? &*opened : nullptr,
      /*source=*/{}, with_fragment, cell.scripts().book());
  const bool rest_is_good = verdict.record_fault == cryptoscatter::ShareFault::kNone &&
                            verdict.fragment_fault == cryptoscatter::ShareFault::kNone;
  if (rest_is_good && !opened.ok()) return absl::DataLossError(opened.status().message());
  if (rest_is_good && verdict.key_share_fault != cryptoscatter::ShareFault::kNone) {
    return absl::DataLossError(verdict.reason);
  }
  WORLDB_RETURN_IF_ERROR(cryptoscatter::ToStatus(verdict));
  return CheckedDelivery{core, verdict.commitment, cryptoscatter::BatchRefOf(verdict.batch),
                         *std::move(opened)};
}

}  // namespace worldb::engine
