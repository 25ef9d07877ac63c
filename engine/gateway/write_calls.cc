#include "engine/gateway/write_calls.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "arbiter/ticket.h"

namespace worldb::engine {

WriteCalls::WriteCalls(NodeSelf& self, const HomeDirectory& homes)
    : self_(self), homes_(homes), asked_(self.request_ids(), kAskedMax) {}

void WriteCalls::Start() { AskForQuietOnes(); }

void WriteCalls::Begin(AdmittedSet& set) {
  Call call;
  call.op = set.request.op;
  call.identity = {set.key_tag, set.request.kind, set.request.content_tag};
  call.slot = set.slot;
  call.home = set.home;
  call.observer = std::move(set.observer);
  call.charge = std::move(set.of_calls);
  call.until = set.request.until;
  call.heard = self_.now();
  call.timer = self_.executor().PostAfter(set.request.timeout, [this, id = set.call] {
    if (const auto it = calls_.find(id); it != calls_.end()) Fail(id, TimeoutError(it->second));
  });
  calls_of_[call.op].push_back(set.call);
  calls_.emplace(set.call, std::move(call));
}

void WriteCalls::SetFrame(CallId call, FrameNumber number) {
  if (const auto it = calls_.find(call); it != calls_.end()) it->second.frame = number;
}

void WriteCalls::AskForQuietOnes() {
  // Goes on next time where it stopped, so that every quiet call has its turn.
  std::size_t asks = 0;
  auto it = calls_.upper_bound(asked_last_);
  for (std::size_t i = 0; i < calls_.size() && asks < kAsksPerTickMax; ++i) {
    if (it == calls_.end()) it = calls_.begin();
    auto& [id, call] = *it++;
    asked_last_ = id;
    if (self_.now() - call.heard < kCallQuietAfter) continue;
    call.heard = self_.now();
    Ask(call);
    ++asks;
  }
  self_.executor().PostAfter(kTickEvery, [this] { AskForQuietOnes(); });
}

void WriteCalls::AskAbout(DataCenterIndex home) {
  for (const auto& [id, call] : calls_) {
    if (call.home == home) Ask(call);
  }
}

void WriteCalls::Ask(const Call& call) {
  const std::optional<NodeIndex> sequencer = homes_.SequencerOf(call.home);
  if (!sequencer.has_value()) return;
  const RequestId id = asked_.Add(*sequencer, call.op);
  self_.Send(*sequencer,
             TicketQuery{id, call.op, call.identity.key_tag, std::nullopt, absl::ZeroDuration()});
}

// The whole story, in the order in which it happened.
void WriteCalls::TakeTicket(NodeIndex from, const TicketReply& reply) {
  const std::optional<OpId> op = asked_.Take(from, reply.id);
  if (!op.has_value() || !reply.facts.has_value()) return;
  const TicketFacts& facts = *reply.facts;
  const DataCenterIndex home = DataCenterOf(from);
  Hear(home, {*op, NoticeAccepted{facts.stamp, facts.outcome.version, false, facts.out,
                                  facts.within_reach, facts.identity}});
  Hear(home, {*op, facts.outcome});
  if (facts.level > arbiter::Level::kDecided) {
    Hear(home, {*op, NoticeLevel{facts.level, facts.outcome.version, facts.held}});
  }
}

void WriteCalls::TakeNotices(NodeIndex from, const OpNotices& notices) {
  if (DataCenterOf(from) != notices.home) return;
  for (const OpNotice& notice : notices.notices) Hear(notices.home, notice);
}

void WriteCalls::Hear(DataCenterIndex home, const OpNotice& notice) {
  const auto it = calls_of_.find(notice.op);
  if (it == calls_of_.end()) return;
  // A copy: telling may end calls.
  const std::vector<CallId> ids = it->second;
  for (const CallId id : ids) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) continue;  // ended with another one's news
    Call& call = found->second;
    if (call.home != home) continue;  // the same op id under a key of another home
    call.heard = self_.now();
    std::visit([&](const auto& what) { Hear(id, call, what); }, notice.what);
  }
}

void WriteCalls::Hear(CallId id, Call& call, const NoticeAccepted& accepted) {
  // Another write has the id: its story is not this call's, whichever of the two is told first.
  if (!call.identity.IsSameOpAs(accepted.identity)) return Fail(id, OpIdReused());
  if (std::exchange(call.accepted, true)) return;
  Tell(id, call,
       SetAccepted{TicketOf(call), accepted.stamp, call.home, accepted.version, accepted.leading,
                   accepted.out, accepted.within_reach});
}

void WriteCalls::Hear(CallId id, Call& call, const arbiter::Outcome& outcome) {
  if (outcome.kind == arbiter::OutcomeKind::kPending) return;
  if (!call.accepted) return Ask(call);  // what came before it was lost with a sequencer
  // A win may still end VOID or PERISHED; anything else that was told was the end of the call.
  if (std::exchange(call.decided, true) && outcome.kind == arbiter::OutcomeKind::kWon) return;
  Tell(id, call, SetDecided{outcome});
}

void WriteCalls::Hear(CallId id, Call& call, const NoticeLevel& level) {
  if (!call.decided) return Ask(call);
  if (level.level <= call.level) return;
  call.level = level.level;
  call.held = level.held;
  Tell(id, call, SetLevel{level.level, level.version, level.held});
}

void WriteCalls::Hear(CallId id, Call& call, const NoticeRefused& refused) {
  if (call.frame == refused.number) Fail(id, refused.status);
}

void WriteCalls::Tell(CallId id, const Call& call, const SetEvent& event) {
  call.observer(event);
  if (EndsCall(event, call.until)) End(id);
}

void WriteCalls::Fail(CallId call, absl::Status status) {
  if (const auto it = calls_.find(call); it != calls_.end()) {
    Tell(call, it->second, SetFailed{std::move(status)});
  }
}

void WriteCalls::Forget(CallId call) { End(call); }

void WriteCalls::StopAll() {
  while (!calls_.empty()) Fail(calls_.begin()->first, StoppedError(calls_.begin()->second));
}

void WriteCalls::End(CallId id) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  self_.executor().Cancel(it->second.timer);
  const auto of = calls_of_.find(it->second.op);
  std::erase(of->second, id);
  if (of->second.empty()) calls_of_.erase(of);
  calls_.erase(it);
}

std::string WriteCalls::TicketOf(const Call& call) const {
  return arbiter::FormatTicket({call.home, call.slot, call.identity.key_tag, call.op},
                               self_.cell().id(), self_.cell().ticket_key());
}

ErrorDetails WriteCalls::DetailsFor(const Call& call) const {
  return {{"ticket", TicketOf(call)},
          {"op_id", arbiter::FormatOpId(call.op)},
          {"home", self_.cell().data_center_name(call.home)},
          {"wanted", std::string(arbiter::LevelName(call.until))}};
}

absl::Status WriteCalls::StoppedError(const Call& call) const {
  return MakeError(
      absl::StatusCode::kUnavailable, reason::kOutcomeUnknown,
      absl::StrCat("the node is stopping; the write ",
                   call.accepted ? "is on record" : "may be on record",
                   ": ask another node with the ticket, or retry there with the same op id"),
      DetailsFor(call));
}

absl::Status WriteCalls::TimeoutError(const Call& call) const {
  ErrorDetails details = DetailsFor(call);
  if (!call.accepted) return NotRecorded(call, details);
  if (!call.decided) return NotDecided(call, details);
  return LevelNotReached(call, std::move(details));
}

absl::Status WriteCalls::NotRecorded(const Call& call, const ErrorDetails& details) const {
  const bool silent = homes_.IsSilent(call.home);
  return MakeError(
      silent ? absl::StatusCode::kUnavailable : absl::StatusCode::kDeadlineExceeded,
      silent ? reason::kTriadUnavailable : reason::kOutcomeUnknown,
      absl::StrCat("the key's home data center ", self_.cell().data_center_name(call.home),
                   silent ? " does not answer" : " had not put the write on record in time",
                   "; it may still be recorded: ask with the ticket, or retry with the same op id"),
      details);
}

absl::Status WriteCalls::NotDecided(const Call& call, const ErrorDetails& details) const {
  return MakeError(absl::StatusCode::kDeadlineExceeded, reason::kOutcomeUnknown,
                   absl::StrCat("on record at ", self_.cell().data_center_name(call.home),
                                ", but its round had not closed when the time was up; the "
                                "ticket will tell"),
                   details);
}

absl::Status WriteCalls::LevelNotReached(const Call& call, ErrorDetails details) const {
  const arbiter::Level reached = std::max(call.level, arbiter::Level::kDecided);
  details.emplace_back("reached", arbiter::LevelName(reached));
  std::string shares;
  for (int i = 0; i < kDataCenterCount; ++i) {
    const std::string& name = self_.cell().data_center_name(DataCenterAt(i));
    const int count = call.held.CountIn(DataCenterAt(i));
    absl::StrAppend(&shares, i == 0 ? "" : ", ", name, " ", count);
    details.emplace_back(absl::StrCat("shares_", name), absl::StrCat(count));
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, reason::kToleranceNotReached,
                   absl::StrCat("won, but ", arbiter::LevelName(reached), " and not ",
                                arbiter::LevelName(call.until),
                                " when the time was up; shares reported: ", shares,
                                "; the op goes on, its ticket tells how far"),
                   details);
}

}  // namespace worldb::engine
