#include "arbiter/ticket.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::arbiter {
namespace {

constexpr HashLabel kMacLabel("worldb.ticket.1");
constexpr absl::string_view kPrefix = "wt1_";
constexpr std::size_t kMacBytes = 16;
// Enough of the cell id to tell "another cell" from "altered".
constexpr std::size_t kCellHintBytes = 4;
constexpr std::size_t kBodyBytes = kCellHintBytes + 1 + 2 + KeyTag::kBytes + OpId::kBytes;

std::array<std::uint8_t, kMacBytes> Mac(ByteSpan body, const CellId& cell, ByteSpan key) {
  ByteWriter w(kBodyBytes + CellId::kBytes);
  w.Raw(cell.span()).Raw(body);
  std::array<std::uint8_t, kMacBytes> mac;
  KeyedHash(kMacLabel, key, w.span(), mac);
  return mac;
}

absl::Status NotATicket(absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("not a ticket of this cell: ", why, "; pass it exactly as it was printed"));
}

}  // namespace

std::string FormatTicket(const Ticket& ticket, const CellId& cell, ByteSpan ticket_key) {
  ByteWriter w(kBodyBytes + kMacBytes);
  w.Raw(cell.span().first(kCellHintBytes)).U8(ticket.home.value()).U16(ticket.slot.value());
  w.Raw(ticket.key_tag.span()).Raw(ticket.op.span());
  const auto mac = Mac(w.span(), cell, ticket_key);
  w.Raw(mac);
  return absl::StrCat(kPrefix, absl::WebSafeBase64Escape(AsText(w.span())));
}

absl::StatusOr<Ticket> ParseTicket(absl::string_view text, const CellId& cell,
                                   ByteSpan ticket_key) {
  if (!absl::StartsWith(text, kPrefix)) return NotATicket("it does not begin with \"wt1_\"");
  std::string raw;
  if (!absl::WebSafeBase64Unescape(text.substr(kPrefix.size()), &raw)) {
    return NotATicket("a character outside URL-safe base64");
  }
  // One text for one ticket: padding or stray final bits are refused too.
  if (raw.size() != kBodyBytes + kMacBytes ||
      absl::WebSafeBase64Escape(raw) != text.substr(kPrefix.size())) {
    return NotATicket(
        absl::StrCat("it holds ", raw.size(), " bytes, ", kBodyBytes + kMacBytes, " expected"));
  }
  const ByteSpan bytes = AsBytes(raw);
  if (!std::equal(cell.bytes.begin(), cell.bytes.begin() + kCellHintBytes, bytes.begin())) {
    return NotATicket("it was handed out by another cell");
  }
  const auto mac = Mac(bytes.first(kBodyBytes), cell, ticket_key);
  if (!EqualConstantTime(mac, bytes.subspan(kBodyBytes))) return NotATicket("it was altered");
  ByteReader r(bytes.subspan(kCellHintBytes, kBodyBytes - kCellHintBytes));
  Ticket ticket;
  ticket.home = DataCenterIndex(r.U8());
  ticket.slot = Slot(r.U16());
  ticket.key_tag = KeyTag{r.Array<KeyTag::kBytes>()};
  ticket.op = OpId{r.Array<OpId::kBytes>()};
  if (ticket.home.value() >= kDataCenterCount) return NotATicket("its home does not exist");
  return ticket;
}

}  // namespace worldb::arbiter
