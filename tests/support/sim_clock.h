// A node's clock in virtual time: the world's time, put wrong as the test wishes.
//
// True time is Epoch() plus the world's elapsed time; the midpoint is true time plus the offset. An
// offset larger than the bound makes a lying clock.
// Threads: none; all calls from the world's thread.
#ifndef WORLDB_TESTS_SUPPORT_SIM_CLOCK_H_
#define WORLDB_TESTS_SUPPORT_SIM_CLOCK_H_

#include "absl/time/time.h"
#include "arbiter/clock.h"
#include "tests/support/sim_executor.h"

namespace worldb::testing {

class SimClock final : public arbiter::Clock {
 public:
  // `world` must outlive the clock.
  explicit SimClock(const SimWorld& world, absl::Duration bound = absl::Milliseconds(1))
      : world_(world), bound_(bound) {}

  // Where true time stands when the world begins: 2025-01-01 00:00:00 UTC.
  static absl::Time Epoch() { return absl::FromUnixSeconds(1735689600); }

  arbiter::ClockReading Now() const override { return {TrueTime() + offset_, bound_, quality_}; }
  absl::Time TrueTime() const { return Epoch() + world_.Elapsed(); }

  void set_offset(absl::Duration offset) { offset_ = offset; }
  void set_bound(absl::Duration bound) { bound_ = bound; }
  void set_quality(arbiter::ClockQuality quality) { quality_ = quality; }

 private:
  const SimWorld& world_;
  absl::Duration offset_ = absl::ZeroDuration();
  absl::Duration bound_;
  arbiter::ClockQuality quality_ = arbiter::ClockQuality::kSynchronised;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SIM_CLOCK_H_
