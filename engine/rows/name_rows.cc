#include "engine/rows/name_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/at_rest.h"

namespace worldb::engine {
namespace {

// What a sealed name is bound to, beside the storage key of its node.
Bytes PlaceOf(const NodeId& node, absl::string_view row_key) {
  ByteWriter w;
  w.Raw(node.span()).Raw(AsBytes(row_key));
  return std::move(w).Take();
}

}  // namespace

std::string NameRow::Key(const KeyTag& key_tag) {
  return absl::StrCat(kFamilyPrefix, AsText(key_tag.span()));
}

Bytes NameRow::Seal(const SecretArray<32>& storage_key, const NodeId& node,
                    absl::string_view row_key, ByteSpan name, Entropy& entropy) {
  return cryptoscatter::SealAtRest(storage_key, PlaceOf(node, row_key), name, entropy);
}

absl::StatusOr<Bytes> NameRow::Open(const SecretArray<32>& storage_key, const NodeId& node,
                                    absl::string_view row_key, ByteSpan bytes) {
  return cryptoscatter::OpenAtRest(storage_key, PlaceOf(node, row_key), bytes);
}

}  // namespace worldb::engine
