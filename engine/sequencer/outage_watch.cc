#include "engine/sequencer/outage_watch.h"

#include <algorithm>

namespace worldb::engine {
namespace {
constexpr absl::Duration kLookEvery = absl::Milliseconds(500);
constexpr absl::Duration kDeclaredHolds = absl::Seconds(2);
}  // namespace

void OutageWatch::Start() {
  declared_.fill(-absl::InfiniteDuration());
  Look();
}

void OutageWatch::DeclareOut(DataCenterIndex data_center) {
  if (data_center == self_.data_center()) return;
  declared_[data_center.value()] = self_.now();
  notes_.NoteOutage(data_center, /*out=*/true);
}

void OutageWatch::Look() {
  if (notes_.open()) {
    for (int i = 0; i < kDataCenterCount; ++i) {
      const DataCenterIndex dc = DataCenterAt(i);
      if (dc == self_.data_center()) continue;
      const bool out = state_.out().contains(dc);
      const bool declared = self_.now() - declared_[i] < kDeclaredHolds;
      const bool heard = peers_.Reachable().CountIn(dc) > 0;
      if (!out && (declared || peers_.SilentFor(dc) >= kSilentFor)) notes_.NoteOutage(dc, true);
      if (out && !declared && heard) notes_.NoteOutage(dc, false);
    }
  }
  self_.executor().PostAfter(kLookEvery, [this] { Look(); });
}

}  // namespace worldb::engine
