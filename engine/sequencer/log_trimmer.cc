#include "engine/sequencer/log_trimmer.h"

#include <algorithm>
#include <variant>

#include "engine/cell/triad.h"

namespace worldb::engine {

void LogTrimmer::Begin(const arbiter::HomeState& state, absl::Duration now) {
  entries_since_ = state.applied().value() - state.checkpoint().at.value();
  bytes_since_ = 0;
  asked_ = now;
  wanted_ = false;
  // Whether the last sum is logged is not known here; once more does no harm.
  sum_logged_ = LogIndex();
  synced_ = {};
  trimmed_ = LogIndex();
}

bool LogTrimmer::Overdue(absl::Duration now) const {
  return entries_since_ >= limits_.entries || bytes_since_ >= limits_.bytes ||
         (wanted_ && entries_since_ > 0 && now - asked_ >= limits_.every);
}

bool LogTrimmer::Due(absl::Duration now) const {
  return Overdue(now) || (entries_since_ > 0 && now - asked_ >= limits_.every);
}

void LogTrimmer::NoteAppended(std::size_t bytes) {
  ++entries_since_;
  bytes_since_ += bytes;
}

void LogTrimmer::NoteApplied(const arbiter::LogEntry& entry, absl::Duration now) {
  for (const arbiter::LogRecord& record : entry.records) {
    if (const auto* sum = std::get_if<arbiter::StateSum>(&record)) sum_logged_ = sum->at;
  }
  if (!entry.checkpoint) return;
  entries_since_ = 0;
  bytes_since_ = 0;
  asked_ = now;
  wanted_ = false;
}

std::optional<LogIndex> LogTrimmer::NoteSynced(NodeIndex node, LogIndex checkpoint) {
  // Its last word counts, not its best: a node with a new disk has what it says now.
  synced_[Triad::PlaceOf(node)] = checkpoint;
  // The second newest of the triad: two nodes have synced at least that much.
  std::array<LogIndex, kNodesPerDataCenter> sorted = synced_;
  std::sort(sorted.begin(), sorted.end());
  const LogIndex floor = sorted[kNodesPerDataCenter - Triad::kMajority];
  // Whoever starts from that state finds its sum in the rest of the log.
  if (floor <= trimmed_ || floor > sum_logged_) return std::nullopt;
  trimmed_ = floor;
  return floor;
}

void LogTrimmer::NoteNotTrimmed(LogIndex floor) {
  trimmed_ = std::min(trimmed_, LogIndex(floor.value() - 1));
}

}  // namespace worldb::engine
