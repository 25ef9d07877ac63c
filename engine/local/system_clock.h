// The machine's wall clock with a half-width an operator vouches for.
//
// Threads: any.
#ifndef WORLDB_ENGINE_LOCAL_SYSTEM_CLOCK_H_
#define WORLDB_ENGINE_LOCAL_SYSTEM_CLOCK_H_

#include "arbiter/clock.h"

namespace worldb::engine {

class ConfiguredBoundClock final : public arbiter::Clock {
 public:
  explicit ConfiguredBoundClock(absl::Duration bound) : bound_(bound) {}
  arbiter::ClockReading Now() const override;

 private:
  const absl::Duration bound_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_SYSTEM_CLOCK_H_
