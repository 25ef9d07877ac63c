#include "engine/cell/key_name.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/records.h"
#include "engine/cell/errors.h"

namespace worldb::engine {
namespace {

using cryptoscatter::kKeyNameBytesMax;

absl::Status BadKey(absl::string_view field, absl::string_view words) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadKey, words,
                   {{"field", std::string(field)}});
}

}  // namespace

absl::Status CheckKeyName(ByteSpan key) {
  if (!key.empty() && key.size() <= kKeyNameBytesMax) return absl::OkStatus();
  return BadKey("key", absl::StrCat("the key has ", key.size(), " bytes; 1 to ", kKeyNameBytesMax,
                                    " are allowed"));
}

absl::Status CheckKeyPrefix(ByteSpan prefix) {
  if (prefix.size() <= kKeyNameBytesMax) return absl::OkStatus();
  return BadKey("prefix", absl::StrCat("the prefix has ", prefix.size(), " bytes; at most ",
                                       kKeyNameBytesMax, " are allowed"));
}

absl::Status CheckKeyOrPrefix(ByteSpan key, bool is_prefix) {
  const std::size_t bytes_min = is_prefix ? 0 : 1;
  if (key.size() >= bytes_min && key.size() <= kKeyNameBytesMax) return absl::OkStatus();
  return BadKey("key", absl::StrCat("the key or prefix has ", key.size(), " bytes; ", bytes_min,
                                    " to ", kKeyNameBytesMax, " are allowed"));
}

}  // namespace worldb::engine
