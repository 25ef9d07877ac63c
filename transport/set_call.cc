#include "transport/set_call.h"

#include <utility>
#include <variant>

#include "engine/cell/errors.h"
#include "transport/public_messages.h"
#include "transport/reasons.h"

namespace worldb::transport {

using arbiter::Level;

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
  if (const auto* failed = std::get_if<engine::SetFailed>(&event)) return End(failed->status);
  Send(SetEventToWire(event, *cell_));
  if (engine::EndsCall(event, until_)) End(absl::OkStatus());
}

absl::Status SetCall::NotRead(const v1::SetEvent&) const {
  return engine::MakeError(absl::StatusCode::kResourceExhausted, reason::kNotRead,
                           "the caller does not read its events; ask with the ticket");
}

bool SetCall::Replaces(const v1::SetEvent& news, const v1::SetEvent& waiting) const {
  return news.has_level() && waiting.has_level();
}

}  // namespace worldb::transport
