// Ids as text: two digits for each byte, as their Hex() writes them.
//
// Threads: a pure function.
#ifndef WORLDB_TOOLS_RECOVER_OUTPUTS_HEX_ID_H_
#define WORLDB_TOOLS_RECOVER_OUTPUTS_HEX_ID_H_

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::tools {

// Nullopt for anything but exactly as many hex digits as an Id has.
template <typename Id>
std::optional<Id> ParseHexId(absl::string_view text) {
  const bool hex = std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
  if (!hex || text.size() != 2 * Id::kBytes) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(text);
  Id id;
  std::copy_n(AsBytes(bytes).begin(), Id::kBytes, id.bytes.begin());
  return id;
}

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_OUTPUTS_HEX_ID_H_
