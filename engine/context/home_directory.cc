#include "engine/context/home_directory.h"

namespace worldb::engine {

bool HomeDirectory::On(NodeIndex from, const SequencerBeat& beat) {
  if (DataCenterOf(from) != beat.home) return false;
  Entry& entry = entries_[beat.home.value()];
  if (entry.leader.has_value() && beat.log_epoch < entry.leader->log_epoch) return false;
  entry.leader = Leader{from, beat.log_epoch};
  entry.heard = self_.now();
  return true;
}

std::optional<NodeIndex> HomeDirectory::SequencerOf(DataCenterIndex home) const {
  const std::optional<Leader>& leader = entries_[home.value()].leader;
  return leader.has_value() ? std::optional(leader->sequencer) : std::nullopt;
}

bool HomeDirectory::IsSilent(DataCenterIndex home) const {
  const Entry& entry = entries_[home.value()];
  return !entry.leader.has_value() || self_.now() - entry.heard > kSequencerSilentAfter;
}

}  // namespace worldb::engine
