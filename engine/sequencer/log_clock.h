// What time it is, as a home's log is told it: this node's clock, as far as the log and the siblings bear
// it out.
//
// A reading is believed when it has a licence and a sibling's agrees with it, or, with no sibling to
// ask, when it fits the log: it lies within kSlack, and a thousandth of what has passed, of the log's time
// and what has passed since. It is not believed when both siblings agree with each other and not with it.
// So one clock alone, however wrong, moves the log's time by no more than kSlack, and two that agree move
// it forwards and back.
// A reading that is not believed is replaced by an estimate from the log's time and what has passed
// since, which says so: quality NONE, width zero.
// Siblings' readings come with their heartbeats, one way: what a reading was when it was sent is known,
// how long ago that is only up to kTransitMax.
// A core: readings and elapsed time come as arguments.
// Threads: one owner.
// Source:  docs/protocol.md 3; docs/decisions/018; ARCHITECTURE.md invariant 2.
#ifndef WORLDB_ENGINE_SEQUENCER_LOG_CLOCK_H_
#define WORLDB_ENGINE_SEQUENCER_LOG_CLOCK_H_

#include <array>
#include <optional>

#include "absl/time/time.h"
#include "arbiter/clock.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::engine {

class LogClock {
 public:
  static constexpr absl::Duration kSlack = absl::Seconds(1);
  static constexpr absl::Duration kTransitMax = absl::Seconds(1);
  // A sibling's reading older than this says nothing any more.
  static constexpr absl::Duration kFreshFor = absl::Seconds(2);

  // Both clocks at one moment: elapsed time, and what the node's clock says.
  struct Moment {
    absl::Duration now;
    arbiter::ClockReading reading;
  };
  struct Verdict {
    arbiter::ClockReading reading;  // for the log: the node's own, or an estimate
    absl::Time earliest;            // true time has reached this, as far as anybody can tell
    bool believed = false;
    bool sibling_believed = false;  // some sibling's would be
  };

  // `bound_max`: a reading with a wider bound has no licence.
  LogClock(NodeIndex self, absl::Duration bound_max) : self_(self), bound_max_(bound_max) {}

  // A sibling's reading, just received. Ignores other nodes'.
  void Hear(NodeIndex from, const arbiter::ClockReading& reading, absl::Duration now);
  // An entry was applied: what the log's earliest bound is now.
  void NoteLogEarliest(absl::Time log_earliest, absl::Duration now);
  // This node begins to write the log.
  void Begin(const Moment& at);

  Verdict Judge(const Moment& at);

 private:
  // True time lay in it when it was made; it goes on with elapsed time.
  struct Heard {
    arbiter::ClockReading reading;
    absl::Duration at = -absl::InfiniteDuration();
  };
  struct Interval {
    absl::Time earliest;
    absl::Time latest;
  };
  // True time surely stood at `time` when this node's elapsed time stood at `at`.
  struct Mark {
    absl::Time time = absl::InfinitePast();
    absl::Duration at;
    absl::Time After(absl::Duration now) const { return time + (now - at); }
  };

  bool Licensed(const arbiter::ClockReading& reading) const;
  std::optional<Interval> OfSibling(int place, absl::Duration now) const;
  static bool Agree(const Interval& a, const Interval& b);
  bool FitsLog(const Interval& reading, absl::Duration now) const;

  const NodeIndex self_;
  const absl::Duration bound_max_;
  std::array<Heard, kNodesPerDataCenter> heard_;
  Mark log_;      // its earliest bound, and when that last changed
  Mark sure_;     // no single clock's word: how far the log's time may rise is counted from here
  Mark assumed_;  // for a log that has no time yet
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_LOG_CLOCK_H_
