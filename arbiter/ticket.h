// A ticket: the claim check for one op, good at any node of its cell. Names the op and where it is
// judged, holds no secret, and carries a MAC so that a node need not look up what no node handed out.
//
// Text:    "wt1_" and URL-safe base64 without padding; the bytes are in docs/ticket-format.md.
// Errors:  InvalidArgument: not a ticket, altered, or of another cell; the message says which.
// Threads: pure functions.
// Source:  docs/ticket-format.md.
#ifndef WORLDB_ARBITER_TICKET_H_
#define WORLDB_ARBITER_TICKET_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::arbiter {

struct Ticket {
  DataCenterIndex home;
  Slot slot;
  KeyTag key_tag;
  OpId op;
  friend bool operator==(const Ticket&, const Ticket&) = default;
};

// `ticket_key` (32 bytes) is the cell's.
std::string FormatTicket(const Ticket& ticket, const CellId& cell, ByteSpan ticket_key);
absl::StatusOr<Ticket> ParseTicket(absl::string_view text, const CellId& cell, ByteSpan ticket_key);

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_TICKET_H_
