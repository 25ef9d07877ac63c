// Small files that must be there whole or not at all, and only for their owner.
//
// Errors:  NotFound, PermissionDenied, ResourceExhausted (disk full, or a limit on files), InvalidArgument
//          (the path is of another kind: a directory, or below a file) or Unavailable, each naming the path
//          and the system's reason.
// Threads: any; every call blocks on the disk.
#ifndef WORLDB_TOOLS_FILES_H_
#define WORLDB_TOOLS_FILES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::tools {

// All of the file, or of standard input for "-"; OutOfRange when it has more than `bytes_max`.
absl::StatusOr<SecretBytes> ReadWholeFile(const std::string& path, std::size_t bytes_max);
// One OutputFile (tools/output_file.h), synced with its directory; it replaces a file of that name.
absl::Status WriteFileAtomically(const std::string& path, ByteSpan bytes);
// The same for a file that is not there yet: AlreadyExists when something has its name.
absl::Status WriteNewFile(const std::string& path, ByteSpan bytes);
// Renames within a file system, but never over something: AlreadyExists then. Where the file system has
// neither links nor RENAME_NOREPLACE, it looks first.
absl::Status RenameToNew(const std::string& from, const std::string& to);
// Removes one file, durably.
absl::Status RemoveFile(const std::string& path);
// Removes what begins with `prefix` in a directory; directories stay.
void RemoveFiles(const std::string& directory, absl::string_view prefix);
// Creates the directory and missing parents; the ones it creates are for the owner alone.
absl::Status MakePrivateDirectories(const std::string& path);
bool FileExists(const std::string& path);
// Full names of what is in a directory, sorted; with `error` set, only those read so far.
std::vector<std::string> PathsIn(const std::string& directory, std::error_code& error);
// `paths`, and in place of each directory the files in it whose names end in `ending`: NotFound for a
// directory with none.
absl::StatusOr<std::vector<std::string>> ExpandDirectories(const std::vector<std::string>& paths,
                                                           absl::string_view ending);
// What the system's `error` means, as a status: "cannot <what> <path>: <reason>".
absl::Status SystemError(absl::string_view what, absl::string_view path, int error);
// Makes names made or changed in the directory of `path` durable.
absl::Status SyncDirectoryOf(const std::string& path);

class OutputFile;

// OutputFiles of one directory that get their names together: all are synced, then named, and the
// directory is synced once. Many files are synced by syncing their file system, which reports write
// errors from Linux 5.8 on. After a crash each is there whole or not at all.
class FileBatch {
 public:
  // `beside` is OutputFile's.
  FileBatch(std::string directory, std::string beside);
  // Drops what was not committed.
  ~FileBatch();
  FileBatch(const FileBatch&) = delete;
  FileBatch& operator=(const FileBatch&) = delete;

  // `name` has no directory in it. After an error the batch is good for nothing.
  absl::Status Add(const std::string& name, ByteSpan bytes);
  // Replaces files that have the names.
  absl::Status Commit();
  // It is time for Commit(): the files are open until then.
  bool full() const;

 private:
  const std::string directory_;
  const std::string beside_;
  std::vector<std::unique_ptr<OutputFile>> files_;
  std::uint64_t bytes_ = 0;
};

// A file of lines that only grows. A line that a crash cut off is ended by the next Open().
class LineFile {
 public:
  static absl::StatusOr<std::unique_ptr<LineFile>> Open(const std::string& path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  // Appends and syncs. Lines end in a line feed.
  absl::Status Append(absl::string_view lines);
  std::uint64_t size() const { return size_; }

 private:
  LineFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  const int descriptor_;
  const std::string path_;
  std::uint64_t size_ = 0;
};

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

// A new directory for the owner alone, removed with all it holds by the destructor. What a killed
// process left is removed by the next Create() of the same user with the same prefix: a lock beside
// the directory tells whether its process still lives, where the file system has locks.
class TemporaryDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryDirectory>> Create(const std::string& prefix);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  TemporaryDirectory(std::string around, std::unique_ptr<LockFile> lock);
  const std::string around_;  // in TMPDIR; holds the lock and the directory
  const std::unique_ptr<LockFile> lock_;
  const std::string path_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_FILES_H_
