// A text that parses is the one text of its ticket; a ticket made of the input comes back, and not
// with one character changed.
#include <string>

#include "arbiter/ticket.h"
#include "cryptoscatter/base/check.h"

using worldb::arbiter::FormatTicket;
using worldb::arbiter::ParseTicket;
using worldb::arbiter::Ticket;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  worldb::CellId cell;
  cell.bytes.fill(0xc1);
  const worldb::Bytes key(32, 0x5e);
  const worldb::ByteSpan bytes(data, size);

  const auto parsed = ParseTicket(worldb::AsText(bytes), cell, key);
  if (parsed.ok()) WORLDB_CHECK(FormatTicket(*parsed, cell, key) == worldb::AsText(bytes));

  worldb::ByteReader r(bytes);
  Ticket ticket;
  ticket.home = worldb::DataCenterAt(r.U8() % worldb::kDataCenterCount);
  ticket.slot = worldb::Slot(r.U16());
  ticket.key_tag = worldb::KeyTag{r.Array<worldb::KeyTag::kBytes>()};
  ticket.op = worldb::OpId{r.Array<worldb::OpId::kBytes>()};
  const std::size_t at = r.U8();
  const char other = static_cast<char>(r.U8());
  if (!r.ok()) return 0;
  std::string text = FormatTicket(ticket, cell, key);
  const auto again = ParseTicket(text, cell, key);
  WORLDB_CHECK(again.ok() && *again == ticket);
  char& place = text[at % text.size()];
  if (place == other) return 0;
  place = other;
  WORLDB_CHECK(!ParseTicket(text, cell, key).ok());
  return 0;
}
