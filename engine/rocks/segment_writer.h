// Appends large values to segment files of a store, each byte once.
//
// Values whose keys begin with different bytes lie in different segments, kLaneCount at a time: what is kept
// apart by the first byte of its key is also deleted at different times, and a segment goes with the
// last of its values. Segments that an earlier writer left are never appended to, so however its last
// write ended matters to nobody.
// Bounds:  a buffer of 256 KiB for each lane that was used.
// Errors:  after any failure all that was appended since the last Sync() is given up, and the next value
//          begins a new segment. As engine/ports/store.h otherwise.
// Threads: one owner; every call blocks on the disk.
// Source:  docs/segment-format.md; why direct I/O: docs/decisions/024-large-values-written-once.md.
#ifndef WORLDB_ENGINE_ROCKS_SEGMENT_WRITER_H_
#define WORLDB_ENGINE_ROCKS_SEGMENT_WRITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "engine/rocks/segment_file.h"
#include "engine/rocks/segment_format.h"

namespace worldb::engine {

class SegmentWriter {
 public:
  // The first segment it makes is `first`; no later number is in use.
  SegmentWriter(std::string dir, std::uint64_t first) : dir_(std::move(dir)), next_(first) {}

  // Where the value will lie. It is there after Sync().
  // REQUIRES: key and value are no longer than a record may hold.
  absl::StatusOr<ValuePointer> Append(absl::string_view key, ByteSpan value);

  struct SegmentEnd {
    std::uint64_t segment = 0;
    std::uint64_t bytes = 0;
  };
  // All that was appended is on the disk. Answers the segments that it made longer.
  absl::StatusOr<std::vector<SegmentEnd>> Sync();
  // Gives up what was appended since the last Sync().
  void GiveUp();
  // Appends nothing more to this segment. REQUIRES: nothing was appended since the last Sync().
  void Seal(std::uint64_t segment);

 private:
  static constexpr std::size_t kLaneCount = 4;
  static constexpr std::size_t kBufferBytes = std::size_t{256} << 10;

  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
  };
  struct Lane {
    std::optional<SegmentFile> file;
    std::uint64_t segment = 0;
    std::uint64_t synced_bytes = 0;
    std::uint64_t written_bytes = 0;  // the buffer comes behind these
    std::unique_ptr<std::uint8_t, Free> buffer;
    std::size_t buffered = 0;

    bool IsDirty() const { return file.has_value() && written_bytes + buffered > synced_bytes; }
  };

  absl::Status AppendTo(Lane& lane, absl::string_view key, ByteSpan value, ValuePointer& pointer);
  absl::Status Begin(Lane& lane);
  absl::Status Buffer(Lane& lane, ByteSpan bytes);
  absl::Status Flush(Lane& lane);
  absl::Status Sync(Lane& lane);

  const std::string dir_;
  std::uint64_t next_;
  std::array<Lane, kLaneCount> lanes_;
  std::vector<SegmentEnd> grown_;  // since Sync() last answered
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_SEGMENT_WRITER_H_
