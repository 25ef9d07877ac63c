#include "tools/recover/judging/claims.h"

namespace worldb::tools {

VersionClaims::VersionClaims(const ShareSource& source, cryptoscatter::BatchVerifier& verifier,
                             std::span<const Spot> key_spots) {
  std::map<CoreId, std::pair<SlotEpoch, Version>> first;
  for (const Spot& spot : key_spots) {
    if (!spot.IsShare()) continue;
    const std::pair claim(spot.slot_epoch, spot.version);
    if (first.try_emplace(spot.core, claim).first->second != claim) contested_[spot.core];
  }
  if (contested_.empty()) return;
  for (const Spot& spot : key_spots) {
    const auto tally = spot.IsShare() ? contested_.find(spot.core) : contested_.end();
    if (tally == contested_.end()) continue;
    auto found = source.Fetch(spot);
    if (!found.ok()) continue;
    engine::OfflineValue value(source.keys(), source.script_book(), verifier);
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
