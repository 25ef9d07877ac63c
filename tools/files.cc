#include "tools/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/output_file.h"

namespace worldb::tools {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status WriteAll(int fd, ByteSpan bytes, const std::string& path) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("write", path, errno);
    done += static_cast<std::size_t>(count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SystemError(absl::string_view what, absl::string_view path, int error) {
  const std::string message =
      absl::StrCat("cannot ", what, " ", path, ": ", std::generic_category().message(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return absl::InvalidArgumentError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status SyncDirectoryOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string name = parent.empty() ? "." : parent.string();
  const Descriptor directory(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return SystemError("open", name, errno);
  if (::fsync(directory.get()) != 0) return SystemError("sync", name, errno);
  return absl::OkStatus();
}

absl::StatusOr<SecretBytes> ReadWholeFile(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return SystemError("read", path, errno);
  // One byte above the limit tells a full file from one that is too large.
  struct stat facts {};
  std::size_t room = bytes_max + 1;
  if (::fstat(file.get(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size >= 0) {
    room = std::min(room, static_cast<std::size_t>(facts.st_size) + 1);
  }
  SecretBytes buffer(room);
  std::size_t size = 0;
  while (true) {
    if (size == buffer.size()) {
      if (size > bytes_max) {
        return absl::OutOfRangeError(absl::StrCat(path == "-" ? "standard input" : path,
                                                  " has more than ", bytes_max, " bytes"));
      }
      SecretBytes larger(std::min(2 * size, bytes_max + 1));  // it grew while being read
      std::copy_n(buffer.ExposeSecret().begin(), size, larger.ExposeSecretMutable().begin());
      buffer = std::move(larger);
    }
    const ssize_t count =
        ::read(file.get(), buffer.ExposeSecretMutable().data() + size, buffer.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read", path, errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  SecretBytes exact(size);
  std::copy_n(buffer.ExposeSecret().begin(), size, exact.ExposeSecretMutable().begin());
  return exact;
}

namespace {

absl::Status WriteFile(const std::string& path, ByteSpan bytes, bool overwrite) {
  WORLDB_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, OutputFile::Create(path));
  WORLDB_RETURN_IF_ERROR(file->WriteAt(0, bytes));
  WORLDB_RETURN_IF_ERROR(file->Sync());
  WORLDB_RETURN_IF_ERROR(file->Publish(overwrite));
  return SyncDirectoryOf(path);
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, ByteSpan bytes) {
  return WriteFile(path, bytes, /*overwrite=*/true);
}

absl::Status WriteNewFile(const std::string& path, ByteSpan bytes) {
  return WriteFile(path, bytes, /*overwrite=*/false);
}

absl::Status RenameToNew(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return absl::OkStatus();
  }
  // File systems that cannot do it may know links.
  const bool cannot = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
  if (cannot && ::link(from.c_str(), to.c_str()) == 0) {
    return ::unlink(from.c_str()) == 0 ? absl::OkStatus() : SystemError("remove", from, errno);
  }
  const bool no_links = cannot && errno != EEXIST;
  struct stat facts {};
  if (errno == EEXIST || (no_links && ::lstat(to.c_str(), &facts) == 0)) {
    return absl::AlreadyExistsError(absl::StrCat(to, " exists"));
  }
  if (no_links && ::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return SystemError("rename to", to, errno);
}

absl::Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return SystemError("remove", path, errno);
  return SyncDirectoryOf(path);
}

std::vector<std::string> PathsIn(const std::string& directory, std::error_code& error) {
  std::vector<std::string> paths;
  std::filesystem::directory_iterator at(directory, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    paths.push_back(at->path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::StatusOr<std::vector<std::string>> ExpandDirectories(const std::vector<std::string>& paths,
                                                           absl::string_view ending) {
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      out.push_back(path);
      continue;
    }
    const std::size_t before = out.size();
    for (std::string& inside : PathsIn(path, error)) {
      if (absl::EndsWith(inside, ending)) out.push_back(std::move(inside));
    }
    if (error) return SystemError("read directory", path, error.value());
    if (out.size() == before) {
      return absl::NotFoundError(absl::StrCat("no *", ending, " file in ", path));
    }
  }
  return out;
}

void RemoveFiles(const std::string& directory, absl::string_view prefix) {
  std::error_code ignored;
  for (const std::string& path : PathsIn(directory, ignored)) {
    if (absl::StartsWith(std::filesystem::path(path).filename().string(), prefix)) {
      ::unlink(path.c_str());
    }
  }
}

absl::Status MakePrivateDirectories(const std::string& path) {
  std::filesystem::path so_far;
  for (const std::filesystem::path& part : std::filesystem::path(path)) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), 0700) != 0 && errno != EEXIST && errno != EISDIR) {
      return SystemError("create directory", so_far.string(), errno);
    }
  }
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is there, and is not a directory"));
  }
  return absl::OkStatus();
}

bool FileExists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

FileBatch::FileBatch(std::string directory, std::string beside)
    : directory_(std::move(directory)), beside_(std::move(beside)) {}

FileBatch::~FileBatch() = default;

bool FileBatch::full() const {
  constexpr std::size_t kCountMax = 128;  // two batches and nine stores fit in 1,024 open files
  constexpr std::uint64_t kBytesMax = std::uint64_t{32} << 20;
  return files_.size() >= kCountMax || bytes_ >= kBytesMax;
}

absl::Status FileBatch::Add(const std::string& name, ByteSpan bytes) {
  WORLDB_ASSIGN_OR_RETURN(
      files_.emplace_back(),
      OutputFile::Create(absl::StrCat(directory_, "/", name), directory_ + "/" + beside_));
  bytes_ += bytes.size();
  return files_.back()->WriteAt(0, bytes);
}

absl::Status FileBatch::Commit() {
  constexpr std::size_t kSyncedOneByOneMax = 4;
  if (files_.empty()) return absl::OkStatus();
  // Syncing new files one by one costs a commit of the file system's journal each.
  if (files_.size() <= kSyncedOneByOneMax) {
    for (const auto& file : files_) WORLDB_RETURN_IF_ERROR(file->Sync());
  } else {
    WORLDB_RETURN_IF_ERROR(files_.front()->SyncFileSystem());
  }
  for (const auto& file : files_) WORLDB_RETURN_IF_ERROR(file->Publish(/*overwrite=*/true));
  WORLDB_RETURN_IF_ERROR(SyncDirectoryOf(files_.front()->path()));
  files_.clear();
  bytes_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LineFile>> LineFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError("open", path, errno);
  std::unique_ptr<LineFile> file(new LineFile(fd, path));
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size < 0) return SystemError("read", path, errno);
  file->size_ = static_cast<std::uint64_t>(size);
  char last = '\n';
  if (size > 0 && ::pread(fd, &last, 1, size - 1) != 1) return SystemError("read", path, errno);
  if (last != '\n') WORLDB_RETURN_IF_ERROR(file->Append("\n"));
  return file;
}

LineFile::~LineFile() { ::close(descriptor_); }

absl::Status LineFile::Append(absl::string_view lines) {
  WORLDB_RETURN_IF_ERROR(WriteAll(descriptor_, AsBytes(lines), path_));
  if (::fsync(descriptor_) != 0) return SystemError("sync", path_, errno);
  size_ += lines.size();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LockFile>> LockFile::Acquire(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError("open", path, errno);
  std::unique_ptr<LockFile> lock(new LockFile(fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError("lock", path, errno);
    return absl::FailedPreconditionError(
        absl::StrCat("another process uses this data directory (it holds ", path, ")"));
  }
  return lock;
}

LockFile::~LockFile() { ::close(descriptor_); }

namespace {

constexpr char kTemporaryLock[] = ".worldb-temporary";
constexpr char kTemporaryFiles[] = "files";

// Whether `around` is a directory of this user's that Create() made, by what is in it.
bool IsOfCreate(const std::filesystem::path& around) {
  struct stat facts {};
  if (::lstat(around.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode) ||
      facts.st_uid != ::geteuid()) {
    return false;
  }
  std::error_code error;
  bool locked = false;
  for (const std::string& path : PathsIn(around, error)) {
    const std::string name = std::filesystem::path(path).filename();
    if (name != kTemporaryLock && name != kTemporaryFiles) return false;
    locked |= name == kTemporaryLock;
  }
  return !error && locked;
}

// Removes what killed processes left.
void RemoveAbandoned(const std::filesystem::path& base, const std::string& prefix) {
  std::error_code ignored;  // as in the destructor
  for (const std::string& path : PathsIn(base, ignored)) {
    const std::filesystem::path around(path);
    if (!absl::StartsWith(around.filename().string(), prefix + "-") || !IsOfCreate(around))
      continue;
    const auto lock = LockFile::Acquire((around / kTemporaryLock).string());
    if (lock.ok()) std::filesystem::remove_all(around, ignored);
  }
}

}  // namespace

TemporaryDirectory::TemporaryDirectory(std::string around, std::unique_ptr<LockFile> lock)
    : around_(std::move(around)),
      lock_(std::move(lock)),
      path_(absl::StrCat(around_, "/", kTemporaryFiles)) {}

absl::StatusOr<std::unique_ptr<TemporaryDirectory>> TemporaryDirectory::Create(
    const std::string& prefix) {
  constexpr int kTriesMax = 16;
  std::error_code error;
  const std::filesystem::path base = std::filesystem::temp_directory_path(error);
  if (error) {
    const char* named = std::getenv("TMPDIR");
    return absl::InvalidArgumentError(
        absl::StrCat("cannot use ", named == nullptr ? "/tmp" : absl::StrCat("TMPDIR=", named),
                     " as temporary directory: ", error.message()));
  }
  RemoveAbandoned(base, prefix);
  for (int i = 0; i < kTriesMax; ++i) {
    std::string around = (base / (prefix + "-XXXXXX")).string();
    if (::mkdtemp(around.data()) == nullptr) {
      return SystemError("create directory", around, errno);
    }
    const std::string lock_path = absl::StrCat(around, "/", kTemporaryLock);
    auto lock = LockFile::Acquire(lock_path);
    if (!lock.ok() && !FileExists(lock_path)) {
      const absl::Status made = lock.status();
      if (::rmdir(around.c_str()) == 0 && !absl::IsFailedPrecondition(made)) return made;
    }
    // Another process may have taken it for abandoned in between, and removed it.
    if (absl::IsFailedPrecondition(lock.status()) || !FileExists(lock_path)) continue;
    std::unique_ptr<TemporaryDirectory> directory(new TemporaryDirectory(
        std::move(around), lock.ok() ? *std::move(lock) : nullptr));  // not every one has locks
    WORLDB_RETURN_IF_ERROR(MakePrivateDirectories(directory->path()));
    return directory;
  }
  return absl::UnavailableError(absl::StrCat("cannot keep a directory in ", base.string()));
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // what cannot be removed stays for the system's own cleaning
  std::filesystem::remove_all(around_, ignored);
}

}  // namespace worldb::tools
