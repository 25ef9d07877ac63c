// Files with keys: nodes' secrets, key exports with what opens them, and the cell directory that says whose
// keys they are.
// Errors:  InvalidArgument for a file of another kind, else as reading files goes; each names the file.
// Secrets: storage keys and exchange secrets of nodes, the recovery key.
#ifndef WORLDB_TOOLS_RECOVER_FILES_KEY_FILES_H_
#define WORLDB_TOOLS_RECOVER_FILES_KEY_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/exchange.h"
#include "engine/cell/cell.h"
#include "engine/offline/offline_reader.h"

namespace worldb::tools {

struct KeyPaths {
  std::vector<std::string> secrets;  // nodes' secrets files
  std::vector<std::string> exports;  // key exports
  std::string recovery_key;          // what opens them
};

// All keys in these files; none when none is named. InvalidArgument also for exports without a recovery key.
absl::StatusOr<std::unique_ptr<engine::OfflineKeys>> LoadKeys(const KeyPaths& paths);

absl::StatusOr<engine::NodeSecrets> ReadSecretsFile(const std::string& path);
absl::StatusOr<std::shared_ptr<const engine::Cell>> ReadCellFile(const std::string& path);
absl::StatusOr<cryptoscatter::ExchangeKeyPair> ReadRecoveryKeyFile(const std::string& path);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_FILES_KEY_FILES_H_
