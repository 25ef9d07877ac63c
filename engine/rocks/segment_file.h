// An open file of a store, closed when nobody holds it any more, and what its errors mean.
//
// Threads: const methods from any.
#ifndef WORLDB_ENGINE_ROCKS_SEGMENT_FILE_H_
#define WORLDB_ENGINE_ROCKS_SEGMENT_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::engine {

// As engine/ports/store.h says: ResourceExhausted for a full disk, NotFound for a file that is not there,
// Unavailable otherwise.
absl::Status FileError(absl::string_view what, const std::string& path, int error_number);

class SegmentFile {
 public:
  static absl::StatusOr<SegmentFile> OpenToRead(const std::string& path);
  // Makes it, with direct I/O where the file system has it.
  static absl::StatusOr<SegmentFile> Make(const std::string& path);
  ~SegmentFile();
  SegmentFile(SegmentFile&& other) noexcept;
  SegmentFile& operator=(SegmentFile&&) = delete;

  const std::string& path() const { return path_; }
  // DataLoss when the file ends before.
  absl::StatusOr<Bytes> Read(std::uint64_t offset, std::size_t bytes) const;
  // REQUIRES: offset, size and address of `bytes` are multiples of kSegmentBlockBytes.
  absl::Status Write(std::uint64_t offset, ByteSpan bytes) const;
  absl::Status Sync() const;
  // Best effort: gives back what lies behind.
  void CutOff(std::uint64_t bytes) const;

 private:
  SegmentFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  const std::string path_;
  int descriptor_;
};

// Makes what became of the names in a directory durable.
absl::Status SyncDirectory(const std::string& dir);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_SEGMENT_FILE_H_
