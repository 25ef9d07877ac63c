// Goal:   a round is closed on a reading taken before the last frames were drained, never before it is
//         due by the log's own time and what has passed since, and whatever an unlicensed clock says.
// Method: moments by hand; no clock runs.
#include "engine/sequencer/round_closer.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

constexpr absl::Duration kBoundMax = absl::Milliseconds(50);

absl::Time At(int ms) { return absl::FromUnixSeconds(1'000'000) + absl::Milliseconds(ms); }

// `now` and the clock in milliseconds; the clock's bound is 1 ms.
RoundCloser::Moment Moment(int now, int clock,
                           arbiter::ClockQuality quality = arbiter::ClockQuality::kSynchronised) {
  return {absl::Milliseconds(now), {At(clock), absl::Milliseconds(1), quality}};
}
RoundCloser::Moment Unlicensed(int now, int clock) {
  return Moment(now, clock, arbiter::ClockQuality::kNone);
}

class RoundCloserTest : public ::testing::Test {
 protected:
  RoundCloserTest() { closer_.Begin(At(-1), absl::ZeroDuration()); }
  RoundCloser closer_{kBoundMax};
};

TEST_F(RoundCloserTest, LooksWhenTheRoundIsDueAndClosesAfterTheDrain) {
  EXPECT_EQ(closer_.Arm(At(30), Moment(10, 10)), absl::Milliseconds(21)) << "earliest is 9";
  EXPECT_EQ(closer_.Look(At(30), Moment(31, 31)), At(30));
  EXPECT_EQ(closer_.Arm(At(30), Moment(31, 31)), std::nullopt) << "it is being closed";
  closer_.Intend(At(30), /*barrier=*/7);
  EXPECT_EQ(closer_.TakeIntent(6), std::nullopt) << "frame 6 arrived before the look";
  EXPECT_EQ(closer_.TakeIntent(7), At(30));
  EXPECT_EQ(closer_.TakeIntent(7), std::nullopt);
}

TEST_F(RoundCloserTest, AnEarlierRoundTakesTheTimer) {
  EXPECT_NE(closer_.Arm(At(90), Moment(0, 0)), std::nullopt);
  EXPECT_EQ(closer_.Arm(At(95), Moment(0, 0)), std::nullopt) << "a look is coming";
  EXPECT_EQ(closer_.Arm(At(40), Moment(0, 0)), absl::Milliseconds(41));
  EXPECT_EQ(closer_.Arm(absl::InfiniteFuture(), Moment(0, 0)), std::nullopt);
}

TEST_F(RoundCloserTest, NoLookIsFarAway) {
  EXPECT_EQ(closer_.Arm(At(5000), Moment(0, 0)), RoundCloser::kLookMax);
  EXPECT_EQ(closer_.Look(At(5000), Moment(100, 100)), std::nullopt) << "too early: look again";
  EXPECT_EQ(closer_.Arm(At(5000), Moment(100, 100)), RoundCloser::kLookMax);
}

TEST_F(RoundCloserTest, AClockSetBackDoesNotHoldRoundsOpen) {
  closer_.NoteLogEarliest(At(100), absl::Milliseconds(100));
  EXPECT_EQ(closer_.Look(At(150), Moment(151, -3'600'000)), At(151))
      << "the log's time and 51 ms more";
}

TEST_F(RoundCloserTest, WithoutALicenceElapsedTimeAloneCounts) {
  EXPECT_EQ(closer_.Look(At(30), Unlicensed(10, 3'600'000)), std::nullopt);
  EXPECT_EQ(closer_.Look(At(30), Unlicensed(31, -3'600'000)), At(30));
  RoundCloser::Moment wide = Moment(10, 3'600'000);
  wide.reading.bound = kBoundMax + absl::Milliseconds(1);
  EXPECT_EQ(closer_.Look(At(30), wide), std::nullopt) << "too wide a bound is no licence";
}

TEST_F(RoundCloserTest, TheLogIsToldTheReadingOrAnEstimateThatSaysSo) {
  EXPECT_EQ(closer_.LogReading(Moment(10, 12)).midpoint, At(12));
  const arbiter::ClockReading estimate = closer_.LogReading(Unlicensed(10, 3'600'000));
  EXPECT_EQ(estimate.midpoint, At(9));
  EXPECT_EQ(estimate.quality, arbiter::ClockQuality::kNone);
  RoundCloser fresh(kBoundMax);
  fresh.Begin(absl::InfinitePast(), absl::ZeroDuration());
  EXPECT_EQ(fresh.LogReading(Unlicensed(10, 77)).midpoint, At(77)) << "there is no better one";
}

TEST_F(RoundCloserTest, ANewTermKnowsNothingOfTheLast) {
  closer_.Look(At(30), Moment(40, 40));
  closer_.Intend(At(30), 0);
  closer_.Begin(At(50), absl::Milliseconds(50));
  EXPECT_EQ(closer_.TakeIntent(100), std::nullopt);
  EXPECT_EQ(closer_.Arm(At(60), Moment(50, 50)), absl::Milliseconds(10))
      << "the log has reached 50, the clock surely only 49";
}

}  // namespace
}  // namespace worldb::engine
