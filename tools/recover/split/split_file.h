// One file into nine share files: reads, seals and writes window by window, on several threads.
//
// Errors:  as in tools/files.h; AlreadyExists for a share file that is there; InvalidArgument for a
//          file too large. All nine files appear, or none; but Internal when replacing share files
//          stopped midway: those that have their names are new and whole, the others as they were.
// Source:  docs/split-join.md.
#ifndef WORLDB_TOOLS_RECOVER_SPLIT_SPLIT_FILE_H_
#define WORLDB_TOOLS_RECOVER_SPLIT_SPLIT_FILE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/suite.h"
#include "tools/recover/split/team.h"

namespace worldb::tools {

struct SplitOptions {
  std::string input;      // "-" is standard input
  std::string base_name;  // what the file is called, inside and in the names of the shares
  std::string directory;
  std::array<std::string, kNodeCount> share_names;  // of the nine places, below `directory`
  std::shared_ptr<const cryptoscatter::Script> script;
  cryptoscatter::Suite suite = cryptoscatter::kDefaultSuite;
  bool overwrite = false;
};

struct SplitResult {
  CoreId core;
  std::uint64_t file_bytes = 0;
  std::uint64_t share_bytes = 0;  // of the largest share file
  std::array<std::string, kNodeCount> paths;
};

absl::StatusOr<SplitResult> SplitFile(const SplitOptions& options, const FileProgress& progress);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SPLIT_SPLIT_FILE_H_
