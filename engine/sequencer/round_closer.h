// When rounds are closed, and what time the log is told.
//
// A CLOSE is decided on a clock reading taken first: once the earliest moment it may now be has reached
// a round's due time, all that had arrived by then is recorded, and then the round is closed as of that
// reading. True time is never taken to be earlier than the log's own earliest bound and what has passed
// since, whatever a clock says; a clock without a licence counts for nothing else.
// A core: readings and elapsed time come as arguments.
// Threads: one owner.
// Source:  docs/protocol.md 3; ARCHITECTURE.md invariant 2.
#ifndef WORLDB_ENGINE_SEQUENCER_ROUND_CLOSER_H_
#define WORLDB_ENGINE_SEQUENCER_ROUND_CLOSER_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "arbiter/clock.h"

namespace worldb::engine {

class RoundCloser {
 public:
  // No look at the clock waits longer: it may be set meanwhile.
  static constexpr absl::Duration kLookMax = absl::Milliseconds(100);

  // Both clocks at one moment: elapsed time, and what the node's clock says.
  struct Moment {
    absl::Duration now;
    arbiter::ClockReading reading;
  };

  // `bound_max`: a reading with a wider bound has no licence.
  explicit RoundCloser(absl::Duration bound_max) : bound_max_(bound_max) {}

  // A term begins, with the earliest bound the log has reached.
  void Begin(absl::Time log_earliest, absl::Duration now);
  void NoteLogEarliest(absl::Time log_earliest, absl::Duration now);

  // What an entry is recorded under. Without a licence the midpoint is an estimate by elapsed time, and
  // says so.
  arbiter::ClockReading LogReading(const Moment& at) const;

  // How long to wait before the next look, when the next round is due at `due`; nullopt when there is
  // nothing to wait for, or a look at least as early is coming. A later look is to be given up for it.
  std::optional<absl::Duration> Arm(absl::Time due, const Moment& at);
  // The look: the reading to close on, if the round due at `due` may be closed now.
  std::optional<absl::Time> Look(absl::Time due, const Moment& at);
  // What had arrived by the look are all frames before number `barrier`: they are recorded first.
  void Intend(absl::Time earliest, std::uint64_t barrier);
  // The reading to close on, once all frames before `first_sequence` are recorded; gives the intent up.
  std::optional<absl::Time> TakeIntent(std::uint64_t first_sequence);

 private:
  struct Intent {
    absl::Time earliest;
    std::uint64_t barrier = 0;
  };
  bool Licensed(const arbiter::ClockReading& reading) const;
  // True time has reached this.
  absl::Time EarliestNow(const Moment& at) const;

  const absl::Duration bound_max_;
  // The log's earliest bound, and when it last rose.
  absl::Time log_earliest_ = absl::InfinitePast();
  absl::Duration log_earliest_at_;
  absl::Time armed_for_ = absl::InfiniteFuture();
  bool looked_ = false;  // between Look() and Intend()
  std::optional<Intent> intent_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_ROUND_CLOSER_H_
