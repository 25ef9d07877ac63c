// When the log gets a checkpoint, and how much of it may go.
//
// Replicas keep their state in step with the log, so that a restart is short; what two of the triad's
// nodes could start from without it may be trimmed, once the sum of that state is in the rest of the
// log for whoever starts there.
// A core: entries, reports and elapsed time come as arguments.
// Threads: one owner.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ENGINE_SEQUENCER_LOG_TRIMMER_H_
#define WORLDB_ENGINE_SEQUENCER_LOG_TRIMMER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "arbiter/home_state.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/ids.h"
#include "engine/context/node_parts.h"

namespace worldb::engine {

class LogTrimmer {
 public:
  explicit LogTrimmer(const CheckpointLimits& limits) : limits_(limits) {}

  // A term begins on this state. What was applied before it counts: else a cell that restarts often would
  // never have a checkpoint.
  void Begin(const arbiter::HomeState& state, absl::Duration now);

  // Somebody waits for a checkpoint: it gets an entry of its own, unless the last one is younger than
  // limits.every.
  void Want() { wanted_ = true; }
  // Worth an entry of its own.
  bool Overdue(absl::Duration now) const;
  // The entry being built carries one.
  bool Due(absl::Duration now) const;
  // The newest checkpoint whose sum the log is known to have.
  LogIndex sum_logged() const { return sum_logged_; }

  // An entry of this term was appended, and applied.
  void NoteAppended(std::size_t bytes);
  void NoteApplied(const arbiter::LogEntry& entry, absl::Duration now);
  // A node of the triad would start from this checkpoint. Returns up to where the log may be trimmed, if
  // that is further than before.
  std::optional<LogIndex> NoteSynced(NodeIndex node, LogIndex checkpoint);
  // It was not trimmed: the next report says so again.
  void NoteNotTrimmed(LogIndex floor);

 private:
  const CheckpointLimits limits_;
  // Since the last checkpoint entry, whoever wrote it; bytes only of this term.
  std::uint64_t entries_since_ = 0;
  std::uint64_t bytes_since_ = 0;
  absl::Duration asked_;
  bool wanted_ = false;
  LogIndex sum_logged_;
  std::array<LogIndex, kNodesPerDataCenter> synced_;  // by place in the triad
  LogIndex trimmed_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_LOG_TRIMMER_H_
