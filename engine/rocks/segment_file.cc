#include "engine/rocks/segment_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace worldb::engine {
namespace {

int OpenFile(const std::string& path, int flags) {
  while (true) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
    if (descriptor >= 0 || errno != EINTR) return descriptor;
  }
}

}  // namespace

absl::Status FileError(absl::string_view what, const std::string& path, int error_number) {
  const std::string message =
      absl::StrCat(what, " ", path, ": ", std::generic_category().message(error_number));
  if (error_number == ENOSPC || error_number == EDQUOT) {
    return absl::ResourceExhaustedError(message);
  }
  return error_number == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

absl::StatusOr<SegmentFile> SegmentFile::OpenToRead(const std::string& path) {
  const int descriptor = OpenFile(path, O_RDONLY);
  if (descriptor < 0) return FileError("opening", path, errno);
  return SegmentFile(path, descriptor);
}

absl::StatusOr<SegmentFile> SegmentFile::Make(const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL;
  int descriptor = OpenFile(path, kFlags | O_DIRECT);
  if (descriptor < 0 && errno == EINVAL) {
    ::unlink(path.c_str());  // some file systems make it and then refuse the flag
    descriptor = OpenFile(path, kFlags);
  }
  if (descriptor < 0) return FileError("making", path, errno);
  return SegmentFile(path, descriptor);
}

SegmentFile::~SegmentFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

SegmentFile::SegmentFile(SegmentFile&& other) noexcept
    : path_(other.path_), descriptor_(std::exchange(other.descriptor_, -1)) {}

absl::StatusOr<Bytes> SegmentFile::Read(std::uint64_t offset, std::size_t bytes) const {
  struct stat facts {};
  if (::fstat(descriptor_, &facts) != 0) return FileError("reading", path_, errno);
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const auto too_short = [&] {
    return absl::DataLossError(absl::StrCat(path_, " has ", size, " bytes, too few to read ", bytes,
                                            " from ", offset, " on"));
  };
  if (offset > size || bytes > size - offset) return too_short();
  Bytes out(bytes);
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t count =
        ::pread(descriptor_, out.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError("reading", path_, errno);
    if (count == 0) return too_short();
    done += static_cast<std::size_t>(count);
  }
  return out;
}

absl::Status SegmentFile::Write(std::uint64_t offset, ByteSpan bytes) const {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    // A full disk may take a part first.
    if (count <= 0) return FileError("writing", path_, count < 0 ? errno : ENOSPC);
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status SegmentFile::Sync() const {
  return ::fdatasync(descriptor_) == 0 ? absl::OkStatus() : FileError("syncing", path_, errno);
}

void SegmentFile::CutOff(std::uint64_t bytes) const {
  // What stays behind is dead, and goes with the segment.
  [[maybe_unused]] const int ignored = ::ftruncate(descriptor_, static_cast<off_t>(bytes));
}

absl::Status SyncDirectory(const std::string& dir) {
  const int descriptor = OpenFile(dir, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) return FileError("opening", dir, errno);
  const absl::Status status =
      ::fsync(descriptor) == 0 ? absl::OkStatus() : FileError("syncing", dir, errno);
  ::close(descriptor);
  return status;
}

}  // namespace worldb::engine
