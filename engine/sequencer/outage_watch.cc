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
  if (data_center == context_.data_center()) return;
  declared_[data_center.value()] = context_.now();
  sequencer_.NoteOutage(data_center, /*out=*/true);
}

void OutageWatch::Look() {
  if (sequencer_.leading()) {
    for (int i = 0; i < kDataCenterCount; ++i) {
      const DataCenterIndex dc = DataCenterAt(i);
      if (dc == context_.data_center()) continue;
      const bool out = home_.state().out().contains(dc);
      const bool declared = context_.now() - declared_[i] < kDeclaredHolds;
      const bool heard = peers_.Reachable().CountIn(dc) > 0;
      if (!out && (declared || peers_.SilentFor(dc) >= kSilentFor)) sequencer_.NoteOutage(dc, true);
      if (out && !declared && heard) sequencer_.NoteOutage(dc, false);
    }
  }
  context_.executor().PostAfter(kLookEvery, [this] { Look(); });
}

}  // namespace worldb::engine
