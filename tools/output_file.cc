#include "tools/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
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

// Hidden, and no other process's. Long names keep their end, where they differ.
std::string NameBeside(const std::string& path) {
  constexpr std::size_t kKept = 200;
  std::string name = std::filesystem::path(path).filename().string();
  if (name.size() > kKept) name = name.substr(name.size() - kKept);
  return absl::StrCat(DirectoryOf(path), "/.", name, ".", ::getpid(), ".tmp");
}

int LinkDescriptor(int descriptor, const std::string& name) {
  return ::linkat(AT_FDCWD, LinkOf(descriptor).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
}

// As rename(), but fails with EEXIST where there is a `to`. Not every file system can promise that of
// a rename, nor has links; with neither it is looked up first.
int RenameToFreeName(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return -1;
  if (::link(from.c_str(), to.c_str()) == 0) {
    ::unlink(from.c_str());
    return 0;
  }
  if (errno == EEXIST) return -1;
  struct stat facts {};
  if (::lstat(to.c_str(), &facts) == 0) {
    errno = EEXIST;
    return -1;
  }
  return ::rename(from.c_str(), to.c_str());
}

}  // namespace

OutputFile::OutputFile(std::string path, int descriptor, std::string beside)
    : path_(std::move(path)), descriptor_(descriptor), beside_(std::move(beside)) {}

OutputFile::~OutputFile() {
  if (!beside_.empty()) ::unlink(beside_.c_str());
  ::close(descriptor_);
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " exists and is not a plain file"));
  }
  const std::string directory = DirectoryOf(path);
  int fd = ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  std::string beside;
  if (fd >= 0 && ::access(LinkOf(fd).c_str(), F_OK) != 0) {  // no /proc: it could never get a name
    ::close(fd);
    fd = -1;
  }
  if (fd < 0) {
    beside = NameBeside(path);
    fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return SystemError("create", path, errno);
  }
  return std::unique_ptr<OutputFile>(new OutputFile(path, fd, std::move(beside)));
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

absl::Status OutputFile::Stage() {
  if (!beside_.empty()) return absl::OkStatus();
  const std::string beside = NameBeside(path_);
  if (LinkDescriptor(descriptor_, beside) != 0) return SystemError("create", beside, errno);
  beside_ = beside;
  return absl::OkStatus();
}

absl::Status OutputFile::Publish(bool overwrite) {
  if (beside_.empty()) {
    if (LinkDescriptor(descriptor_, path_) == 0) return absl::OkStatus();
    if (errno != EEXIST) return SystemError("create", path_, errno);
    if (!overwrite) return absl::AlreadyExistsError(absl::StrCat(path_, " exists"));
    WORLDB_RETURN_IF_ERROR(Stage());
  }
  if (overwrite) {
    if (::rename(beside_.c_str(), path_.c_str()) != 0) return SystemError("replace", path_, errno);
  } else if (RenameToFreeName(beside_, path_) != 0) {
    if (errno == EEXIST) return absl::AlreadyExistsError(absl::StrCat(path_, " exists"));
    return SystemError("create", path_, errno);
  }
  beside_.clear();
  return absl::OkStatus();
}

}  // namespace worldb::tools
