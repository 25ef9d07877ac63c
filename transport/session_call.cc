#include "transport/session_call.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/cell/errors.h"
#include "transport/call_support.h"
#include "transport/message_fields.h"
#include "transport/public_messages.h"
#include "transport/reasons.h"
#include "transport/status_translation.h"

namespace worldb::transport {
namespace {

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

}  // namespace

struct SessionCall::Begun {
  std::vector<engine::NodeApi::Write> writes;
  std::vector<OpId> write_ids;  // of each of these
  std::vector<engine::NodeApi::Read> reads;
};

SessionCall::Outgoing::Outgoing(OpId id, bool last, engine::Budget::Charge answer_charge)
    : answer(std::move(answer_charge)) {
  event.set_id(id);
  event.set_last(last);
}
SessionCall::Outgoing::~Outgoing() {
  if (event.has_value()) WipeString(*event.mutable_value()->mutable_value());
}

SessionCall* SessionCall::Start(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell,
                                std::shared_ptr<engine::Budget> untaken) {
  const std::shared_ptr<SessionCall> call(
      new SessionCall(node, std::move(cell), std::move(untaken)));
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
  if (request_.forget().empty()) return;
  const absl::flat_hash_set<OpId> ids(request_.forget().begin(), request_.forget().end());
  std::vector<engine::CallId> calls;
  {
    MutexLock lock(mu_);
    for (Outgoing& out : std::exchange(queue_, {})) {
      if (!out.of_op || !ids.contains(out.event.id())) {
        queue_.push_back(std::move(out));
      } else if (out.event.last()) {
        ops_.at(out.event.id()).ended = false;  // it has not been told, and will not be
      }
    }
    for (const OpId id : ids) {
      const auto op = ops_.find(id);
      if (op == ops_.end() || op->second.ended) continue;
      if (op->second.call.has_value()) calls.push_back(*op->second.call);
      bytes_ -= op->second.bytes;
      ops_.erase(op);
    }
  }
  for (const engine::CallId call : calls) node_.Forget(call);
}

// ---------------------------------------------------------------- out

void SessionCall::OnWriteEvent(OpId id, arbiter::Level until, const engine::SetEvent& event) {
  if (const auto* failed = std::get_if<engine::SetFailed>(&event)) return Fail(id, failed->status);
  Outgoing out(id, engine::EndsCall(event, until));
  *out.event.mutable_write() = SetEventToWire(event, *cell_);
  Send(std::move(out));
}

void SessionCall::OnValue(OpId id, absl::StatusOr<engine::GetReply> reply) {
  if (!reply.ok()) return Fail(id, reply.status());
  Outgoing out(id, true, std::move(reply->charge));
  GetReplyToWire(*reply, *cell_, *out.event.mutable_value());
  Send(std::move(out));
}

void SessionCall::OnTicket(OpId id, const absl::StatusOr<engine::TicketStatus>& ticket) {
  if (!ticket.ok()) return Fail(id, ticket.status());
  Outgoing out(id, true);
  TicketToWire(*ticket, *cell_, *out.event.mutable_ticket());
  Send(std::move(out));
}

void SessionCall::Fail(OpId id, const absl::Status& status) {
  Outgoing out(id, true);
  *out.event.mutable_error() = ToRpcStatus(status);
  Send(std::move(out));
}

void SessionCall::Send(Outgoing out) {
  bool fits = false;
  {
    MutexLock lock(mu_);
    const auto op = ops_.find(out.event.id());
    if (end_.has_value() || op == ops_.end() || op->second.ended) return;
    op->second.ended = out.event.last();
    fits = Enqueue(std::move(out));
  }
  fits ? Advance() : EndUnread();
}

void SessionCall::Refuse(OpId id, const absl::Status& status) {
  Outgoing out(id, true);
  out.of_op = false;
  *out.event.mutable_error() = ToRpcStatus(status);
  bool fits = false;
  {
    MutexLock lock(mu_);
    if (end_.has_value()) return;
    fits = refusals_ < kRefusalsMax && Enqueue(std::move(out));
    if (fits) ++refusals_;
  }
  fits ? Advance() : EndUnread();
}

// A value has been charged as an answer already.
bool SessionCall::Enqueue(Outgoing out) {
  out.bytes = out.event.ByteSizeLong();
  auto charge = untaken_->TryCharge(out.bytes - out.event.value().value().size());
  if (!charge.has_value()) return false;
  out.untaken = *std::move(charge);
  queue_.push_back(std::move(out));
  return true;
}

void SessionCall::EndUnread() {
  End(engine::MakeError(absl::StatusCode::kResourceExhausted, reason::kNotRead,
                        "the caller does not read the events of its session; ask about its writes "
                        "with their tickets or op ids"));
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
    in_flight_.clear();
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
  while (!queue_.empty() && in_flight_.size() < kEventsPerMessageMax) {
    Outgoing& out = queue_.front();
    bytes += out.bytes;
    if (!in_flight_.empty() && bytes > kEventBytesPerMessageMax) return;
    if (!out.of_op) --refusals_;
    *response_.add_events() = std::move(out.event);
    in_flight_.push_back(std::move(out));
    queue_.pop_front();
  }
}

absl::Duration SessionCall::PauseBeforeWrite() const {
  const bool enough = ops_.size() < kManyOps || queue_.size() >= kEventsPerMessageMax;
  // Whoever is refused is told at once: it may be cut off soon.
  if (enough || refusals_ > 0) return absl::ZeroDuration();
  return std::clamp(write_again_ - absl::Now(), absl::ZeroDuration(), kWriteEvery);
}

void SessionCall::AdvanceAfter(absl::Duration pause) {
  // A new one each time: that of the last pause may still be in its call.
  gathered_ = std::make_unique<grpc::Alarm>();
  // The alarm keeps what it calls for as long as it lives, and it is this object's.
  gathered_->Set(absl::ToChronoTime(absl::Now() + pause), [weak = weak_from_this()](bool) {
    const std::shared_ptr<SessionCall> call = weak.lock();
    if (call == nullptr) return;
    {
      MutexLock lock(call->mu_);
      call->gathering_ = false;
      call->write_again_ = absl::InfinitePast();
    }
    call->Advance();
  });
}

void SessionCall::Advance() {
  const std::shared_ptr<SessionCall> keep = shared_from_this();
  bool write = false;
  absl::Duration pause;
  std::optional<absl::Status> finish;
  {
    MutexLock lock(mu_);
    if (writing_ || finished_) return;
    if (!queue_.empty()) {
      pause = PauseBeforeWrite();
      write = pause == absl::ZeroDuration();
      if (!write && std::exchange(gathering_, true)) return;
      writing_ = write;
      if (write) {
        FillMessage();
        write_again_ = absl::Now() + kWriteEvery;
      }
    } else if (end_.has_value() || (half_closed_ && ops_.empty())) {
      finished_ = true;
      finish = end_.value_or(absl::OkStatus());
    }
  }
  if (write) StartWrite(&response_);
  if (pause > absl::ZeroDuration()) AdvanceAfter(pause);
  if (finish.has_value()) Finish(ToGrpcStatus(*finish));
}

}  // namespace worldb::transport
