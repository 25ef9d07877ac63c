// A directory that this program writes into: what marks it as such, and who may use it.
//
//   DIR/.worldb-recover.lock           held while a process uses the directory
//   DIR/.worldb-recover.new-N          a file that is being written
//   DIR/.worldb-recover.journal        recovered values lie here (tools/recover/outputs/output_directory.h)
// Errors:  Unavailable while another process uses the directory; else as tools/files.h.
#ifndef WORLDB_TOOLS_RECOVER_FILES_OUTPUT_LOCK_H_
#define WORLDB_TOOLS_RECOVER_FILES_OUTPUT_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/files.h"

namespace worldb::tools {

inline constexpr char kJournalName[] = ".worldb-recover.journal";
inline constexpr char kTemporaryPrefix[] = ".worldb-recover.new-";
// Makes the directory if it is missing, and removes what a killed process left under temporary names.
absl::StatusOr<std::unique_ptr<LockFile>> LockOutput(const std::string& path);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_FILES_OUTPUT_LOCK_H_
