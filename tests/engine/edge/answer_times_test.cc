// Goal: the patience follows what answers really take, few answers exceed it, and old news fades.
// Method: random answer times around known means.

#include "engine/edge/answer_times.h"

#include <gtest/gtest.h>

#include <random>

namespace worldb::engine {
namespace {

constexpr NodeIndex kNode = NodeAt(4);
constexpr absl::Duration kGuess = absl::Milliseconds(90);

TEST(AnswerTimesTest, FewAnswersAreOverdueAndTheWaitIsNotLong) {
  for (const int mean : {1, 90, 1000}) {
    std::mt19937_64 random(static_cast<std::uint64_t>(mean));
    std::exponential_distribution<double> queueing(1.0);
    AnswerTimes times;
    absl::Duration now;
    int overdue = 0;
    constexpr int kAnswers = 10'000;
    for (int i = 0; i < kAnswers; ++i) {
      now += absl::Milliseconds(1);
      // A trip that is always the same, and a queue a fifth as long.
      const absl::Duration took = absl::Milliseconds(mean * (1 + 0.2 * queueing(random)));
      overdue += took > times.Patience(kNode, kGuess, now) ? 1 : 0;
      times.Add(kNode, took, now);
    }
    EXPECT_LT(overdue, kAnswers / 20) << mean;
    EXPECT_LT(times.Patience(kNode, kGuess, now), absl::Milliseconds(mean * 4 + 25)) << mean;
    EXPECT_GT(times.Expected(kNode, kGuess, now), absl::Milliseconds(mean)) << mean;
  }
}

TEST(AnswerTimesTest, OnlyTheGuessCountsAtFirstAndAfterALongSilence) {
  AnswerTimes times;
  EXPECT_EQ(times.Expected(kNode, kGuess, absl::ZeroDuration()), kGuess);
  EXPECT_GT(times.Patience(kNode, kGuess, absl::ZeroDuration()), kGuess);
  times.Add(kNode, absl::Seconds(3), absl::Seconds(1));
  EXPECT_EQ(times.Expected(kNode, kGuess, absl::Seconds(2)), absl::Seconds(3));
  EXPECT_EQ(times.Expected(NodeAt(5), kGuess, absl::Seconds(2)), kGuess);
  const absl::Duration later = absl::Seconds(2) + AnswerTimes::kForgetAfter;
  EXPECT_EQ(times.Expected(kNode, kGuess, later), kGuess);
}

}  // namespace
}  // namespace worldb::engine
