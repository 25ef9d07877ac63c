#include "transport/set_call.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "engine/errors.h"
#include "transport/call_support.h"
#include "transport/public_messages.h"
#include "transport/reasons.h"

namespace worldb::transport {

using arbiter::Level;
using arbiter::OutcomeKind;

SetCall* SetCall::Start(engine::Node& node, std::shared_ptr<const engine::Cell> cell,
                        const grpc::CallbackServerContext& context, v1::SetRequest& request) {
  std::shared_ptr<SetCall> call(new SetCall(node, std::move(cell)));
  call->self_ = call;
  absl::StatusOr<engine::SetRequest> translated = SetRequestFromWire(request);
  const absl::StatusOr<Level> until = UntilFromWire(request.until());
  const absl::Status status = translated.ok() ? until.status() : translated.status();
  if (!status.ok()) {
    {
      MutexLock lock(call->mu_);
      call->End(status);
    }
    call->Advance();
  } else {
    call->Run(*std::move(translated), *until, WorkTimeOf(context));
  }
  return call.get();  // alive: OnDone cannot come before this handler has returned
}

void SetCall::Run(engine::SetRequest request, Level until, absl::Duration work_time) {
  {
    MutexLock lock(mu_);
    op_ = request.op;
    home_ = cell_->HomeOf(cell_->SlotOf(cell_->KeyTagOf(request.key)));
    until_ = until;
  }
  // The alarm keeps its callback until it is destroyed, so the callback must not keep the alarm.
  deadline_.Set(absl::ToChronoTime(absl::Now() + work_time),
                [weak = weak_from_this()](bool expired) {
                  const std::shared_ptr<SetCall> call = weak.lock();
                  if (expired && call != nullptr) call->OnDeadline();
                });
  const engine::Node::CallId call_id = node_.Set(
      std::move(request),
      [call = shared_from_this()](const engine::SetEvent& event) { call->OnEvent(event); });
  {
    MutexLock lock(mu_);
    call_ = call_id;
  }
  Advance();
}

void SetCall::OnEvent(const engine::SetEvent& event) {
  {
    MutexLock lock(mu_);
    if (end_.has_value()) return;
    if (const auto* accepted = std::get_if<engine::SetAccepted>(&event)) {
      ticket_ = accepted->ticket;
      Enqueue(SetEventToWire(*accepted, *cell_));
      if (until_ == Level::kAccepted) End(absl::OkStatus());
    } else if (const auto* decided = std::get_if<engine::SetDecided>(&event)) {
      if (decided->outcome.kind == OutcomeKind::kPending) return;
      won_ = decided->outcome.kind == OutcomeKind::kWon;
      if (won_) reached_ = std::max(reached_, Level::kDecided);
      Enqueue(SetEventToWire(*decided, *cell_));
      if (!won_ || until_ <= Level::kDecided) End(absl::OkStatus());
    } else if (const auto* level = std::get_if<engine::SetLevel>(&event)) {
      reached_ = std::max(reached_, level->level);
      held_ = held_ | level->held;
      Enqueue(SetEventToWire(*level, *cell_));
      if (level->level >= until_) End(absl::OkStatus());
    } else {
      End(std::get<engine::SetFailed>(event).status);
    }
  }
  Advance();
}

void SetCall::OnDeadline() {
  {
    MutexLock lock(mu_);
    if (end_.has_value()) return;
    End(DeadlineError());
  }
  Advance();
}

void SetCall::Enqueue(v1::SetEvent event) {
  if (event.has_level() && !queue_.empty() && queue_.back().has_level()) queue_.pop_back();
  if (queue_.size() == kEventsMax) {
    End(absl::ResourceExhaustedError("the caller does not read its events; ask with the ticket"));
    return;
  }
  queue_.push_back(std::move(event));
}

void SetCall::End(absl::Status status) {
  if (!end_.has_value()) end_ = std::move(status);
}

absl::Status SetCall::DeadlineError() const {
  const std::string& home = cell_->data_center_name(home_);
  engine::ErrorDetails details = {
      {"home", home},
      {"op_id", arbiter::FormatOpId(op_)},
      {"wanted", std::string(arbiter::LevelName(until_))},
  };
  if (ticket_.empty()) {
    return engine::MakeError(
        absl::StatusCode::kDeadlineExceeded, engine::reason::kOutcomeUnknown,
        absl::StrCat("home data center ", home, " has not put the write on record in time; it may ",
                     "still do so: try again with the same op id"),
        details);
  }
  details.emplace_back("ticket", ticket_);
  if (!won_) {
    return engine::MakeError(absl::StatusCode::kDeadlineExceeded, engine::reason::kOutcomeUnknown,
                             "on record, but not decided in time; the ticket will tell", details);
  }
  std::string shares;
  for (int i = 0; i < kDataCenterCount; ++i) {
    const std::string& name = cell_->data_center_name(DataCenterAt(i));
    const int count = held_.CountIn(DataCenterAt(i));
    absl::StrAppend(&shares, i == 0 ? "" : ", ", name, " ", count);
    details.emplace_back(absl::StrCat("shares_", name), absl::StrCat(count));
  }
  details.emplace_back("reached", std::string(arbiter::LevelName(reached_)));
  return engine::MakeError(
      absl::StatusCode::kFailedPrecondition, reason::kToleranceNotReached,
      absl::StrCat("won, but only ", arbiter::LevelName(reached_), " in time, not ",
                   arbiter::LevelName(until_), "; shares known: ", shares),
      details);
}

void SetCall::Advance() {
  enum class Step { kNothing, kWrite, kFinish };
  const std::shared_ptr<SetCall> keep = shared_from_this();
  Step step = Step::kNothing;
  std::optional<engine::Node::CallId> forget;
  absl::Status status;
  {
    MutexLock lock(mu_);
    if (end_.has_value()) forget = std::exchange(call_, std::nullopt);
    if (!writing_ && !finished_) {
      if (!queue_.empty()) {
        in_flight_ = std::move(queue_.front());
        queue_.pop_front();
        writing_ = true;
        step = Step::kWrite;
      } else if (end_.has_value()) {
        finished_ = true;
        status = *end_;
        step = Step::kFinish;
      }
    }
  }
  if (forget.has_value()) node_.Forget(*forget);
  switch (step) {
    case Step::kNothing:
      break;
    case Step::kWrite:
      StartWrite(&in_flight_);
      break;
    case Step::kFinish:
      Finish(ToGrpcStatus(status));
      break;
  }
}

void SetCall::OnWriteDone(bool ok) {
  {
    MutexLock lock(mu_);
    writing_ = false;
    if (!ok) {
      queue_.clear();
      End(NodeStoppingError());
    }
  }
  Advance();
}

void SetCall::OnCancel() {
  {
    MutexLock lock(mu_);
    queue_.clear();
    End(NodeStoppingError());
  }
  Advance();
}

void SetCall::OnDone() {
  const std::shared_ptr<SetCall> last = std::move(self_);
  deadline_.Cancel();
}

}  // namespace worldb::transport
