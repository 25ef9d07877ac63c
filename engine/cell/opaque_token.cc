#include "engine/cell/opaque_token.h"

#include <array>

#include "absl/strings/escaping.h"

namespace worldb::engine {
namespace {

using Mac = std::array<std::uint8_t, 16>;
// The largest place is a key's name.
constexpr std::size_t kTokenBytesMax = 2048;

Mac MacOf(const HashLabel& use, const Cell& cell, ByteSpan binding, ByteSpan place) {
  ByteWriter w;
  w.Raw(cell.id().span()).Sized(binding).Raw(place);
  Mac mac;
  KeyedHash(use, cell.ticket_key(), w.span(), mac);
  return mac;
}

}  // namespace

std::string MakeOpaqueToken(const HashLabel& use, const Cell& cell, ByteSpan binding,
                            ByteSpan place) {
  ByteWriter w;
  w.Raw(MacOf(use, cell, binding, place)).Raw(place);
  return absl::WebSafeBase64Escape(AsText(w.span()));
}

absl::StatusOr<Bytes> OpenOpaqueToken(const HashLabel& use, const Cell& cell, ByteSpan binding,
                                      absl::string_view token) {
  const absl::Status bad = absl::InvalidArgumentError(
      "not a token of this cell for this call; pass it exactly as it was handed out, with the same "
      "key or prefix");
  std::string raw;
  if (token.size() > kTokenBytesMax || !absl::WebSafeBase64Unescape(token, &raw) ||
      absl::WebSafeBase64Escape(raw) != token || raw.size() < sizeof(Mac)) {
    return bad;
  }
  const ByteSpan bytes = AsBytes(raw);
  const ByteSpan place = bytes.subspan(sizeof(Mac));
  if (!EqualConstantTime(MacOf(use, cell, binding, place), bytes.first(sizeof(Mac)))) return bad;
  return ToBytes(place);
}

}  // namespace worldb::engine
