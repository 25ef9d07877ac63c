#include "transport/async_client.h"

#include <optional>
#include <utility>

#include "cryptoscatter/base/status_macros.h"
#include "transport/channel.h"
#include "transport/client_session.h"
#include "transport/grpc_log.h"
#include "transport/message_fields.h"
#include "worldb/v1/key_value.pb.h"

namespace worldb::transport {
namespace {

using arbiter::Level;

// One op; frees itself.
class OpObserver final : public SessionObserver {
 public:
  explicit OpObserver(CallObserver& observer) : observer_(observer) {}

  void OnEvent(const v1::SessionEvent& event) override {
    if (event.has_value()) {
      observer_.OnValue(AsBytes(event.value().value()));
    } else if (event.has_write()) {
      Tell(event.write());
    }
  }
  void OnEnd(const absl::Status& status) override {
    CallObserver& observer = observer_;
    delete this;
    observer.OnEnd(status);
  }

 private:
  void Tell(const v1::SetEvent& event) {
    switch (event.event_case()) {
      case v1::SetEvent::kAccepted:
        return observer_.OnReached(Level::kAccepted);
      case v1::SetEvent::kDecided: {
        const std::optional<arbiter::OutcomeKind> outcome =
            OutcomeFromWire(event.decided().outcome());
        if (outcome == arbiter::OutcomeKind::kWon) {
          observer_.OnReached(Level::kDecided);
        } else if (outcome.has_value()) {
          observer_.OnNotWon(*outcome);
        }
        return;
      }
      case v1::SetEvent::kLevel:
        if (const auto level = LevelFromWire(event.level().level()); level.has_value()) {
          observer_.OnReached(*level);
        }
        return;
      case v1::SetEvent::EVENT_NOT_SET:
        return;
    }
  }

  CallObserver& observer_;
};

}  // namespace

class AsyncClient::Impl {
 public:
  explicit Impl(const std::vector<std::string>& endpoints) {
    for (const std::string& endpoint : endpoints) {
      sessions_.push_back(std::make_unique<ClientSession>(MakeChannel(endpoint)));
    }
  }
  ClientSession& session(std::size_t index) { return *sessions_[index]; }
  void EndOverdue() {
    for (const auto& session : sessions_) session->EndOverdue();
  }

 private:
  std::vector<std::unique_ptr<ClientSession>> sessions_;
};

absl::StatusOr<std::unique_ptr<AsyncClient>> AsyncClient::Create(
    std::vector<std::string> endpoints) {
  WORLDB_RETURN_IF_ERROR(CheckEndpoints(endpoints));
  QuietGrpc();
  auto impl = std::make_unique<Impl>(endpoints);
  return std::unique_ptr<AsyncClient>(new AsyncClient(std::move(endpoints), std::move(impl)));
}

AsyncClient::AsyncClient(std::vector<std::string> endpoints, std::unique_ptr<Impl> impl)
    : endpoints_(std::move(endpoints)), impl_(std::move(impl)) {}
AsyncClient::~AsyncClient() = default;

void AsyncClient::EndOverdue() { impl_->EndOverdue(); }

void AsyncClient::Set(std::size_t endpoint_index, ByteSpan key, std::string value, const OpId& op,
                      Level until, absl::Duration timeout, CallObserver& observer) {
  v1::SessionOp request;
  v1::SetRequest& set = *request.mutable_set();
  set.set_key(key.data(), key.size());
  set.set_value(std::move(value));
  set.set_op_id(op.bytes.data(), op.bytes.size());
  set.set_until(LevelToWire(until));
  impl_->session(endpoint_index).Start(std::move(request), timeout, *new OpObserver(observer));
}

void AsyncClient::Get(std::size_t endpoint_index, ByteSpan key, absl::Duration timeout,
                      CallObserver& observer) {
  v1::SessionOp request;
  request.mutable_get()->set_key(key.data(), key.size());
  impl_->session(endpoint_index).Start(std::move(request), timeout, *new OpObserver(observer));
}

}  // namespace worldb::transport
