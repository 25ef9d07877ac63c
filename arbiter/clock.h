// Time as an interval: now() says where true time surely lies, and how much to trust that.
//
// True time lies in [midpoint - bound, midpoint + bound] while quality is not kNone. Stamps come only
// from here; elapsed time comes from the executor and is never mixed with it.
// Source:  docs/glossary.md "clock bound".
#ifndef WORLDB_ARBITER_CLOCK_H_
#define WORLDB_ARBITER_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace worldb::arbiter {

enum class ClockQuality : std::uint8_t { kNone = 0, kHoldover = 1, kSynchronised = 2 };

struct ClockReading {
  absl::Time midpoint;   // whole nanoseconds
  absl::Duration bound;  // half-width, whole nanoseconds, never negative
  ClockQuality quality = ClockQuality::kNone;

  absl::Time Earliest() const { return midpoint - bound; }
  absl::Time Latest() const { return midpoint + bound; }
};

class Clock {
 public:
  virtual ~Clock() = default;
  // Returns at once. Midpoints may step backwards; whoever stamps guards against that.
  // Threads: may be called from any thread.
  virtual ClockReading Now() const = 0;
};

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_CLOCK_H_
