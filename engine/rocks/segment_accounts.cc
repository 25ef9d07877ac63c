#include "engine/rocks/segment_accounts.h"

#include <algorithm>
#include <utility>

#include "cryptoscatter/base/check.h"

namespace worldb::engine {

void SegmentAccounts::SetBytes(std::uint64_t segment, std::uint64_t bytes) {
  segments_[segment].bytes = bytes;
}

void SegmentAccounts::Keep(const ValuePointer& value) {
  if (frozen_) return;
  Segment& segment = segments_[value.segment];
  segment.alive_bytes += value.bytes;
  ++segment.alive_count;
}

void SegmentAccounts::Drop(const ValuePointer& value) {
  if (frozen_) return;
  const auto at = segments_.find(value.segment);
  WORLDB_CHECK(at != segments_.end() && at->second.alive_count > 0 &&
               at->second.alive_bytes >= value.bytes);
  at->second.alive_bytes -= value.bytes;
  --at->second.alive_count;
}

void SegmentAccounts::Forget(std::uint64_t segment) { segments_.erase(segment); }

void SegmentAccounts::Spare(std::uint64_t segment) {
  const auto at = segments_.find(segment);
  if (at != segments_.end()) at->second.spared = true;
}

bool SegmentAccounts::IsAlive(std::uint64_t segment) const {
  const auto at = segments_.find(segment);
  return at != segments_.end() && at->second.alive_count > 0;
}

std::uint64_t SegmentAccounts::BytesOf(std::uint64_t segment) const {
  const auto at = segments_.find(segment);
  return at == segments_.end() ? 0 : at->second.bytes;
}

std::vector<std::uint64_t> SegmentAccounts::Dead() const {
  std::vector<std::uint64_t> dead;
  if (frozen_) return dead;
  for (const auto& [number, segment] : segments_) {
    if (segment.alive_count == 0) dead.push_back(number);
  }
  return dead;
}

bool SegmentAccounts::HasSparse() const {
  return !frozen_ && std::any_of(segments_.begin(), segments_.end(),
                                 [](const auto& entry) { return entry.second.IsSparse(); });
}

std::vector<std::uint64_t> SegmentAccounts::Tick() {
  std::vector<std::uint64_t> sparse;
  if (frozen_) return sparse;
  for (auto& [number, segment] : segments_) {
    const bool is_sparse = segment.IsSparse();
    if (std::exchange(segment.was_sparse, is_sparse) && is_sparse) sparse.push_back(number);
  }
  return sparse;
}

}  // namespace worldb::engine
