#include "transport/async_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <optional>
#include <utility>

#include "cryptoscatter/base/status_macros.h"
#include "engine/api/writes.h"
#include "transport/channel.h"
#include "transport/grpc_log.h"
#include "transport/message_fields.h"
#include "transport/status_translation.h"
#include "worldb/v1/key_value.grpc.pb.h"

namespace worldb::transport {
namespace {

using arbiter::Level;

// One Set; frees itself.
class SetStream final : public grpc::ClientReadReactor<v1::SetEvent> {
 public:
  SetStream(Level until, CallObserver& observer) : until_(until), observer_(observer) {}

  void Start(v1::KeyValue::Stub& stub, v1::SetRequest& request, absl::Time deadline) {
    request.set_until(LevelToWire(until_));
    context_.set_deadline(absl::ToChronoTime(deadline));
    stub.async()->Set(&context_, &request, this);
    StartRead(&event_);
    StartCall();  // from here on the request has been encoded, and `this` may be gone
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    // After the last event only the status is left, and that comes by itself.
    if (Tell()) StartRead(&event_);
  }

  void OnDone(const grpc::Status& status) override {
    CallObserver& observer = observer_;
    const absl::Status translated = FromGrpcStatus(status);
    delete this;
    observer.OnEnd(translated);
  }

 private:
  // True when more events are to be expected.
  bool Tell() {
    switch (event_.event_case()) {
      case v1::SetEvent::kAccepted:
        return Reached(Level::kAccepted);
      case v1::SetEvent::kDecided: {
        const std::optional<arbiter::OutcomeKind> outcome =
            OutcomeFromWire(event_.decided().outcome());
        if (!outcome.has_value()) return false;
        if (outcome == arbiter::OutcomeKind::kWon) {
          observer_.OnReached(Level::kDecided);
        } else {
          observer_.OnNotWon(*outcome);
        }
        return !engine::EndsCall(*outcome, until_);
      }
      case v1::SetEvent::kLevel: {
        const std::optional<Level> level = LevelFromWire(event_.level().level());
        return !level.has_value() || Reached(*level);
      }
      case v1::SetEvent::EVENT_NOT_SET:
        break;
    }
    return true;
  }

  bool Reached(Level level) {
    observer_.OnReached(level);
    return !engine::EndsCall(level, until_);
  }

  const Level until_;
  CallObserver& observer_;
  grpc::ClientContext context_;
  v1::SetEvent event_;
};

struct GetCall {
  explicit GetCall(CallObserver& o) : observer(o) {}
  ~GetCall() { WipeString(*response.mutable_value()); }

  CallObserver& observer;
  grpc::ClientContext context;
  v1::GetResponse response;
};

}  // namespace

class AsyncClient::Impl {
 public:
  explicit Impl(const std::vector<std::string>& endpoints) {
    for (const std::string& endpoint : endpoints) {
      stubs_.push_back(v1::KeyValue::NewStub(MakeChannel(endpoint)));
    }
  }
  v1::KeyValue::Stub& stub(std::size_t index) { return *stubs_[index]; }

 private:
  std::vector<std::unique_ptr<v1::KeyValue::Stub>> stubs_;
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

void AsyncClient::Set(std::size_t endpoint_index, ByteSpan key, std::string value, const OpId& op,
                      Level until, absl::Duration timeout, CallObserver& observer) {
  v1::SetRequest request;
  request.set_key(key.data(), key.size());
  request.set_value(std::move(value));
  request.set_op_id(op.bytes.data(), op.bytes.size());
  auto* stream = new SetStream(until, observer);
  stream->Start(impl_->stub(endpoint_index), request, absl::Now() + timeout);
  WipeString(*request.mutable_value());
}

void AsyncClient::Get(std::size_t endpoint_index, ByteSpan key, absl::Duration timeout,
                      CallObserver& observer) {
  v1::GetRequest request;
  request.set_key(key.data(), key.size());
  auto* call = new GetCall(observer);
  call->context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  impl_->stub(endpoint_index)
      .async()
      ->Get(&call->context, &request, &call->response, [call](const grpc::Status& status) {
        CallObserver& ended = call->observer;
        if (status.ok()) ended.OnValue(AsBytes(call->response.value()));
        delete call;
        ended.OnEnd(FromGrpcStatus(status));
      });
}

}  // namespace worldb::transport
