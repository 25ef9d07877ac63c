// How long things took, in buckets of fixed memory whose width grows with the value.
//
// A quantile is off by less than one part in kSubBuckets (0.8 %), never too low; count and maximum are
// exact.
// Units:   durations, from 0 up to some 292 years.
// Threads: not synchronised; one owner.
// Source:  the bucket layout of HdrHistogram, hdrhistogram.github.io.
#ifndef WORLDB_TOOLS_LATENCY_HISTOGRAM_H_
#define WORLDB_TOOLS_LATENCY_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace worldb::tools {

class LatencyHistogram {
 public:
  static constexpr int kSubBucketBits = 7;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kSubBucketBits;

  LatencyHistogram();

  // Less than zero counts as zero.
  void Add(absl::Duration value);
  std::uint64_t count() const { return count_; }
  absl::Duration max() const;
  // The smallest duration (rounded up to the end of its bucket, at most max()) that at least
  // `part` of all values do not exceed. 0 < part <= 1. Zero without values.
  absl::Duration Quantile(double part) const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_nanoseconds_ = 0;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_LATENCY_HISTOGRAM_H_
