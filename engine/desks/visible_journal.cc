#include "engine/desks/visible_journal.h"

#include <algorithm>
#include <variant>

namespace worldb::engine {

void VisibleJournal::Begin(const arbiter::HomeState& state) {
  Clear();
  for (const arbiter::RoundId& id : state.VisibleSince(LogIndex())) {
    items_.push_back({state.FindVersion(id)->visible_at, id});
  }
}

void VisibleJournal::Append(LogIndex applied, const std::vector<arbiter::Effect>& effects) {
  const auto old_count = static_cast<std::ptrdiff_t>(items_.size());
  for (const arbiter::Effect& effect : effects) {
    if (const auto* visible = std::get_if<arbiter::VersionVisible>(&effect)) {
      items_.push_back({applied, visible->id});
    }
  }
  std::sort(items_.begin() + old_count, items_.end());
}

void VisibleJournal::Clear() {
  floor_ = end();
  items_.clear();
}

VisibleJournal::Place VisibleJournal::FirstAfter(const WatchPosition& position) const {
  const auto it = std::upper_bound(items_.begin(), items_.end(), position);
  return floor_ + static_cast<Place>(it - items_.begin());
}

}  // namespace worldb::engine
