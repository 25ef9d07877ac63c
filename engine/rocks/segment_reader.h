// Reads values where pointers say they lie, and walks segments record by record. Changes nothing.
//
// Bounds:  keeps at most the given number of files open.
// Errors:  DataLoss when a segment is missing or short, or bytes fail their checksum; as
//          engine/ports/store.h otherwise.
// Threads: any; every call blocks on the disk.
#ifndef WORLDB_ENGINE_ROCKS_SEGMENT_READER_H_
#define WORLDB_ENGINE_ROCKS_SEGMENT_READER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/rocks/segment_file.h"
#include "engine/rocks/segment_format.h"

namespace worldb::engine {

class SegmentReader {
 public:
  static constexpr std::size_t kOpenFilesMax = 32;

  // `dir` is the store's.
  explicit SegmentReader(std::string dir) : dir_(std::move(dir)) {}

  absl::StatusOr<Bytes> Read(const ValuePointer& value) const;

  struct Record {
    std::string key;
    ValuePointer value;  // its bytes are not looked at
    std::uint64_t end = 0;
  };
  // The first record at or behind `offset`, where a record ends or a group begins. Nullopt at the end of the
  // segment, which has `end` bytes.
  absl::StatusOr<std::optional<Record>> RecordAt(std::uint64_t segment, std::uint64_t offset,
                                                 std::uint64_t end) const;

  // The segment's file is going to be removed.
  void Forget(std::uint64_t segment);
  std::string PathOf(std::uint64_t segment) const;

 private:
  using FilePtr = std::shared_ptr<const SegmentFile>;
  absl::StatusOr<FilePtr> Open(std::uint64_t segment) const;

  const std::string dir_;
  mutable Mutex mu_;
  mutable std::deque<std::pair<std::uint64_t, FilePtr>> open_
      ABSL_GUARDED_BY(mu_);  // used last first
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_SEGMENT_READER_H_
