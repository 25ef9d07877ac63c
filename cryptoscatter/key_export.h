// Node keys for recovery: what opens the raw stores of some nodes, encrypted to a recovery key that is
// kept offline.
//
// An export holds storage keys and exchange secrets, never signing keys: whoever opens it can read what
// those nodes could read, but cannot act as them. It says nothing of who made it.
// Shapes:  the layouts of docs/key-export-format.md.
// Errors:  InvalidArgument for bytes that are wrong for ever; FailedPrecondition for an export made for
//          another recovery key; OpenFailure() (DataLoss) when it does not open.
// Threads: plain values and pure functions.
// Secrets: the recovery key, and all of an export. Node ids, names and indices are sealed with them;
//          the cell id is public.
// Source:  docs/key-export-format.md.
#ifndef WORLDB_CRYPTOSCATTER_KEY_EXPORT_H_
#define WORLDB_CRYPTOSCATTER_KEY_EXPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/exchange.h"

namespace worldb::cryptoscatter {

// "wrp1_...": the public half of a recovery key, with a check against mistyping.
std::string FormatRecoveryPublicKey(const ExchangePublicKey& key);
absl::StatusOr<ExchangePublicKey> ParseRecoveryPublicKey(absl::string_view text);

// The file of a recovery key: three lines of text, one form only.
SecretBytes EncodeRecoveryKeyFile(const ExchangeKeyPair& key);
absl::StatusOr<ExchangeKeyPair> DecodeRecoveryKeyFile(ByteSpan bytes);

inline constexpr std::size_t kExportedNameBytesMax = 64;
struct ExportedNode {
  NodeIndex index;
  NodeId id;
  std::string name;
  SecretArray<32> storage_key;
  SecretArray<32> exchange_secret;
};
struct KeyExport {
  CellId cell;
  std::vector<ExportedNode> nodes;  // one to nine, by index, each index once
};

// What is in the box of an export.
SecretBytes EncodeExportedNodes(const std::vector<ExportedNode>& nodes);
absl::StatusOr<std::vector<ExportedNode>> DecodeExportedNodes(ByteSpan bytes);

// REQUIRES: nodes as said above. InvalidArgument for a recovery key of low order.
absl::StatusOr<Bytes> SealKeyExport(const KeyExport& keys, const ExchangePublicKey& recovery_key,
                                    Entropy& entropy);
absl::StatusOr<KeyExport> OpenKeyExport(ByteSpan bytes, const ExchangeKeyPair& recovery_key);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_KEY_EXPORT_H_
