#include "transport/watch_call.h"

#include <utility>
#include <variant>

#include "engine/cell/errors.h"
#include "transport/reasons.h"
#include "transport/version_messages.h"

namespace worldb::transport {

WatchCall* WatchCall::Start(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell,
                            const v1::WatchRequest& request) {
  const std::shared_ptr<WatchCall> call(new WatchCall(node, std::move(cell)));
  call->KeepUntilDone();
  absl::StatusOr<engine::WatchRequest> translated = WatchRequestFromWire(request);
  if (!translated.ok()) {
    call->End(translated.status());
  } else {
    call->Joined(node.Watch(*std::move(translated),
                            [call](const engine::WatchEvent& event) { call->OnEvent(event); }));
  }
  return call.get();  // alive: OnDone cannot come before this handler has returned
}

void WatchCall::OnEvent(const engine::WatchEvent& event) {
  if (const auto* failed = std::get_if<engine::WatchFailed>(&event)) {
    End(failed->status);
  } else {
    Send(WatchEventToWire(event, *cell_));
  }
}

absl::Status WatchCall::NotRead(const v1::WatchEvent& last) const {
  return engine::MakeError(absl::StatusCode::kResourceExhausted, reason::kNotRead,
                           "the caller does not read what it watches; resume from the last token",
                           {{"resume_token", last.resume_token()}});
}

bool WatchCall::Replaces(const v1::WatchEvent&, const v1::WatchEvent& waiting) const {
  return waiting.has_progress();
}

}  // namespace worldb::transport
