// Share files back into the one file, window by window, on several threads.
//
// Every block is checked before it is used; a bad one is replaced from other shares and its share is
// named. A file appears whole or not at all. Standard output gets each window when it has opened, so
// what came through before a failure is right but not all there is.
// Errors:  FailedPrecondition when the good shares do not suffice; DataLoss when the blocks of some
//          window do not, or what verified does not open; as in tools/files.h.
// Source:  docs/split-join.md.
#ifndef WORLDB_TOOLS_RECOVER_SPLIT_JOIN_FILE_H_
#define WORLDB_TOOLS_RECOVER_SPLIT_JOIN_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/recover/split/share_set.h"
#include "tools/recover/split/team.h"

namespace worldb::tools {

struct JoinOptions {
  std::string output;  // "-" is standard output
  bool quick = false;  // read only as many shares as it takes
};

struct JoinResult {
  std::string base_name;
  std::uint64_t file_bytes = 0;
};

absl::StatusOr<JoinResult> JoinFile(const ShareGroup& group, const JoinOptions& options,
                                    const FileProgress& progress);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SPLIT_JOIN_FILE_H_
