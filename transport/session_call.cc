#include "transport/session_call.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/cell/errors.h"
#include "transport/call_support.h"
#include "transport/message_fields.h"
#include "transport/public_messages.h"
#include "transport/reasons.h"
#include "transport/status_translation.h"

namespace worldb::transport {
namespace {

// Of an event without the value it may carry, rounded up.
constexpr std::size_t kEventBytes = 512;

absl::Duration TimeOf(const v1::SessionOp& op) {
  const absl::Duration asked = absl::Nanoseconds(op.timeout_nanoseconds());
  return op.timeout_nanoseconds() == 0 ? kCallTimeMax
                                       : std::clamp(asked, absl::ZeroDuration(), kCallTimeMax);
}

std::uint64_t BytesOf(const v1::SessionOp& op) {
  switch (op.op_case()) {
    case v1::SessionOp::kSet:
      return op.set().key().size() + op.set().value().size();
    case v1::SessionOp::kDelete:
      return op.delete_().key().size();
    case v1::SessionOp::kGet:
      return op.get().key().size();
    case v1::SessionOp::kTicketGet:
      return op.ticket_get().ticket().size();
    case v1::SessionOp::kTicketWait:
      return op.ticket_wait().ticket().size();
    case v1::SessionOp::OP_NOT_SET:
      break;
  }
  return 0;
}

v1::SessionEvent EventOf(std::uint64_t id, bool last) {
  v1::SessionEvent event;
  event.set_id(id);
  event.set_last(last);
  return event;
}

}  // namespace

struct SessionCall::Begun {
  std::vector<engine::NodeApi::Write> writes;
  std::vector<OpId> write_ids;  // of each of these
  std::vector<engine::NodeApi::Read> reads;
};

SessionCall* SessionCall::Start(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell) {
  const std::shared_ptr<SessionCall> call(new SessionCall(node, std::move(cell)));
  call->self_ = call;
  call->response_.mutable_credit()->set_ops(kOpsMax);
  call->response_.mutable_credit()->set_bytes(kBytesMax);
  {
    MutexLock lock(call->mu_);
    call->writing_ = true;
  }
  call->StartWrite(&call->response_);
  call->StartRead(&call->request_);
  return call.get();  // alive: OnDone cannot come before this handler has returned
}

// ---------------------------------------------------------------- in

void SessionCall::OnReadDone(bool ok) {
  if (!ok) {
    {
      MutexLock lock(mu_);
      half_closed_ = true;
    }
    return Advance();
  }
  // After the end, what still comes is dropped: who sends all before it reads gets to hear why.
  Take();
  request_.Clear();
  StartRead(&request_);
}

void SessionCall::Take() {
  Forget();
  Begun begun;
  for (v1::SessionOp& op : *request_.mutable_ops()) TakeOp(op, begun);
  if (!begun.reads.empty()) node_.GetAll(std::move(begun.reads));
  if (begun.writes.empty()) return;
  const std::vector<engine::CallId> calls = node_.SetAll(std::move(begun.writes));
  std::vector<engine::CallId> too_late;
  {
    MutexLock lock(mu_);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const auto op = ops_.find(begun.write_ids[i]);
      if (op != ops_.end() && !op->second.ended && !end_.has_value()) {
        op->second.call = calls[i];
      } else {
        too_late.push_back(calls[i]);
      }
    }
  }
  for (const engine::CallId call : too_late) node_.Forget(call);
}

void SessionCall::TakeOp(v1::SessionOp& op, Begun& begun) {
  if (!Join(op.id(), BytesOf(op))) {
    if (op.has_set()) WipeString(*op.mutable_set()->mutable_value());
    return;
  }
  switch (op.op_case()) {
    case v1::SessionOp::kSet:
      return BeginWrite(op.id(), SetRequestFromWire(*op.mutable_set(), *cell_), op, begun);
    case v1::SessionOp::kDelete:
      return BeginWrite(op.id(), DeleteRequestFromWire(op.delete_()), op, begun);
    case v1::SessionOp::kGet:
      return BeginRead(op.id(), op, begun);
    case v1::SessionOp::kTicketGet:
    case v1::SessionOp::kTicketWait:
      return BeginTicket(op.id(), op);
    case v1::SessionOp::OP_NOT_SET:
      return Fail(op.id(), BadField("op", "an op of a session is none that this server knows"));
  }
}

bool SessionCall::Join(OpId id, std::uint64_t bytes) {
  bool taken = false;
  {
    MutexLock lock(mu_);
    if (end_.has_value()) return false;
    taken = ops_.contains(id);
    if (!taken && ops_.size() < 2 * kOpsMax && bytes_ + bytes <= 2 * kBytesMax) {
      ops_[id].bytes = bytes;
      bytes_ += bytes;
      return true;
    }
  }
  if (taken) {
    End(BadField("id", absl::StrCat("op ", id, " of this session has not ended yet")));
  } else {
    Refuse(id, engine::MakeError(
                   absl::StatusCode::kResourceExhausted, engine::reason::kShed,
                   absl::StrCat("the session's credit is ", kOpsMax, " ops and ", kBytesMax,
                                " bytes under way; nothing was stamped, try again when some have "
                                "ended")));
  }
  return false;
}

void SessionCall::BeginWrite(OpId id, absl::StatusOr<engine::SetRequest> request,
                             const v1::SessionOp& op, Begun& begun) {
  if (!request.ok()) return Fail(id, request.status());
  request->timeout = TimeOf(op);
  const arbiter::Level until = request->until;
  begun.write_ids.push_back(id);
  begun.writes.push_back(
      {*std::move(request), [call = shared_from_this(), id, until](const engine::SetEvent& event) {
         call->OnWriteEvent(id, until, event);
       }});
}

void SessionCall::BeginRead(OpId id, const v1::SessionOp& op, Begun& begun) {
  absl::StatusOr<engine::GetRequest> request = GetRequestFromWire(op.get());
  if (!request.ok()) return Fail(id, request.status());
  request->timeout = TimeOf(op);
  begun.reads.push_back({*std::move(request),
                         [call = shared_from_this(), id](absl::StatusOr<engine::GetReply> reply) {
                           call->OnValue(id, std::move(reply));
                         }});
}

void SessionCall::BeginTicket(OpId id, const v1::SessionOp& op) {
  const auto done = [call = shared_from_this(),
                     id](const absl::StatusOr<engine::TicketStatus>& ticket) {
    call->OnTicket(id, ticket);
  };
  if (op.has_ticket_get()) return node_.TicketGet(op.ticket_get().ticket(), TimeOf(op), done);
  const absl::StatusOr<arbiter::Level> until = UntilFromWire(op.ticket_wait().until());
  if (!until.ok()) return Fail(id, until.status());
  node_.TicketWait(op.ticket_wait().ticket(), *until, TimeOf(op), done);
}

void SessionCall::Forget() {
  std::vector<engine::CallId> calls;
  {
    MutexLock lock(mu_);
    for (const OpId id : request_.forget()) {
      const auto op = ops_.find(id);
      if (op == ops_.end() || op->second.ended) continue;
      if (op->second.call.has_value()) calls.push_back(*op->second.call);
      bytes_ -= op->second.bytes;
      ops_.erase(op);
      std::erase_if(queue_,
                    [id](const Outgoing& out) { return out.of_op && out.event.id() == id; });
    }
  }
  for (const engine::CallId call : calls) node_.Forget(call);
}

// ---------------------------------------------------------------- out

void SessionCall::OnWriteEvent(OpId id, arbiter::Level until, const engine::SetEvent& event) {
  if (const auto* failed = std::get_if<engine::SetFailed>(&event)) return Fail(id, failed->status);
  v1::SessionEvent out = EventOf(id, engine::EndsCall(event, until));
  if (const auto* accepted = std::get_if<engine::SetAccepted>(&event)) {
    *out.mutable_write() = SetEventToWire(*accepted, *cell_);
  } else if (const auto* decided = std::get_if<engine::SetDecided>(&event)) {
    *out.mutable_write() = SetEventToWire(*decided, *cell_);
  } else {
    *out.mutable_write() = SetEventToWire(std::get<engine::SetLevel>(event), *cell_);
  }
  Send(std::move(out));
}

void SessionCall::OnValue(OpId id, absl::StatusOr<engine::GetReply> reply) {
  if (!reply.ok()) return Fail(id, reply.status());
  v1::SessionEvent out = EventOf(id, true);
  GetReplyToWire(*reply, *cell_, *out.mutable_value());
  Send(std::move(out), std::move(reply->charge));
}

void SessionCall::OnTicket(OpId id, const absl::StatusOr<engine::TicketStatus>& ticket) {
  if (!ticket.ok()) return Fail(id, ticket.status());
  v1::SessionEvent out = EventOf(id, true);
  TicketToWire(*ticket, *cell_, *out.mutable_ticket());
  Send(std::move(out));
}

void SessionCall::Fail(OpId id, const absl::Status& status) {
  v1::SessionEvent out = EventOf(id, true);
  *out.mutable_error() = ToRpcStatus(status);
  Send(std::move(out));
}

void SessionCall::Send(v1::SessionEvent event, engine::Budget::Charge charge) {
  {
    MutexLock lock(mu_);
    const auto op = ops_.find(event.id());
    if (end_.has_value() || op == ops_.end() || op->second.ended) return;
    op->second.ended = event.last();
    queue_.push_back({std::move(event), true, std::move(charge)});
  }
  Advance();
}

void SessionCall::Refuse(OpId id, const absl::Status& status) {
  bool flood = false;
  {
    MutexLock lock(mu_);
    if (end_.has_value()) return;
    flood = refusals_ == kRefusalsMax;
    if (!flood) {
      ++refusals_;
      v1::SessionEvent out = EventOf(id, true);
      *out.mutable_error() = ToRpcStatus(status);
      queue_.push_back({std::move(out), false, {}});
    }
  }
  if (flood) {
    return End(engine::MakeError(absl::StatusCode::kResourceExhausted, reason::kNotRead,
                                 "the caller sends beyond its credit and does not read why not; "
                                 "ask about its writes with their tickets or op ids"));
  }
  Advance();
}

void SessionCall::End(absl::Status status) {
  std::vector<engine::CallId> calls;
  {
    MutexLock lock(mu_);
    if (!end_.has_value()) end_ = std::move(status);
    queue_.clear();
    calls = TakeCalls();
  }
  for (const engine::CallId call : calls) node_.Forget(call);
  Advance();
}

std::vector<engine::CallId> SessionCall::TakeCalls() {
  std::vector<engine::CallId> calls;
  for (auto& [id, op] : ops_) {
    if (!op.ended && op.call.has_value()) calls.push_back(*op.call);
  }
  ops_.clear();
  bytes_ = 0;
  return calls;
}

void SessionCall::OnCancel() { End(NodeStoppingError()); }

void SessionCall::OnWriteDone(bool ok) {
  {
    MutexLock lock(mu_);
    writing_ = false;
    written_.clear();
    // What has been told to its end counts no more.
    for (v1::SessionEvent& event : *response_.mutable_events()) {
      if (event.has_value()) WipeString(*event.mutable_value()->mutable_value());
      const auto op = event.last() ? ops_.find(event.id()) : ops_.end();
      if (op == ops_.end() || !op->second.ended) continue;
      bytes_ -= op->second.bytes;
      ops_.erase(op);
    }
    response_.Clear();
  }
  if (!ok) return End(NodeStoppingError());
  Advance();
}

void SessionCall::FillMessage() {
  std::size_t bytes = 0;
  while (!queue_.empty() && response_.events_size() < static_cast<int>(kEventsPerMessageMax)) {
    Outgoing& out = queue_.front();
    bytes += kEventBytes + out.event.value().value().size();
    if (response_.events_size() > 0 && bytes > kEventBytesPerMessageMax) return;
    if (!out.of_op) --refusals_;
    written_.push_back(std::move(out.charge));
    *response_.add_events() = std::move(out.event);
    queue_.pop_front();
  }
}

void SessionCall::Advance() {
  const std::shared_ptr<SessionCall> keep = shared_from_this();
  bool write = false;
  std::optional<absl::Status> finish;
  {
    MutexLock lock(mu_);
    if (writing_ || finished_) return;
    if (!queue_.empty()) {
      FillMessage();
      writing_ = true;
      write = true;
    } else if (end_.has_value() || (half_closed_ && ops_.empty())) {
      finished_ = true;
      finish = end_.value_or(absl::OkStatus());
    }
  }
  if (write) StartWrite(&response_);
  if (finish.has_value()) Finish(ToGrpcStatus(*finish));
}

}  // namespace worldb::transport
