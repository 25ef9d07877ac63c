#include "engine/gateway/ticket_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"
#include "engine/cell/triad.h"
#include "engine/gateway/refusals.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kAskAgainEvery = absl::Milliseconds(500);
// Of a home that answered and is to answer again.
constexpr absl::Duration kRemindEvery = absl::Seconds(1);

TicketStatus StatusOf(const arbiter::Ticket& ticket, const TicketFacts& facts) {
  return {.op = ticket.op,
          .home = ticket.home,
          .slot = ticket.slot,
          .stamp = facts.stamp,
          .outcome = facts.outcome,
          .level = facts.level,
          .final = arbiter::IsFinal(facts.outcome.kind, facts.level),
          .held = facts.held};
}

}  // namespace

void TicketReader::Get(const std::string& text, std::optional<arbiter::Level> until,
                       absl::Duration timeout, Done done) {
  const absl::StatusOr<arbiter::Ticket> ticket =
      arbiter::ParseTicket(text, self_.cell().id(), self_.cell().ticket_key());
  if (!ticket.ok()) {
    return done(MakeError(absl::StatusCode::kInvalidArgument, reason::kBadTicket,
                          ticket.status().message(), {{"field", "ticket"}}));
  }
  if (calls_.size() >= kTicketCallsMax) {
    return done(TooMany("questions for tickets under way", kTicketCallsMax));
  }
  Call call;
  call.ticket = *ticket;
  call.until = until;
  call.done = std::move(done);
  call.deadline = self_.now() + timeout;
  const RequestId id = calls_.Add(Triad(ticket->home).set(), std::move(call));
  calls_.Find(id)->timer = self_.executor().PostAfter(timeout, [this, id] { OnDeadline(id); });
  Ask(id, Whom::kSequencer);
}

void TicketReader::Ask(RequestId id, Whom whom) {
  const Call* call = calls_.Find(id);
  if (call == nullptr) return;
  const TicketQuery query{id, call->ticket.op, call->ticket.key_tag, call->until,
                          call->deadline - self_.now()};
  const auto sequencer = homes_.SequencerOf(call->ticket.home);
  if (sequencer.has_value() && whom == Whom::kSequencer) {
    self_.Send(*sequencer, query);
  } else {
    for (const NodeIndex node : Triad(call->ticket.home).nodes()) self_.Send(node, query);
  }
  self_.executor().PostAfter(call->known.has_value() ? kRemindEvery : kAskAgainEvery, [this, id] {
    const Call* waiting = calls_.Find(id);
    if (waiting == nullptr) return;
    Ask(id, waiting->known.has_value() ? Whom::kSequencer : Whom::kWholeTriad);
  });
}

void TicketReader::TakeReply(NodeIndex from, const TicketReply& reply) {
  Call* call = calls_.Find(from, reply.id);
  if (call == nullptr) return;
  const bool of_this_key =
      reply.facts.has_value() && reply.facts->identity.key_tag == call->ticket.key_tag;
  if (of_this_key) return TakeFacts(reply.id, *call, *reply.facts);
  if (!reply.authoritative && !reply.facts.has_value()) return;
  if (reply.forgotten) {
    return Finish(
        reply.id,
        MakeError(
            absl::StatusCode::kNotFound, reason::kOpExpired,
            "the op is older than its home remembers, and no version of its key is its: it did "
            "not win, or never arrived, and never will"));
  }
  Finish(reply.id,
         MakeError(absl::StatusCode::kNotFound, reason::kUnknownTicket,
                   "the op is not on record at its home: it was never accepted, and may still "
                   "be if it is under way; retry it with the same op id"));
}

void TicketReader::TakeFacts(RequestId id, Call& call, const TicketFacts& facts) {
  TicketStatus status = StatusOf(call.ticket, facts);
  const bool enough =
      !call.until.has_value() || arbiter::EndsWait(status.outcome.kind, status.level, *call.until);
  if (enough) return Finish(id, std::move(status));
  // A replica that lags behind must not take back what another one told.
  if (!call.known.has_value() || status.level >= call.known->level) {
    call.known = std::move(status);
  }
}

void TicketReader::OnDeadline(RequestId id) {
  const std::optional<Call> call = calls_.Drop(id);
  if (!call.has_value()) return;
  if (call->known.has_value()) return Finish(*call, *call->known);
  const std::string& home = self_.cell().data_center_name(call->ticket.home);
  Finish(*call, MakeError(absl::StatusCode::kUnavailable, reason::kTriadUnavailable,
                          absl::StrCat("the op's home data center ", home,
                                       " does not answer; the ticket stays good, ask again later"),
                          {{"home", home}}));
}

void TicketReader::Finish(RequestId id, absl::StatusOr<TicketStatus> status) {
  Finish(*calls_.Drop(id), std::move(status));
}

void TicketReader::Finish(const Call& call, absl::StatusOr<TicketStatus> status) {
  self_.executor().Cancel(call.timer);
  call.done(std::move(status));
}

void TicketReader::StopAll(const absl::Status& status) {
  while (const std::optional<Call> call = calls_.DropOldest()) Finish(*call, status);
}

}  // namespace worldb::engine
