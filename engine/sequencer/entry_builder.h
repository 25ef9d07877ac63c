// Makes the entries of the log, one at a time, and keeps the one under way until its fate is known.
//
// An entry is built against exactly the state applied before it; whatever waits meanwhile shares the
// next one. An append of unknown fate is made again with the very same bytes, for as long as it takes;
// one that was refused, and surely wrote nothing, is taken apart again, so that no reading grows old in
// it.
// A core: what is ready, how the log answered and the time come as arguments.
// Threads: one owner.
// Source:  docs/protocol.md 4; ARCHITECTURE.md invariants 7 and 8.
#ifndef WORLDB_ENGINE_SEQUENCER_ENTRY_BUILDER_H_
#define WORLDB_ENGINE_SEQUENCER_ENTRY_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/accept_log.h"
#include "arbiter/clock.h"
#include "arbiter/home_state.h"
#include "arbiter/latency_window.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "engine/home/log_notes.h"
#include "engine/sequencer/frame_intake.h"

namespace worldb::engine {

class EntryBuilder {
 public:
  static constexpr std::size_t kCandidatesPerEntryMax = 1024;
  // A window that changed by less is left as it is.
  static constexpr absl::Duration kWindowChangeMin = absl::Milliseconds(1);

  struct Inputs {
    absl::Duration now;
    arbiter::ClockReading reading;       // what the entry is recorded under
    std::optional<absl::Time> close_at;  // rounds due by then are closed
    std::vector<ReadyFrame> frames;      // at most kCandidatesPerEntryMax
    LogIndex sum_logged;                 // the newest checkpoint whose sum the log has
    bool read_mark = false;              // somebody waits for one
    bool checkpoint = false;             // one is due: the entry carries it
    bool checkpoint_overdue = false;     // an entry is made for it alone
  };
  struct Entry {
    LogIndex previous;
    arbiter::LogEntry entry;
    SharedBytes bytes;
    std::size_t frame_count = 0;
  };
  // What the log's answer means for the entry under way.
  enum class Fate {
    kWritten,      // take it, and apply it
    kAppendAgain,  // the very same bytes, after a pause
    kBuildAgain,   // after a pause; what it carried waits again
    kDeposed,      // somebody else writes the log
  };

  EntryBuilder(NodeIndex author, LogNotes& notes, const arbiter::WindowLimits& limits)
      : author_(author), notes_(notes), window_(limits) {}

  void Begin(LogEpoch epoch) { epoch_ = epoch; }
  // Forgets the entry under way.
  void Clear() { under_way_.reset(); }

  // The next entry, now under way; nullopt when there is nothing to say. REQUIRES: none is under way.
  const Entry* Build(const arbiter::HomeState& state, const Inputs& inputs);
  bool under_way() const { return under_way_.has_value(); }
  // REQUIRES, all three: one is under way.
  const Entry& entry() const { return under_way_->entry; }
  Fate Settle(arbiter::AppendResult::Kind result);
  // The entry that was written; another may be built then.
  Entry TakeWritten(absl::Duration now);

 private:
  struct UnderWay {
    Entry entry;
    bool unknown = false;  // some append of it had no clear answer
  };
  static void AddClose(const arbiter::HomeState& state, std::optional<absl::Time> close_at,
                       arbiter::LogEntry& entry);
  void AddWindow(const arbiter::HomeState& state, absl::Duration now, arbiter::LogEntry& entry);
  static void AddFrames(const std::vector<ReadyFrame>& frames, arbiter::LogEntry& entry);
  void AddNotes(const arbiter::HomeState& state, LogIndex sum_logged, arbiter::LogEntry& entry);
  // Once for each recorded candidate, however often its entry was built.
  void SampleDelays(const arbiter::LogEntry& entry, absl::Duration now);

  const NodeIndex author_;
  LogNotes& notes_;
  LogEpoch epoch_;
  std::uint64_t author_number_ = 0;
  std::optional<UnderWay> under_way_;
  arbiter::LatencyWindow window_;
  absl::Duration window_computed_ = -absl::InfiniteDuration();
  std::uint64_t window_samples_ = 0;
  bool window_known_ = false;  // computed from samples at least once
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_ENTRY_BUILDER_H_
