#include "tools/recover/claims.h"

namespace worldb::tools {
namespace {

bool IsShare(const Spot& spot) {
  return spot.kind == Spot::Kind::kRow || spot.kind == Spot::Kind::kFile;
}

}  // namespace

VersionClaims::VersionClaims(const Catalog& catalog, cryptoscatter::BatchVerifier& verifier,
                             std::span<const Spot> key_spots) {
  std::map<CoreId, std::pair<SlotEpoch, Version>> first;
  for (const Spot& spot : key_spots) {
    if (!IsShare(spot)) continue;
    const std::pair claim(spot.slot_epoch, spot.version);
    if (first.try_emplace(spot.core, claim).first->second != claim) contested_[spot.core];
  }
  if (contested_.empty()) return;
  for (const Spot& spot : key_spots) {
    const auto tally = IsShare(spot) ? contested_.find(spot.core) : contested_.end();
    if (tally == contested_.end()) continue;
    auto found = catalog.Fetch(spot);
    if (!found.ok()) continue;
    engine::OfflineValue value(catalog.keys(), catalog.script_book(), verifier);
    value.Add(*std::move(found));
    if (value.fragments().empty() && value.key_shares().empty()) continue;
    tally->second.Count({spot.slot_epoch, spot.version}, NodeAt(spot.index));
  }
}

std::optional<Version> VersionClaims::InsteadOf(const CoreId& core, SlotEpoch slot_epoch,
                                                Version version) const {
  const auto tally = contested_.find(core);
  if (tally == contested_.end()) return std::nullopt;
  const auto other = tally->second.InsteadOf({slot_epoch, version});
  return other.has_value() ? std::optional(other->second) : std::nullopt;
}

}  // namespace worldb::tools
