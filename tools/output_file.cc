#include "tools/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/files.h"

namespace worldb::tools {
namespace {

// How much is written before the disk is asked to begin with it.
constexpr std::uint64_t kWriteBehindBytes = std::uint64_t{8} << 20;

std::string LinkOf(int descriptor) { return absl::StrCat("/proc/self/fd/", descriptor); }

std::string DirectoryOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

int LinkDescriptor(int descriptor, const std::string& name) {
  return ::linkat(AT_FDCWD, LinkOf(descriptor).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
}

// Whether a file may take this name: what is no plain file is not replaced, and a link is not followed.
absl::Status CheckPlain(const std::string& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0 || S_ISREG(facts.st_mode)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      S_ISLNK(facts.st_mode)
          ? absl::StrCat(path, " is a symbolic link, which is not replaced: name the file itself")
          : absl::StrCat(path, " exists and is not a plain file"));
}

}  // namespace

OutputFile::OutputFile(std::string path, int descriptor, std::string beside, bool hidden)
    : path_(std::move(path)),
      descriptor_(descriptor),
      beside_(std::move(beside)),
      hidden_(hidden) {}

OutputFile::~OutputFile() {
  if (hidden_) ::unlink(beside_.c_str());
  ::close(descriptor_);
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  return Create(path, absl::StrCat(DirectoryOf(path), "/", kHiddenPrefix));
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path,
                                                               std::string beside) {
  WORLDB_RETURN_IF_ERROR(CheckPlain(path));
  absl::StrAppend(&beside, HexEncode(SystemEntropy().Draw<8>()));
  const std::string directory = DirectoryOf(path);
  int fd = ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0 && ::access(LinkOf(fd).c_str(), F_OK) != 0) {  // no /proc: it could never get a name
    ::close(fd);
    fd = -1;
  }
  const bool hidden = fd < 0;
  if (hidden) {
    fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return SystemError("create", path, errno);
  }
  return std::unique_ptr<OutputFile>(new OutputFile(path, fd, std::move(beside), hidden));
}

absl::Status OutputFile::WriteAt(std::uint64_t at, ByteSpan bytes) const {
  const std::uint64_t end = at + bytes.size();
  std::uint64_t done = at;
  while (done < end) {
    const ssize_t count =
        ::pwrite(descriptor_, bytes.data() + (done - at), end - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("write", path_, errno);
    done += static_cast<std::uint64_t>(count);
  }
  const std::uint64_t behind = end / kWriteBehindBytes * kWriteBehindBytes;
  if (behind > at && behind >= kWriteBehindBytes) {
    // A hint: what goes wrong with the disk is Sync()'s to find.
    ::sync_file_range(descriptor_, static_cast<off_t>(behind - kWriteBehindBytes),
                      static_cast<off_t>(kWriteBehindBytes), SYNC_FILE_RANGE_WRITE);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Sync() const {
  if (::fsync(descriptor_) != 0) return SystemError("sync", path_, errno);
  return absl::OkStatus();
}

absl::Status OutputFile::SyncFileSystem() const {
  if (::syncfs(descriptor_) != 0) return SystemError("sync the file system of", path_, errno);
  return absl::OkStatus();
}

absl::Status OutputFile::Stage() {
  if (hidden_) return absl::OkStatus();
  if (LinkDescriptor(descriptor_, beside_) != 0) return SystemError("create", beside_, errno);
  hidden_ = true;
  return absl::OkStatus();
}

absl::Status OutputFile::Publish(bool overwrite) {
  if (overwrite) WORLDB_RETURN_IF_ERROR(CheckPlain(path_));
  if (!hidden_) {
    if (LinkDescriptor(descriptor_, path_) == 0) return absl::OkStatus();
    if (errno != EEXIST) return SystemError("create", path_, errno);
    if (!overwrite) return absl::AlreadyExistsError(absl::StrCat(path_, " exists"));
    WORLDB_RETURN_IF_ERROR(Stage());
  }
  if (!overwrite) {
    WORLDB_RETURN_IF_ERROR(RenameToNew(beside_, path_));
  } else if (::rename(beside_.c_str(), path_.c_str()) != 0) {
    return SystemError("replace", path_, errno);
  }
  hidden_ = false;
  return absl::OkStatus();
}

}  // namespace worldb::tools
