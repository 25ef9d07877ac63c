// One Set on the server's side: a bounded mailbox between the node's executor and gRPC.
//
// Invariants: at most one write is in flight; Finish is called once, with none in flight; gRPC is never
//             called under the lock. The node's observer and gRPC's reactions only change the
//             mailbox, then do the one step it allows.
// Bounds:     kEventsMax events wait; a newer level event replaces a waiting one.
// Threads:    any.
#ifndef WORLDB_TRANSPORT_SET_CALL_H_
#define WORLDB_TRANSPORT_SET_CALL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/cell.h"
#include "engine/node.h"
#include "worldb/v1/key_value.pb.h"

namespace worldb::transport {

class SetCall final : public grpc::ServerWriteReactor<v1::SetEvent>,
                      public std::enable_shared_from_this<SetCall> {
 public:
  static constexpr std::size_t kEventsMax = 16;

  // The reactor for one call; it frees itself. Wipes the value in `request`. `node` outlives the
  // server.
  static SetCall* Start(engine::Node& node, std::shared_ptr<const engine::Cell> cell,
                        const grpc::CallbackServerContext& context, v1::SetRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  SetCall(engine::Node& node, std::shared_ptr<const engine::Cell> cell)
      : node_(node), cell_(std::move(cell)) {}

  void Run(engine::SetRequest request, arbiter::Level until, absl::Duration work_time);
  void OnEvent(const engine::SetEvent& event);
  void OnDeadline();
  void Enqueue(v1::SetEvent event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The call has its end; what is queued still goes out before it.
  void End(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Why the call has to end at its deadline without having reached its level.
  absl::Status DeadlineError() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Does what the mailbox allows: one write, or Finish; and leaves the node alone once it is over.
  void Advance() ABSL_LOCKS_EXCLUDED(mu_);

  engine::Node& node_;
  const std::shared_ptr<const engine::Cell> cell_;
  std::shared_ptr<SetCall> self_;  // until OnDone
  v1::SetEvent in_flight_;         // owned by whoever set writing_
  grpc::Alarm deadline_;

  Mutex mu_;
  OpId op_ ABSL_GUARDED_BY(mu_);
  DataCenterIndex home_ ABSL_GUARDED_BY(mu_);
  arbiter::Level until_ ABSL_GUARDED_BY(mu_) = arbiter::Level::kSafe;
  std::deque<v1::SetEvent> queue_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<engine::Node::CallId> call_ ABSL_GUARDED_BY(mu_);
  // What has been heard, for DeadlineError.
  std::string ticket_ ABSL_GUARDED_BY(mu_);
  bool won_ ABSL_GUARDED_BY(mu_) = false;
  arbiter::Level reached_ ABSL_GUARDED_BY(mu_) = arbiter::Level::kAccepted;
  NodeSet held_ ABSL_GUARDED_BY(mu_);
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_SET_CALL_H_
