// Goal: the simulated clock tells the world's time, as wrong as it was made.
#include "tests/support/sim_clock.h"

#include <gtest/gtest.h>

namespace worldb::testing {
namespace {

TEST(SimClockTest, ReadsTheWorldsTimeWithTheOffsetBoundAndQualityGiven) {
  SimWorld world;
  SimClock clock(world, absl::Milliseconds(2));
  world.RunFor(absl::Seconds(10));
  EXPECT_EQ(clock.Now().midpoint, SimClock::Epoch() + absl::Seconds(10));
  EXPECT_EQ(clock.Now().bound, absl::Milliseconds(2));
  EXPECT_EQ(clock.Now().quality, arbiter::ClockQuality::kSynchronised);
  clock.set_offset(absl::Milliseconds(-7));
  clock.set_bound(absl::Milliseconds(5));
  clock.set_quality(arbiter::ClockQuality::kHoldover);
  EXPECT_EQ(clock.Now().midpoint, clock.TrueTime() - absl::Milliseconds(7));
  EXPECT_LT(clock.Now().Latest(), clock.TrueTime());  // a clock that lies
  EXPECT_EQ(clock.Now().quality, arbiter::ClockQuality::kHoldover);
}

}  // namespace
}  // namespace worldb::testing
