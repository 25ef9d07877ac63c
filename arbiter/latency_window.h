// The latency window D of one home: how long a leading candidate waits for earlier stamps.
//
// D = clamp(X * p99.9 of the stamp-to-record delay over the last ten minutes, D_min, D_max). Delays are
// signed: a stamp from a fast clock gives a negative one, which counts as zero delay and is never
// thrown away. Below 100 samples D is D_max.
// Units:   delays are binned with a relative error of at most 1/16.
// Threads: one owner.
// Source:  docs/protocol.md 3.
#ifndef WORLDB_ARBITER_LATENCY_WINDOW_H_
#define WORLDB_ARBITER_LATENCY_WINDOW_H_

#include <array>
#include <cstdint>
#include <deque>

#include "absl/time/time.h"

namespace worldb::arbiter {

struct WindowLimits {
  double factor = 2.0;  // X
  absl::Duration window_min = absl::Milliseconds(20);
  absl::Duration window_max = absl::Seconds(2);
};

class LatencyWindow {
 public:
  static constexpr std::uint64_t kSamplesMin = 100;
  static constexpr absl::Duration kHistory = absl::Minutes(10);
  static constexpr absl::Duration kRecomputeEvery = absl::Seconds(10);

  explicit LatencyWindow(WindowLimits limits) : limits_(limits) {}

  // One recorded candidate: its delay from stamp to record, at executor time `now`.
  void AddSample(absl::Duration now, absl::Duration delay);
  // D from the samples of the last ten minutes before `now`, in whole microseconds.
  absl::Duration Compute(absl::Duration now);

 private:
  static constexpr int kSubBins = 16;
  static constexpr int kBinCount = 40 * kSubBins;  // up to 2^40 us
  struct Slice {
    absl::Duration begin;
    std::uint64_t count = 0;
    std::array<std::uint32_t, kBinCount> bins{};
  };
  static int BinOf(absl::Duration delay);
  static absl::Duration UpperEdge(int bin);
  void DropOld(absl::Duration now);

  const WindowLimits limits_;
  std::deque<Slice> slices_;  // one per kRecomputeEvery, at most 61
};

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_LATENCY_WINDOW_H_
