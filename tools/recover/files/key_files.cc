#include "tools/recover/files/key_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/key_export.h"
#include "cryptoscatter/signing.h"
#include "tools/files.h"

namespace worldb::tools {
namespace {

// All of these are small; anything larger is another file.
constexpr std::size_t kKeyFileBytesMax = 64 * 1024;

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::StatusOr<engine::NodeSecrets> ReadSecretsFile(const std::string& path) {
  WORLDB_ASSIGN_OR_RETURN(const SecretBytes bytes, ReadWholeFile(path, kKeyFileBytesMax));
  auto secrets = engine::NodeSecrets::Decode(bytes.ExposeSecret());
  if (!secrets.ok()) return InFile(path, secrets.status());
  return secrets;
}

absl::StatusOr<std::shared_ptr<const engine::Cell>> ReadCellFile(const std::string& path) {
  WORLDB_ASSIGN_OR_RETURN(const SecretBytes bytes, ReadWholeFile(path, engine::kCellFileBytesMax));
  auto cell = engine::Cell::Decode(bytes.ExposeSecret());
  if (!cell.ok()) return InFile(path, cell.status());
  return cell;
}

absl::StatusOr<cryptoscatter::ExchangeKeyPair> ReadRecoveryKeyFile(const std::string& path) {
  WORLDB_ASSIGN_OR_RETURN(const SecretBytes bytes, ReadWholeFile(path, kKeyFileBytesMax));
  auto key = cryptoscatter::DecodeRecoveryKeyFile(bytes.ExposeSecret());
  if (!key.ok()) return InFile(path, key.status());
  return key;
}

absl::StatusOr<std::unique_ptr<engine::OfflineKeys>> LoadKeys(const KeyPaths& paths) {
  auto keys = std::make_unique<engine::OfflineKeys>();
  for (const std::string& path : paths.secrets) {
    WORLDB_ASSIGN_OR_RETURN(const engine::NodeSecrets secrets, ReadSecretsFile(path));
    keys->Add(cryptoscatter::NodeIdOf(secrets.signing.public_key()), secrets.storage_key,
              secrets.exchange.PrivateKey());
  }
  if (paths.exports.empty()) return keys;
  if (paths.recovery_key.empty()) {
    return absl::InvalidArgumentError(
        "a key export opens with its recovery key: --recovery-key FILE");
  }
  WORLDB_ASSIGN_OR_RETURN(const cryptoscatter::ExchangeKeyPair recovery_key,
                          ReadRecoveryKeyFile(paths.recovery_key));
  for (const std::string& path : paths.exports) {
    WORLDB_ASSIGN_OR_RETURN(const SecretBytes bytes, ReadWholeFile(path, kKeyFileBytesMax));
    const auto opened = cryptoscatter::OpenKeyExport(bytes.ExposeSecret(), recovery_key);
    if (!opened.ok()) {  // of another recovery key, or damaged: the wrong file either way
      return InFile(path, absl::InvalidArgumentError(opened.status().message()));
    }
    for (const cryptoscatter::ExportedNode& node : opened->nodes) {
      keys->Add(node.id, node.storage_key, node.exchange_secret);
    }
  }
  return keys;
}

}  // namespace worldb::tools
