// Goal:   stamps of one stream strictly increase, hold true time, and leave no gap in a stream's
//         numbers, whatever the clock does and however many threads ask.
// Method: a clock set by the test, stepped at random; many threads at once.

#include "arbiter/stamp_issuer.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace worldb::arbiter {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLicence = absl::Milliseconds(50);
const absl::Time kZero = absl::FromUnixSeconds(1735689600);

class SetClock final : public Clock {
 public:
  ClockReading Now() const override { return reading; }
  ClockReading reading{kZero, absl::Milliseconds(1), ClockQuality::kSynchronised};
};

TEST(StampIssuer, StampsWithTheReading) {
  SetClock clock;
  StampIssuer issuer(NodeAt(4), StreamEpoch(9), kLicence, clock);
  const Stamp expected{kZero, absl::Milliseconds(1), NodeAt(4), StreamEpoch(9), FrameNumber(1)};
  EXPECT_EQ(*issuer.Issue(DataCenterAt(0)), expected);
}

TEST(StampIssuer, LiftsAboveTheLastAndAddsTheLiftToTheBound) {
  SetClock clock;
  StampIssuer issuer(NodeAt(4), StreamEpoch(9), kLicence, clock);
  ASSERT_TRUE(issuer.Issue(DataCenterAt(0)).ok());
  const Stamp same = *issuer.Issue(DataCenterAt(0));  // the clock stands still
  EXPECT_EQ(same.midpoint, kZero + absl::Nanoseconds(1));
  EXPECT_EQ(same.bound, absl::Milliseconds(1) + absl::Nanoseconds(1));
  clock.reading.midpoint = kZero - absl::Milliseconds(30);
  const Stamp behind = *issuer.Issue(DataCenterAt(0));
  EXPECT_EQ(behind.midpoint, kZero + absl::Nanoseconds(2));
  EXPECT_EQ(behind.bound, absl::Milliseconds(31) + absl::Nanoseconds(2));
  clock.reading.midpoint = kZero + absl::Milliseconds(1);
  EXPECT_EQ(issuer.Issue(DataCenterAt(0))->bound, absl::Milliseconds(1));
}

TEST(StampIssuer, IncreasesHoldsTrueTimeAndCountsWithoutGaps) {
  std::mt19937_64 random(1);
  SetClock clock;
  StampIssuer issuer(NodeAt(4), StreamEpoch(9), kLicence, clock);
  std::map<DataCenterIndex, absl::Time> last_of;
  std::map<DataCenterIndex, std::uint64_t> numbers;
  for (int i = 0; i < 20000; ++i) {
    clock.reading.midpoint += absl::Microseconds(static_cast<std::int64_t>(random() % 2000) - 900);
    clock.reading.bound = absl::Microseconds(static_cast<std::int64_t>(random() % 60000));
    clock.reading.quality = static_cast<ClockQuality>(random() % 3);
    const DataCenterIndex home = DataCenterAt(static_cast<int>(random() % 3));
    const auto stamp = issuer.Issue(home);
    absl::Time& last = last_of.try_emplace(home, absl::InfinitePast()).first->second;
    const absl::Time lowest = last + absl::Nanoseconds(1);
    const absl::Duration lift = std::max(lowest - clock.reading.midpoint, absl::ZeroDuration());
    const bool licensed =
        clock.reading.quality != ClockQuality::kNone && clock.reading.bound + lift <= kLicence;
    ASSERT_EQ(stamp.ok(), licensed);
    if (!licensed) continue;
    EXPECT_GT(stamp->midpoint, last);
    EXPECT_LE(stamp->Earliest(), clock.reading.Earliest());
    EXPECT_GE(stamp->Latest(), clock.reading.Latest());
    EXPECT_EQ(stamp->number.value(), ++numbers[home]);
    last = stamp->midpoint;
  }
}

TEST(StampIssuer, NoLicenceNoStampAndNothingConsumed) {
  SetClock clock;
  StampIssuer issuer(NodeAt(4), StreamEpoch(9), kLicence, clock);
  for (const ClockReading bad :
       {ClockReading{kZero + absl::Hours(1), absl::ZeroDuration(), ClockQuality::kNone},
        ClockReading{kZero + absl::Hours(1), kLicence + absl::Nanoseconds(1),
                     ClockQuality::kSynchronised}}) {
    const ClockReading good = clock.reading;
    clock.reading = bad;
    const auto stamp = issuer.Issue(DataCenterAt(2));
    EXPECT_EQ(stamp.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(stamp.status().message()), HasSubstr("NO_CLOCK"));
    clock.reading = good;
  }
  clock.reading.bound = kLicence;  // just within
  const Stamp first = *issuer.Issue(DataCenterAt(2));
  EXPECT_EQ(first.number, FrameNumber(1));
  EXPECT_EQ(first.midpoint, kZero);
}

// A clock stood an hour ahead and was put right: its node does not go on an hour ahead.
TEST(StampIssuer, AStepBackBeyondTheLicenceEndsStampingUntilTimeIsThere) {
  SetClock clock;
  StampIssuer issuer(NodeAt(4), StreamEpoch(9), kLicence, clock);
  clock.reading.midpoint = kZero + absl::Hours(1);
  ASSERT_TRUE(issuer.Issue(DataCenterAt(0)).ok());
  clock.reading.midpoint = kZero;
  const auto refused = issuer.Issue(DataCenterAt(0));
  EXPECT_THAT(std::string(refused.status().message()),
              ::testing::AllOf(HasSubstr("NO_CLOCK"), HasSubstr("1h"), HasSubstr("last stamp")));
  clock.reading.midpoint = kZero + absl::Hours(1) - absl::Milliseconds(40);
  const Stamp stamp = *issuer.Issue(DataCenterAt(0));
  EXPECT_EQ(stamp.number, FrameNumber(2)) << "nothing was consumed meanwhile";
  EXPECT_LE(stamp.bound, kLicence);
}

TEST(StampIssuer, ANewStreamFollowsNoStampBefore) {
  SetClock clock;
  StampIssuer issuer(NodeAt(4), StreamEpoch(9), kLicence, clock);
  clock.reading.midpoint = kZero + absl::Hours(1);
  ASSERT_TRUE(issuer.Issue(DataCenterAt(0)).ok());
  EXPECT_FALSE(issuer.NeedsNewStream(DataCenterAt(0)));
  clock.reading.midpoint = kZero;
  EXPECT_TRUE(issuer.NeedsNewStream(DataCenterAt(0)));
  EXPECT_FALSE(issuer.NeedsNewStream(DataCenterAt(1))) << "it has no stamp yet";
  clock.reading.quality = ClockQuality::kNone;
  EXPECT_FALSE(issuer.NeedsNewStream(DataCenterAt(0))) << "who says that this one is right?";
  clock.reading.quality = ClockQuality::kSynchronised;
  issuer.Raise(DataCenterAt(0), StreamEpoch(10));
  const Stamp expected{kZero, absl::Milliseconds(1), NodeAt(4), StreamEpoch(10), FrameNumber(2)};
  EXPECT_EQ(*issuer.Issue(DataCenterAt(0)), expected);
}

// Number and midpoint are given out under one lock: in the order of numbers, midpoints increase
// too.
TEST(StampIssuer, ThreadsNeverShareANumberOrAMoment) {
  constexpr int kThreads = 8;
  constexpr int kEach = 2000;
  class SteppingClock final : public Clock {
   public:
    ClockReading Now() const override {  // forward, and back again, for everybody
      const std::int64_t step = ticks_.fetch_add(1) % 97;
      return {kZero + absl::Nanoseconds(step), absl::Milliseconds(1), ClockQuality::kHoldover};
    }

   private:
    mutable std::atomic<std::int64_t> ticks_{0};
  } clock;
  StampIssuer issuer(NodeAt(4), StreamEpoch(9), kLicence, clock);
  std::vector<std::vector<Stamp>> issued(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&issuer, &mine = issued[t]] {
      for (int i = 0; i < kEach; ++i) mine.push_back(*issuer.Issue(DataCenterAt(i % 2)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<Stamp> all;
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kEach; i += 2) all.push_back(issued[t][i]);  // those for data center 0
    for (int i = 2; i < kEach; ++i) EXPECT_GT(issued[t][i].midpoint, issued[t][i - 2].midpoint);
  }
  std::sort(all.begin(), all.end(),
            [](const Stamp& a, const Stamp& b) { return a.number < b.number; });
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(all[i].number.value(), i + 1);
    if (i > 0) {
      ASSERT_GT(all[i].midpoint, all[i - 1].midpoint);
    }
  }
}

}  // namespace
}  // namespace worldb::arbiter
