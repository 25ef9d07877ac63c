// Goal:   D follows the p99.9 of the last ten minutes' delays, within its bins' error and its
//         limits.
// Method: random delays of several shapes, against a plain sort of all samples.

#include "arbiter/latency_window.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace worldb::arbiter {
namespace {

WindowLimits Wide() {
  return {.factor = 1.0, .window_min = absl::ZeroDuration(), .window_max = absl::Hours(100000)};
}

// The smallest delay that at least 99.9 % of the samples do not exceed.
absl::Duration P999(std::vector<absl::Duration> delays) {
  std::sort(delays.begin(), delays.end());
  std::size_t index = 0;
  while (1000 * (index + 1) < 999 * delays.size()) ++index;
  return std::max(delays[index], absl::ZeroDuration());
}

void ExpectNear(absl::Duration window, absl::Duration exact) {
  EXPECT_GE(window, exact);
  EXPECT_LE(window, exact * (1 + 1.0 / 16) + absl::Microseconds(1));
}

TEST(LatencyWindow, AgreesWithAPlainSort) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    LatencyWindow window(Wide());
    std::vector<absl::Duration> delays;
    const std::size_t count = 100 + random() % 5000;
    const int shape = round % 4;
    for (std::size_t i = 0; i < count; ++i) {
      std::int64_t micros = 0;
      if (shape == 0) micros = static_cast<std::int64_t>(random() % 20);
      if (shape == 1) micros = static_cast<std::int64_t>(random() % 2000000);
      if (shape == 2) micros = std::int64_t{1} << (random() % 38);
      if (shape == 3)
        micros = random() % 500 == 0 ? 900000 : -static_cast<std::int64_t>(random() % 9);
      delays.push_back(absl::Microseconds(micros) + absl::Nanoseconds(random() % 1000));
      window.AddSample(absl::Milliseconds(static_cast<std::int64_t>(10 * i)), delays.back());
    }
    ExpectNear(window.Compute(absl::Seconds(60)), P999(delays));
  }
}

TEST(LatencyWindow, OneSlowSampleInAThousandIsTheOneLeftOut) {
  for (const int slow : {1, 2}) {
    LatencyWindow window(Wide());
    for (int i = 0; i < 1000; ++i) {
      window.AddSample(absl::ZeroDuration(), absl::Milliseconds(i < slow ? 500 : 10));
    }
    ExpectNear(window.Compute(absl::ZeroDuration()), absl::Milliseconds(slow == 1 ? 10 : 500));
  }
}

TEST(LatencyWindow, IsTheLargestUntilThereAreAHundredSamples) {
  WindowLimits limits;
  LatencyWindow window(limits);
  EXPECT_EQ(window.Compute(absl::ZeroDuration()), limits.window_max);
  for (int i = 0; i < 99; ++i) window.AddSample(absl::ZeroDuration(), absl::Milliseconds(40));
  EXPECT_EQ(window.Compute(absl::ZeroDuration()), limits.window_max);
  window.AddSample(absl::ZeroDuration(), absl::Milliseconds(40));
  const absl::Duration d = window.Compute(absl::ZeroDuration());
  EXPECT_GE(d, absl::Milliseconds(80));
  EXPECT_LE(d, absl::Milliseconds(86));
}

TEST(LatencyWindow, StaysWithinItsLimits) {
  for (const absl::Duration delay :
       {absl::Nanoseconds(1), absl::Milliseconds(9), absl::Milliseconds(950), absl::Seconds(3),
        absl::Hours(1000000), absl::InfiniteDuration(), -absl::Seconds(5),
        -absl::InfiniteDuration()}) {
    LatencyWindow window(WindowLimits{});
    for (int i = 0; i < 200; ++i) window.AddSample(absl::ZeroDuration(), delay);
    const absl::Duration d = window.Compute(absl::ZeroDuration());
    const absl::Duration exact = std::clamp(2 * delay, absl::Milliseconds(20), absl::Seconds(2));
    EXPECT_GE(d, exact) << delay;
    EXPECT_LE(d, std::min(exact * (1 + 1.0 / 16), absl::Seconds(2))) << delay;
  }
}

// Negative delays are samples like others: without them a fast clock would raise D.
TEST(LatencyWindow, NegativeDelaysCountAsNone) {
  LatencyWindow window(Wide());
  for (int i = 0; i < 999; ++i) window.AddSample(absl::ZeroDuration(), -absl::Milliseconds(3));
  window.AddSample(absl::ZeroDuration(), absl::Seconds(1));
  EXPECT_LE(window.Compute(absl::ZeroDuration()), absl::Microseconds(1));
}

TEST(LatencyWindow, RemembersTenMinutes) {
  LatencyWindow window(Wide());
  const auto add = [&window](absl::Duration at, absl::Duration delay) {
    for (int i = 0; i < 200; ++i) window.AddSample(at, delay);
  };
  add(absl::ZeroDuration(), absl::Milliseconds(500));
  add(absl::Minutes(5), absl::Milliseconds(50));
  // Up to ten minutes it counts, apart from what the last ten-second slice rounds away.
  ExpectNear(window.Compute(absl::Minutes(10) - absl::Seconds(10)), absl::Milliseconds(500));
  ExpectNear(window.Compute(absl::Minutes(10) + absl::Nanoseconds(1)), absl::Milliseconds(50));
  // And the whole history may run out.
  EXPECT_EQ(window.Compute(absl::Minutes(16)), Wide().window_max);
}

// A stream of samples for an hour: at each moment, D belongs to the last ten minutes, give or take
// one slice at the far end.
TEST(LatencyWindow, FollowsAChangingDelay) {
  LatencyWindow window(Wide());
  std::vector<std::pair<absl::Duration, absl::Duration>> all;
  for (int i = 0; i < 3600; ++i) {
    const absl::Duration at = absl::Seconds(i);
    const absl::Duration delay = absl::Milliseconds(100 + 90 * std::sin(i / 300.0));
    all.emplace_back(at, delay);
    window.AddSample(at, delay);
    if (i < 150 || i % 60 != 0) continue;
    std::vector<absl::Duration> sure;
    std::vector<absl::Duration> possible;
    for (const auto& [when, value] : all) {
      if (at - when <= LatencyWindow::kHistory) possible.push_back(value);
      if (at - when <= LatencyWindow::kHistory - LatencyWindow::kRecomputeEvery) {
        sure.push_back(value);
      }
    }
    const absl::Duration d = window.Compute(at);
    const absl::Duration low = std::min(P999(sure), P999(possible));
    const absl::Duration high = std::max(P999(sure), P999(possible));
    EXPECT_GE(d, low) << i;
    EXPECT_LE(d, high * (1 + 1.0 / 16) + absl::Microseconds(1)) << i;
  }
}

}  // namespace
}  // namespace worldb::arbiter
