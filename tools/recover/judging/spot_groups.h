// Spots in their order, a key or a version at a time.
//
// Threads: pure functions.
#ifndef WORLDB_TOOLS_RECOVER_JUDGING_SPOT_GROUPS_H_
#define WORLDB_TOOLS_RECOVER_JUDGING_SPOT_GROUPS_H_

#include <algorithm>
#include <span>
#include <tuple>

#include "tools/recover/judging/share_source.h"

namespace worldb::tools {

// The order of ShareSource::spots().
inline bool IsBefore(const Spot& a, const Spot& b) {
  const auto order = [](const Spot& spot) {
    // Newest first: complements.
    return std::tuple(spot.key_tag, ~spot.slot_epoch.value(), ~spot.version.value(), spot.core,
                      spot.kind, spot.source, spot.detail);
  };
  return order(a) < order(b);
}

inline bool IsSameKey(const Spot& a, const Spot& b) { return a.key_tag == b.key_tag; }
// REQUIRES: of one key.
inline bool IsSameVersion(const Spot& a, const Spot& b) {
  return a.version == b.version && a.slot_epoch == b.slot_epoch;
}
inline bool IsSameCore(const Spot& a, const Spot& b) { return a.core == b.core; }

// Takes from the front of `rest` the first spot and all behind it that are the same.
// REQUIRES: `rest` is not empty.
template <typename Same>
std::span<const Spot> TakeGroup(std::span<const Spot>& rest, Same same) {
  const Spot& first = rest.front();
  const auto end = std::find_if_not(rest.begin(), rest.end(),
                                    [&](const Spot& spot) { return same(first, spot); });
  const auto count = static_cast<std::size_t>(end - rest.begin());
  const std::span<const Spot> group = rest.first(count);
  rest = rest.subspan(count);
  return group;
}

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_JUDGING_SPOT_GROUPS_H_
