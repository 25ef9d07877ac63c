// Where the commands get node keys from.
#ifndef WORLDB_TOOLS_RECOVER_KEYS_H_
#define WORLDB_TOOLS_RECOVER_KEYS_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/exchange.h"
#include "engine/cell/cell.h"
#include "engine/offline/offline_reader.h"

namespace worldb::tools {

struct KeyOptions {
  std::vector<std::string> secrets;  // nodes' secrets files
  std::vector<std::string> exports;  // key exports
  std::string recovery_key;          // what opens them
};
void AddKeyOptions(CLI::App& command, KeyOptions& options);

// All keys the options name; none when they name none. InvalidArgument for a file of another kind or
// for exports without a recovery key, else as reading files goes; each names the file.
absl::StatusOr<std::unique_ptr<engine::OfflineKeys>> LoadKeys(const KeyOptions& options);

absl::StatusOr<engine::NodeSecrets> ReadSecretsFile(const std::string& path);
absl::StatusOr<std::shared_ptr<const engine::Cell>> ReadCellFile(const std::string& path);
absl::StatusOr<cryptoscatter::ExchangeKeyPair> ReadRecoveryKeyFile(const std::string& path);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_KEYS_H_
