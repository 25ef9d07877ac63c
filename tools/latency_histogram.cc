#include "tools/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace worldb::tools {
namespace {

constexpr int kBits = LatencyHistogram::kSubBucketBits;
// Values below kSubBuckets have a bucket each; every further power of two has kSubBuckets of them.
constexpr std::size_t kBucketCount = LatencyHistogram::kSubBuckets * (64 - kBits + 1);

// How far values of this size are shifted right to have kBits + 1 bits.
int ShiftOf(std::uint64_t value) {
  return std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
}

std::size_t BucketOf(std::uint64_t value) {
  const int shift = ShiftOf(value);
  return LatencyHistogram::kSubBuckets * static_cast<std::size_t>(shift) + (value >> shift);
}

// The largest value in the bucket.
std::uint64_t EndOf(std::size_t bucket) {
  const std::size_t row = bucket / LatencyHistogram::kSubBuckets;
  const int shift = row <= 1 ? 0 : static_cast<int>(row - 1);
  const std::uint64_t head =
      bucket - LatencyHistogram::kSubBuckets * static_cast<std::size_t>(shift);
  return (head << shift) + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace

LatencyHistogram::LatencyHistogram() : buckets_(kBucketCount, 0) {}

void LatencyHistogram::Add(absl::Duration value) {
  const auto nanoseconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, absl::ToInt64Nanoseconds(value)));
  ++buckets_[BucketOf(nanoseconds)];
  ++count_;
  max_nanoseconds_ = std::max(max_nanoseconds_, nanoseconds);
}

absl::Duration LatencyHistogram::max() const {
  return absl::Nanoseconds(static_cast<std::int64_t>(max_nanoseconds_));
}

absl::Duration LatencyHistogram::Quantile(double part) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted && seen > 0) {
      const std::uint64_t end = std::min(EndOf(bucket), max_nanoseconds_);
      return absl::Nanoseconds(static_cast<std::int64_t>(end));
    }
  }
  return absl::ZeroDuration();
}

}  // namespace worldb::tools
