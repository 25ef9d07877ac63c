// Small files that must be there whole or not at all, and only for their owner.
//
// Errors:  NotFound, PermissionDenied, ResourceExhausted (disk full) or Unavailable, each naming the
//          path and the system's reason.
// Threads: any; every call blocks on the disk.
#ifndef WORLDB_TOOLS_FILES_H_
#define WORLDB_TOOLS_FILES_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::tools {

// All of the file, or of standard input for "-"; InvalidArgument when it has more than `bytes_max`.
absl::StatusOr<SecretBytes> ReadWholeFile(const std::string& path, std::size_t bytes_max);
// Writes beside `path`, syncs, renames into place and syncs the directory. `mode` is 0600 for what
// only the owner may read.
absl::Status WriteFileAtomically(const std::string& path, ByteSpan bytes, int mode);
// Creates the directory and missing parents; the ones it creates are for the owner alone.
absl::Status MakePrivateDirectories(const std::string& path);
bool FileExists(const std::string& path);
// What the system's `error` means, as a status: "cannot <what> <path>: <reason>".
absl::Status SystemError(absl::string_view what, absl::string_view path, int error);
// Makes names made or changed in the directory of `path` durable.
absl::Status SyncDirectoryOf(const std::string& path);

// Held by one process at a time; freed by the destructor, or by the system when the process ends.
class LockFile {
 public:
  // FailedPrecondition when another process holds it.
  static absl::StatusOr<std::unique_ptr<LockFile>> Acquire(const std::string& path);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

 private:
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

// A new directory for the owner alone, removed with all it holds by the destructor.
class TemporaryDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryDirectory>> Create(const std::string& prefix);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_FILES_H_
