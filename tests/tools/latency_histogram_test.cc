// Goal: quantiles are what sorting would give, to within the width of a bucket and never too low.
// Method: random durations from a nanosecond to hours, beside a sorted copy as judge; the edges by hand.

#include "tools/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace worldb::tools {
namespace {

std::int64_t ExactQuantile(const std::vector<std::int64_t>& sorted, double part) {
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

TEST(LatencyHistogramTest, QuantilesAreExactToWithinABucket) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    std::vector<std::int64_t> values;
    LatencyHistogram histogram;
    const std::size_t count = 1 + random() % 20'000;
    for (std::size_t i = 0; i < count; ++i) {
      // Any size is as likely as any other: up to 2^45 ns, ten hours.
      const auto value = static_cast<std::int64_t>((random() >> 19) >> (random() % 46));
      values.push_back(value);
      histogram.Add(absl::Nanoseconds(value));
    }
    std::sort(values.begin(), values.end());
    EXPECT_EQ(histogram.count(), count);
    EXPECT_EQ(histogram.max(), absl::Nanoseconds(values.back()));
    EXPECT_EQ(histogram.Quantile(1.0), histogram.max());
    for (const double part : {0.0001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
      const std::int64_t exact = ExactQuantile(values, part);
      const std::int64_t told = absl::ToInt64Nanoseconds(histogram.Quantile(part));
      EXPECT_GE(told, exact) << part;
      EXPECT_LE(told - exact, exact / static_cast<std::int64_t>(LatencyHistogram::kSubBuckets))
          << part;
    }
  }
}

TEST(LatencyHistogramTest, Edges) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), absl::ZeroDuration());
  EXPECT_EQ(histogram.max(), absl::ZeroDuration());
  histogram.Add(-absl::Seconds(1));
  EXPECT_EQ(histogram.Quantile(1.0), absl::ZeroDuration());
  const absl::Duration longest = absl::Nanoseconds(std::numeric_limits<std::int64_t>::max());
  histogram.Add(longest);
  EXPECT_EQ(histogram.Quantile(0.5), absl::ZeroDuration());
  EXPECT_EQ(histogram.Quantile(1.0), longest);
  EXPECT_EQ(histogram.count(), 2u);
}

}  // namespace
}  // namespace worldb::tools
