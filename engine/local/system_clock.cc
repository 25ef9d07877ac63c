#include "engine/local/system_clock.h"

#include "absl/time/clock.h"

namespace worldb::engine {

arbiter::ClockReading ConfiguredBoundClock::Now() const {
  return {absl::FromUnixNanos(absl::GetCurrentTimeNanos()), bound_,
          arbiter::ClockQuality::kSynchronised};
}

}  // namespace worldb::engine
