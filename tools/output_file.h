// A file that appears under its name whole or not at all: the one way in which the programs write files.
//
// Until Publish() it has no name where the file system allows that, so that not even a killed process
// leaves anything behind; elsewhere, and after Stage(), a hidden name beside its own that nobody can
// foretell. Hard links are not needed where there are hidden names: FAT and many network file systems
// have none.
// Errors:  as in files.h; AlreadyExists for a name that is taken.
// Threads: WriteAt may be called from any thread; the rest by one owner.
#ifndef WORLDB_TOOLS_OUTPUT_FILE_H_
#define WORLDB_TOOLS_OUTPUT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::tools {

inline constexpr char kHiddenPrefix[] = ".worldb.new-";

class OutputFile {
 public:
  // For the owner alone (mode 0600). InvalidArgument when something other than a plain file has the
  // name, a symbolic link among them: what it points to is for the caller to name.
  // A hidden name is `beside`, on the same file system, and digits.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path,
                                                            std::string beside);
  // The hidden name is in the same directory and begins with kHiddenPrefix.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path);
  // Drops what was not published.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::string& path() const { return path_; }
  // Asks the disk to begin at once, so that Sync() has little left to wait for.
  absl::Status WriteAt(std::uint64_t at, ByteSpan bytes) const;
  absl::Status Sync() const;
  // Syncs all of its file system instead: cheaper for many files.
  absl::Status SyncFileSystem() const;
  // Gives it a hidden name beside its own, if it has none: what can fail and be undone of replacing.
  absl::Status Stage();
  // Gives the file its name; replaces what had it only when `overwrite`, and then in one moment. Without,
  // nothing is ever replaced, but by a file system with neither links nor RENAME_NOREPLACE when somebody
  // takes the name in that very moment. Durable after SyncDirectoryOf().
  absl::Status Publish(bool overwrite);

 private:
  OutputFile(std::string path, int descriptor, std::string beside, bool hidden);

  const std::string path_;
  const int descriptor_;
  const std::string beside_;  // its hidden name
  bool hidden_;               // it has that now
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_OUTPUT_FILE_H_
