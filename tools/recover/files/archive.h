// Unpacks archives that somebody else made: tar, also packed with gzip, zstd or xz, and zip.
//
// Only plain files and directories come out of one, and only below the directory given. An archive
// that holds anything else (a link, a device, a path that leads out, the same file twice), or more
// than allowed, is refused as a whole.
// Errors:  InvalidArgument for such an archive, naming the entry; DataLoss for one that is cut off or
//          damaged: what lies before the damage is unpacked, the last file perhaps in part;
//          OutOfRange above the limits; Cancelled once WasStopped(); else as tools/files.h.
// Threads: one caller for each directory.
#ifndef WORLDB_TOOLS_RECOVER_FILES_ARCHIVE_H_
#define WORLDB_TOOLS_RECOVER_FILES_ARCHIVE_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::tools {

struct UnpackLimits {
  std::uint64_t bytes_max = std::uint64_t{1} << 40;
  std::uint64_t entry_count_max = 10'000'000;
  std::size_t depth_max = 32;
};

// By the ending of its name, in any case.
inline constexpr std::array<const char*, 8> kArchiveEndings = {
    ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".zip"};
bool IsArchiveName(absl::string_view path);
// An entry's path below the directory it is unpacked to: no empty, "." or ".." parts are left.
absl::StatusOr<std::string> SafeEntryPath(absl::string_view path, std::size_t depth_max);
// REQUIRES: `directory` exists, is empty and private.
// `left` is what may still be unpacked, and becomes less by what was.
absl::Status UnpackArchive(const std::string& archive, const std::string& directory,
                           UnpackLimits& left);
// The same from memory.
absl::Status UnpackArchiveBytes(ByteSpan archive, const std::string& directory, UnpackLimits& left);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_FILES_ARCHIVE_H_
