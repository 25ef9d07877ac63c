#include "transport/set_call.h"

#include <utility>
#include <variant>

#include "engine/cell/errors.h"
#include "transport/public_messages.h"
#include "transport/reasons.h"

namespace worldb::transport {

using arbiter::Level;
using arbiter::OutcomeKind;

SetCall* SetCall::Start(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell,
                        const grpc::CallbackServerContext& context,
                        absl::StatusOr<engine::SetRequest> request) {
  const Level until = request.ok() ? request->until : Level::kSafe;
  const std::shared_ptr<SetCall> call(new SetCall(node, std::move(cell), until));
  call->KeepUntilDone();
  if (!request.ok()) {
    call->End(request.status());
  } else {
    request->timeout = WorkTimeOf(context);
    call->Joined(node.Set(*std::move(request),
                          [call](const engine::SetEvent& event) { call->OnEvent(event); }));
  }
  return call.get();  // alive: OnDone cannot come before this handler has returned
}

void SetCall::OnEvent(const engine::SetEvent& event) {
  if (const auto* accepted = std::get_if<engine::SetAccepted>(&event)) {
    Send(SetEventToWire(*accepted, *cell_));
    if (until_ == Level::kAccepted) End(absl::OkStatus());
  } else if (const auto* decided = std::get_if<engine::SetDecided>(&event)) {
    if (decided->outcome.kind == OutcomeKind::kPending) return;
    Send(SetEventToWire(*decided, *cell_));
    const bool won = decided->outcome.kind == OutcomeKind::kWon;
    if (!won || until_ <= Level::kDecided) End(absl::OkStatus());
  } else if (const auto* level = std::get_if<engine::SetLevel>(&event)) {
    Send(SetEventToWire(*level, *cell_));
    if (level->level >= until_) End(absl::OkStatus());
  } else {
    End(std::get<engine::SetFailed>(event).status);
  }
}

absl::Status SetCall::NotRead(const v1::SetEvent&) const {
  return engine::MakeError(absl::StatusCode::kResourceExhausted, reason::kNotRead,
                           "the caller does not read its events; ask with the ticket");
}

bool SetCall::Replaces(const v1::SetEvent& news, const v1::SetEvent& waiting) const {
  return news.has_level() && waiting.has_level();
}

}  // namespace worldb::transport
