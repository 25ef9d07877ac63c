// Goal:   one clock alone, however wrong, moves a home's time by no more than the slack, and two that
//         agree move it forwards and back.
// Method: readings and elapsed time by hand, in seconds; the node is the first of its triad. No clock
//         runs.
#include "engine/sequencer/log_clock.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

constexpr absl::Duration kBoundMax = absl::Milliseconds(50);
constexpr absl::Duration kBound = absl::Milliseconds(1);
constexpr double kMonth = 30 * 86'400;

absl::Time At(double seconds) {
  return absl::FromUnixSeconds(1'000'000'000) + absl::Seconds(seconds);
}
arbiter::ClockReading Reads(double clock) {
  return {At(clock), kBound, arbiter::ClockQuality::kSynchronised};
}
arbiter::ClockReading Unlicensed(double clock) {
  return {At(clock), kBound, arbiter::ClockQuality::kNone};
}

class LogClockTest : public ::testing::Test {
 protected:
  // The log's time is that of elapsed time 0, and nobody else has been heard.
  LogClockTest() { Begin(0); }

  void Begin(double now) {
    clock_.NoteLogEarliest(log_, Elapsed(now));
    clock_.Begin({Elapsed(now), Reads(now)});
  }
  static absl::Duration Elapsed(double now) { return absl::Seconds(now); }
  LogClock::Verdict Judge(double now, const arbiter::ClockReading& reading) {
    return clock_.Judge({Elapsed(now), reading});
  }
  // As a sequencer does: what was judged is logged, and moves the log's time.
  LogClock::Verdict Log(double now, const arbiter::ClockReading& reading) {
    const LogClock::Verdict verdict = Judge(now, reading);
    if (verdict.reading.quality != arbiter::ClockQuality::kNone) {
      log_ = verdict.reading.Latest() < log_ ? verdict.reading.Earliest()
                                             : std::max(log_, verdict.reading.Earliest());
      clock_.NoteLogEarliest(log_, Elapsed(now));
    }
    return verdict;
  }
  void Hear(int node, double now, const arbiter::ClockReading& reading) {
    clock_.Hear(NodeAt(node), reading, Elapsed(now));
  }

  LogClock clock_{NodeAt(0), kBoundMax};
  absl::Time log_ = At(0);
};

TEST_F(LogClockTest, AloneAReadingIsBelievedThatFitsTheLog) {
  const LogClock::Verdict verdict = Log(10, Reads(10.5));
  EXPECT_TRUE(verdict.believed);
  EXPECT_EQ(verdict.reading.midpoint, At(10.5));
  EXPECT_EQ(verdict.earliest, At(10.5) - kBound);
  EXPECT_FALSE(verdict.sibling_believed);
}

TEST_F(LogClockTest, AloneAClockAMonthAheadMovesNothing) {
  const LogClock::Verdict verdict = Log(10, Reads(kMonth));
  EXPECT_FALSE(verdict.believed);
  EXPECT_EQ(verdict.reading.quality, arbiter::ClockQuality::kNone);
  EXPECT_EQ(verdict.reading.midpoint, At(10)) << "the log's time and what has passed";
  EXPECT_EQ(log_, At(0));
  EXPECT_TRUE(Log(20, Reads(20)).believed) << "put right, and nothing is left of it";
}

TEST_F(LogClockTest, AloneAClockThatRunsGainsNoMoreThanTheSlack) {
  double ahead = 0;
  for (int now = 1; now <= 600; ++now) {
    ahead += 0.5;
    Log(now, Reads(now + ahead));
  }
  EXPECT_GT(log_, At(0));
  EXPECT_LE(log_, At(601.7));
  EXPECT_TRUE(Log(601, Reads(601)).believed) << "put right, it is believed again";
}

TEST_F(LogClockTest, AReadingThatLiesBeforeTheLogIsNotBelieved) {
  const LogClock::Verdict verdict = Judge(10, Reads(4));
  EXPECT_FALSE(verdict.believed);
  EXPECT_EQ(verdict.reading.midpoint, At(10));
  EXPECT_EQ(verdict.earliest, At(10)) << "no round is held open for it";
}

TEST_F(LogClockTest, WithoutALicenceElapsedTimeAloneCounts) {
  EXPECT_EQ(Judge(10, Unlicensed(10)).reading.midpoint, At(10));
  EXPECT_FALSE(Judge(10, Unlicensed(10)).believed);
  arbiter::ClockReading wide = Reads(10);
  wide.bound = kBoundMax + absl::Nanoseconds(1);
  EXPECT_FALSE(Judge(10, wide).believed);
}

TEST_F(LogClockTest, ASiblingThatAgreesMovesTimeForwards) {
  Hear(1, 10, Reads(kMonth));
  const LogClock::Verdict verdict = Log(10.5, Reads(kMonth + 0.5));
  EXPECT_TRUE(verdict.believed) << "a month without an entry, or a cell that was off";
  EXPECT_EQ(log_, At(kMonth + 0.5) - kBound);
}

TEST_F(LogClockTest, AndBack) {
  Hear(1, 10, Reads(kMonth));
  Log(10, Reads(kMonth));
  Hear(1, 20, Reads(20));
  const LogClock::Verdict verdict = Log(20, Reads(20));
  EXPECT_TRUE(verdict.believed);
  EXPECT_EQ(verdict.earliest, At(20) - kBound) << "not what the log claims";
  EXPECT_EQ(log_, At(20) - kBound);
}

TEST_F(LogClockTest, TwoSiblingsOutvoteTheNodesOwnClock) {
  Hear(1, 10, Reads(10));
  Hear(2, 10, Reads(10));
  const LogClock::Verdict ahead = Judge(10, Reads(kMonth));
  EXPECT_FALSE(ahead.believed);
  EXPECT_TRUE(ahead.sibling_believed) << "it should have the chair";
  Hear(1, 10, Reads(100));
  Hear(2, 10, Reads(100));
  EXPECT_FALSE(Judge(10, Reads(10)).believed) << "though it fits the log";
}

TEST_F(LogClockTest, OneSiblingWithAWrongClockOutvotesNobody) {
  Hear(1, 10, Reads(kMonth));
  const LogClock::Verdict verdict = Judge(10, Reads(10));
  EXPECT_TRUE(verdict.believed);
  EXPECT_FALSE(verdict.sibling_believed);
  Hear(2, 10, Reads(-kMonth));
  EXPECT_TRUE(Judge(10, Reads(10)).believed) << "three that disagree: the log decides";
}

TEST_F(LogClockTest, WhatASiblingSaidGoesOnWithElapsedTimeAndGrowsOld) {
  Hear(1, 10, Reads(kMonth));
  EXPECT_FALSE(Judge(12.5, Reads(kMonth + 2.5)).believed) << "not fresh any more";
  EXPECT_TRUE(Judge(11.5, Reads(kMonth + 1.5)).believed);
}

TEST_F(LogClockTest, OnlySiblingsWithALicenceAreAsked) {
  Hear(1, 10, Unlicensed(kMonth));
  Hear(4, 10, Reads(kMonth));
  Hear(0, 10, Reads(kMonth));
  EXPECT_FALSE(Judge(10, Reads(kMonth)).believed);
}

TEST_F(LogClockTest, ALogWithoutATimeTakesItFromTwo) {
  LogClock fresh(NodeAt(0), kBoundMax);
  fresh.Begin({Elapsed(5), Reads(77)});
  const LogClock::Verdict alone = fresh.Judge({Elapsed(6), Reads(kMonth)});
  EXPECT_FALSE(alone.believed);
  EXPECT_EQ(alone.earliest, At(78) - kBound) << "rounds end all the same";
  fresh.Hear(NodeAt(2), Reads(78), Elapsed(6));
  EXPECT_TRUE(fresh.Judge({Elapsed(6), Reads(78)}).believed);
}

}  // namespace
}  // namespace worldb::engine
