#include "engine/shares/held_share.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/ports/store.h"
#include "engine/shares/stored_form.h"

namespace worldb::engine {
namespace {

std::string NameOf(const Cell& cell, NodeIndex index, const VersionRef& version) {
  return absl::StrCat("share ", index.value(), " of version ", version.version.value(), " on node ",
                      cell.node(index).name);
}

void AppendReason(std::string& reason, absl::string_view more) {
  absl::StrAppend(&reason, reason.empty() ? "" : "; ", more);
}

}  // namespace

bool HeldShare::unread() const { return !row.ok() && !IsMissingOrDamaged(row); }

HeldShare HeldShare::Unusable(const Cell& cell, NodeIndex index, const VersionRef& version,
                              const absl::Status& row) {
  HeldShare held;
  held.row = row;
  held.reason = absl::StrCat(NameOf(cell, index, version), ": ",
                             absl::IsNotFound(row) ? "missing" : row.message());
  return held;
}

std::string Misplaced(const Cell& cell, NodeIndex index, const VersionRef& version,
                      const cryptoscatter::Share& share) {
  if (share.index == index && share.slot == cell.SlotOf(version.key_tag)) return {};
  return absl::StrCat(NameOf(cell, index, version), ": in its place lies share ",
                      share.index.value(), " of slot ", share.slot.value());
}

void ShareJudge::Judge(HeldShare& held, cryptoscatter::BatchVerifier& verifier) const {
  held.reason = Misplaced(*cell, index, version, held.share);
  if (!held.reason.empty()) return;
  auto key_share = cryptoscatter::UnwrapKeyShare(*storage_key, PlaceOf(*cell, held.share),
                                                 *held.stored_key_share);
  if (key_share.ok()) held.key_share = *std::move(key_share);
  const cryptoscatter::ShareVerdict verdict = cryptoscatter::VerifyShare(
      held.share, cell->id(), verifier, held.key_share ? &*held.key_share : nullptr,
      cell->node(index).name, with_fragment, cell->scripts().book());
  held.metadata_ok = verdict.proof_ok && proof.ok();
  if (verdict.proof_ok) held.proved = verdict.commitment;
  held.fragment_ok = !with_fragment || verdict.fragment_usable();
  held.key_share_ok = verdict.key_share_usable();
  held.reason = verdict.reason;
  if (!proof.ok()) AppendReason(held.reason, proof.message());
  if (!held.key_share.has_value()) {
    AppendReason(held.reason,
                 absl::StrCat(NameOf(*cell, index, version), ": its key share does not unwrap"));
  }
}

}  // namespace worldb::engine
