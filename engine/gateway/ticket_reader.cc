#include "engine/gateway/ticket_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"

namespace worldb::engine {
namespace {
constexpr absl::Duration kAskAgainEvery = absl::Milliseconds(500);
// Of a home that answered and is to answer again.
constexpr absl::Duration kRemindEvery = absl::Seconds(1);
}  // namespace

void TicketReader::Get(const std::string& text, std::optional<arbiter::Level> until,
                       absl::Duration timeout, Done done) {
  const absl::StatusOr<arbiter::Ticket> ticket =
      arbiter::ParseTicket(text, context_.cell().id(), context_.cell().ticket_key());
  if (!ticket.ok()) {
    return done(MakeError(absl::StatusCode::kInvalidArgument, reason::kBadTicket,
                          ticket.status().message(), {{"field", "ticket"}}));
  }
  const RequestId id = context_.NextRequest();
  Call& call = calls_[id];
  call.ticket = *ticket;
  call.until = until;
  call.done = std::move(done);
  call.deadline = context_.now() + timeout;
  call.timer = context_.executor().PostAfter(timeout, [this, id] { OnDeadline(id); });
  Ask(id, /*whole_triad=*/false);
}

void TicketReader::OnDeadline(RequestId id) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  if (it->second.known.has_value()) return Finish(id, *std::move(it->second.known));
  const std::string& home = context_.cell().data_center_name(it->second.ticket.home);
  Finish(id, MakeError(absl::StatusCode::kUnavailable, reason::kTriadUnavailable,
                       absl::StrCat("the op's home data center ", home,
                                    " does not answer; the ticket stays good, ask again later"),
                       {{"home", home}}));
}

void TicketReader::Ask(RequestId id, bool whole_triad) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  const Call& call = it->second;
  const DataCenterIndex home = call.ticket.home;
  const TicketQuery query{id, call.ticket.op, call.until, call.deadline - context_.now()};
  const auto sequencer = homes_.SequencerOf(home);
  if (sequencer.has_value() && !whole_triad) {
    context_.Send(*sequencer, query);
  } else {
    for (int i = 0; i < kNodesPerDataCenter; ++i) {
      context_.Send(NodeAt(home.value() * kNodesPerDataCenter + i), query);
    }
  }
  context_.executor().PostAfter(call.known.has_value() ? kRemindEvery : kAskAgainEvery, [this, id] {
    const auto waiting = calls_.find(id);
    if (waiting != calls_.end()) Ask(id, /*whole_triad=*/!waiting->second.known.has_value());
  });
}

void TicketReader::On(NodeIndex from, const TicketReply& reply) {
  const auto it = calls_.find(reply.id);
  if (it == calls_.end() || DataCenterOf(from) != it->second.ticket.home) return;
  Call& call = it->second;
  const arbiter::Ticket& ticket = call.ticket;
  if (reply.facts.has_value()) {
    const TicketFacts& facts = *reply.facts;
    TicketStatus status{.op = ticket.op,
                        .home = ticket.home,
                        .slot = ticket.slot,
                        .stamp = facts.stamp,
                        .outcome = facts.outcome,
                        .level = facts.level,
                        .final = arbiter::IsFinal(facts.outcome.kind, facts.level),
                        .held = facts.held};
    const bool enough = !call.until.has_value() ||
                        arbiter::EndsWait(status.outcome.kind, status.level, *call.until);
    if (enough) return Finish(reply.id, std::move(status));
    // A replica that lags behind must not take back what another one told.
    if (!call.known.has_value() || status.level >= call.known->level) {
      call.known = std::move(status);
    }
    return;
  }
  if (reply.authoritative) {
    Finish(reply.id,
           MakeError(absl::StatusCode::kNotFound, reason::kUnknownTicket,
                     "the op is not on record at its home: it was never accepted, and may still "
                     "be if it is under way; retry it with the same op id"));
  }
}

void TicketReader::Finish(RequestId id, absl::StatusOr<TicketStatus> status) {
  auto call = calls_.extract(id);
  context_.executor().Cancel(call.mapped().timer);
  call.mapped().done(std::move(status));
}

void TicketReader::StopAll(const absl::Status& status) {
  while (!calls_.empty()) Finish(calls_.begin()->first, status);
}

}  // namespace worldb::engine
