// The row a node of a key's home keeps the key's name in: sealed under the node's storage key, under the
// key's tag.
//
// A row copied to another key, or to another node's disk, does not open there.
// Errors:  OpenFailure() (DataLoss) for a row that was not sealed for this place under this key.
// Threads: pure functions.
// Secrets: the storage key and the name.
// Source:  ARCHITECTURE.md, "Names, listings and watches".
#ifndef WORLDB_ENGINE_ROWS_NAME_ROWS_H_
#define WORLDB_ENGINE_ROWS_NAME_ROWS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::engine {

struct NameRow {
  static constexpr char kFamilyPrefix[] = "k/";
  // "k/", key tag.
  static std::string Key(const KeyTag& key_tag);
  static Bytes Seal(const SecretArray<32>& storage_key, const NodeId& node,
                    absl::string_view row_key, ByteSpan name, Entropy& entropy);
  static absl::StatusOr<Bytes> Open(const SecretArray<32>& storage_key, const NodeId& node,
                                    absl::string_view row_key, ByteSpan bytes);
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROWS_NAME_ROWS_H_
