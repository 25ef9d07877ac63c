// Which bytes of which segment are alive, and what follows from it: a core that touches no file.
//
// A segment with nothing alive may go at once. One that has been less than half alive for a whole tick is
// to be rewritten: its live values move, and then nothing in it is alive. Not sooner, because values that
// were written one after the other are often deleted so, too, and what is half dead now is dead soon.
// Threads: one owner.
#ifndef WORLDB_ENGINE_ROCKS_SEGMENT_ACCOUNTS_H_
#define WORLDB_ENGINE_ROCKS_SEGMENT_ACCOUNTS_H_

#include <cstdint>
#include <map>
#include <vector>

#include "engine/rocks/segment_format.h"

namespace worldb::engine {

class SegmentAccounts {
 public:
  // The segment's file has so many bytes.
  void SetBytes(std::uint64_t segment, std::uint64_t bytes);
  // The index points to this value, or no longer does.
  void Keep(const ValuePointer& value);
  void Drop(const ValuePointer& value);
  // The segment is gone.
  void Forget(std::uint64_t segment);
  // It cannot be rewritten: some of it does not read. It stays until nothing in it is alive.
  void Spare(std::uint64_t segment);
  // Not all that is alive is known any more: from now on nothing may go.
  void Freeze() { frozen_ = true; }

  bool IsAlive(std::uint64_t segment) const;
  std::uint64_t BytesOf(std::uint64_t segment) const;
  // Those with nothing alive, in order.
  std::vector<std::uint64_t> Dead() const;
  // Some segment is less than half alive: Tick() is worth calling.
  bool HasSparse() const;
  // Those that are less than half alive and were at the last tick, in order.
  std::vector<std::uint64_t> Tick();
  std::uint64_t last_segment() const { return segments_.empty() ? 0 : segments_.rbegin()->first; }

 private:
  struct Segment {
    std::uint64_t bytes = 0;
    std::uint64_t alive_bytes = 0;
    std::uint64_t alive_count = 0;  // values may have no bytes
    bool was_sparse = false;        // at the last tick
    bool spared = false;

    bool IsSparse() const { return !spared && alive_count > 0 && alive_bytes < bytes / 2; }
  };

  std::map<std::uint64_t, Segment> segments_;
  bool frozen_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_SEGMENT_ACCOUNTS_H_
