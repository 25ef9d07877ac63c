#include "arbiter/latency_window.h"

#include <algorithm>
#include <bit>

namespace worldb::arbiter {

// Bins 0..15 are exact microseconds; above, sixteen bins for each power of two.
int LatencyWindow::BinOf(absl::Duration delay) {
  const auto micros = static_cast<std::uint64_t>(
      std::clamp<std::int64_t>(absl::ToInt64Microseconds(delay), 0, std::int64_t{1} << 38));
  if (micros < kSubBins) return static_cast<int>(micros);
  const int power = std::bit_width(micros) - 1;  // >= 4
  const int sub = static_cast<int>(micros >> (power - 4)) - kSubBins;
  return std::min((power - 3) * kSubBins + sub, kBinCount - 1);
}

absl::Duration LatencyWindow::UpperEdge(int bin) {
  if (bin < kSubBins) return absl::Microseconds(bin + 1);
  const int power = bin / kSubBins + 3;
  const std::int64_t sub = bin % kSubBins + kSubBins;
  return absl::Microseconds((sub + 1) << (power - 4));
}

void LatencyWindow::DropOld(absl::Duration now) {
  while (!slices_.empty() && slices_.front().begin + kHistory < now) slices_.pop_front();
}

void LatencyWindow::AddSample(absl::Duration now, absl::Duration delay) {
  if (slices_.empty() || slices_.back().begin + kRecomputeEvery <= now) {
    DropOld(now);
    slices_.push_back({.begin = now});
  }
  ++slices_.back().count;
  ++slices_.back().bins[static_cast<std::size_t>(BinOf(delay))];
}

absl::Duration LatencyWindow::Compute(absl::Duration now) {
  DropOld(now);
  std::uint64_t total = 0;
  for (const Slice& slice : slices_) total += slice.count;
  if (total < kSamplesMin) return limits_.window_max;
  // The smallest delay that at least 99.9 % of the samples do not exceed.
  const std::uint64_t wanted = total - total / 1000;
  std::uint64_t seen = 0;
  for (int bin = 0; bin < kBinCount; ++bin) {
    for (const Slice& slice : slices_) seen += slice.bins[static_cast<std::size_t>(bin)];
    if (seen >= wanted) {
      const absl::Duration window =
          absl::Trunc(limits_.factor * UpperEdge(bin), absl::Microseconds(1));
      return std::clamp(window, limits_.window_min, limits_.window_max);
    }
  }
  return limits_.window_max;
}

}  // namespace worldb::arbiter
