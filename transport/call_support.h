// What the reactors of all calls share: reading a call's deadline, and a unary reactor that answers
// exactly once, whoever is first, and holds what the answer takes up until it has left.
#ifndef WORLDB_TRANSPORT_CALL_SUPPORT_H_
#define WORLDB_TRANSPORT_CALL_SUPPORT_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/api/budget.h"
#include "engine/cell/errors.h"
#include "transport/status_translation.h"

namespace worldb::transport {

// A call without a deadline gets this one; no call gets a longer one.
inline constexpr absl::Duration kCallTimeMax = absl::Minutes(1);

// How long the node may work on a call: a little less than its client waits, so that the answer can
// still say why there is none.
inline absl::Duration WorkTimeOf(const grpc::CallbackServerContext& context) {
  const absl::Duration left = absl::FromChrono(context.deadline()) - absl::Now();
  const absl::Duration capped = std::clamp(left, absl::ZeroDuration(), kCallTimeMax);
  return capped - std::min(capped / 5, absl::Milliseconds(250));
}

inline absl::Status NodeStoppingError() {
  return engine::MakeError(absl::StatusCode::kUnavailable, engine::reason::kNodeStopping,
                           "the node was stopped during the call, or the caller left");
}

// A unary call that is answered later, from any thread. Keeps itself alive until gRPC lets go of it
// and the last callback that may answer is gone.
class UnaryCall final : public grpc::ServerUnaryReactor,
                        public std::enable_shared_from_this<UnaryCall> {
 public:
  // `cleanup` runs when the call is over, while its messages still exist.
  static std::shared_ptr<UnaryCall> Create(std::function<void()> cleanup = {}) {
    std::shared_ptr<UnaryCall> call(new UnaryCall(std::move(cleanup)));
    call->self_ = call;
    return call;
  }

  // Runs `fill` and finishes OK, or finishes with `status`; does nothing if the call has its answer.
  // `fill` may write the response.
  void Answer(const absl::Status& status, const std::function<void()>& fill = {}) {
    if (answered_.exchange(true)) return;
    const std::shared_ptr<UnaryCall> keep = shared_from_this();
    if (status.ok() && fill) fill();
    Finish(ToGrpcStatus(status));
  }

  // For `fill`: what the response takes up, given back when it has left.
  void HoldUntilDone(engine::Budget::Charge charge) { charge_ = std::move(charge); }

  void OnCancel() override { Answer(NodeStoppingError()); }
  void OnDone() override {
    if (cleanup_) cleanup_();
    charge_ = {};
    self_.reset();
  }

 private:
  explicit UnaryCall(std::function<void()> cleanup) : cleanup_(std::move(cleanup)) {}

  const std::function<void()> cleanup_;
  std::atomic<bool> answered_ = false;
  engine::Budget::Charge charge_;  // of whoever set answered_, then of OnDone
  std::shared_ptr<UnaryCall> self_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_CALL_SUPPORT_H_
