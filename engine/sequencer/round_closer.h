// When rounds are closed.
//
// A CLOSE is decided on a clock reading taken first: once the earliest moment it may now be has reached
// a round's due time, all that had arrived by then is recorded, and then the round is closed as of that
// reading. A round that is due later than any opened by now can be was opened under a clock that ran
// ahead: then all that are open are closed, for nobody can wait for it.
// A core: what time it is comes as an argument (sequencer/log_clock.h).
// Threads: one owner.
// Source:  docs/protocol.md 3; ARCHITECTURE.md invariant 2.
#ifndef WORLDB_ENGINE_SEQUENCER_ROUND_CLOSER_H_
#define WORLDB_ENGINE_SEQUENCER_ROUND_CLOSER_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace worldb::engine {

class RoundCloser {
 public:
  // No look at the clock waits longer: it may be set meanwhile.
  static constexpr absl::Duration kLookMax = absl::Milliseconds(100);

  // What the state says of its open rounds.
  struct Due {
    absl::Time first;
    absl::Time last;
  };

  // `window_max`: no round is due later than this after it was opened.
  explicit RoundCloser(absl::Duration window_max) : window_max_(window_max) {}

  // A term begins.
  void Begin();

  // How long to wait before the next look, if true time has reached `earliest`; nullopt when there is
  // nothing to wait for, or a look at least as early is coming. A later look is to be given up for it.
  std::optional<absl::Duration> Arm(const Due& due, absl::Time earliest);
  // The look: rounds due until when may be closed now, if any.
  std::optional<absl::Time> Look(const Due& due, absl::Time earliest);
  // What had arrived by the look are all frames before number `barrier`: they are recorded first.
  void Intend(absl::Time until, std::uint64_t barrier);
  // Rounds due until when are to be closed, once all frames before `first_sequence` are recorded; gives the
  // intent up.
  std::optional<absl::Time> TakeIntent(std::uint64_t first_sequence);

 private:
  struct Intent {
    absl::Time until;
    std::uint64_t barrier = 0;
  };
  bool OpenedAhead(const Due& due, absl::Time earliest) const;

  const absl::Duration window_max_;
  absl::Time armed_for_ = absl::InfiniteFuture();
  bool looked_ = false;  // between Look() and Intend()
  std::optional<Intent> intent_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_ROUND_CLOSER_H_
