// Goal:   a round is closed as of a moment read before the last frames were drained, never before it is
//         due; one opened under a clock that ran ahead is not waited for.
// Method: moments by hand; no clock runs.
#include "engine/sequencer/round_closer.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

constexpr absl::Duration kWindowMax = absl::Seconds(2);

absl::Time At(int ms) { return absl::FromUnixSeconds(1'000'000) + absl::Milliseconds(ms); }
RoundCloser::Due Due(int ms) { return {At(ms), At(ms)}; }

class RoundCloserTest : public ::testing::Test {
 protected:
  RoundCloserTest() { closer_.Begin(); }
  RoundCloser closer_{kWindowMax};
};

TEST_F(RoundCloserTest, LooksWhenTheRoundIsDueAndClosesAfterTheDrain) {
  EXPECT_EQ(closer_.Arm(Due(30), At(9)), absl::Milliseconds(21));
  EXPECT_EQ(closer_.Look(Due(30), At(30)), At(30));
  EXPECT_EQ(closer_.Arm(Due(30), At(30)), std::nullopt) << "it is being closed";
  closer_.Intend(At(30), /*barrier=*/7);
  EXPECT_EQ(closer_.TakeIntent(6), std::nullopt) << "frame 6 arrived before the look";
  EXPECT_EQ(closer_.TakeIntent(7), At(30));
  EXPECT_EQ(closer_.TakeIntent(7), std::nullopt);
}

TEST_F(RoundCloserTest, AnEarlierRoundTakesTheTimer) {
  EXPECT_NE(closer_.Arm(Due(90), At(0)), std::nullopt);
  EXPECT_EQ(closer_.Arm(Due(95), At(0)), std::nullopt) << "a look is coming";
  EXPECT_EQ(closer_.Arm(Due(40), At(-1)), absl::Milliseconds(41));
  EXPECT_EQ(closer_.Arm({absl::InfiniteFuture(), absl::InfinitePast()}, At(0)), std::nullopt);
}

TEST_F(RoundCloserTest, NoLookIsFarAway) {
  EXPECT_EQ(closer_.Arm(Due(1000), At(0)), RoundCloser::kLookMax);
  EXPECT_EQ(closer_.Look(Due(1000), At(100)), std::nullopt) << "too early: look again";
  EXPECT_EQ(closer_.Arm(Due(1000), At(100)), RoundCloser::kLookMax);
}

TEST_F(RoundCloserTest, WhatWasOpenedUnderAClockThatRanAheadIsClosedWithAllThatIsOpen) {
  constexpr int kDay = 86'400'000;
  EXPECT_EQ(closer_.Arm({At(50), At(kDay)}, At(0)), absl::ZeroDuration());
  EXPECT_EQ(closer_.Look({At(50), At(kDay)}, At(0)), absl::InfiniteFuture());
  closer_.Intend(absl::InfiniteFuture(), 0);
  EXPECT_EQ(closer_.TakeIntent(0), absl::InfiniteFuture());
  EXPECT_EQ(closer_.Look({At(50), At(2000)}, At(0)), std::nullopt) << "two seconds are a window";
}

TEST_F(RoundCloserTest, ANewTermKnowsNothingOfTheLast) {
  closer_.Look(Due(30), At(40));
  closer_.Intend(At(30), 0);
  closer_.Begin();
  EXPECT_EQ(closer_.TakeIntent(100), std::nullopt);
  EXPECT_EQ(closer_.Arm(Due(60), At(50)), absl::Milliseconds(10));
}

}  // namespace
}  // namespace worldb::engine
