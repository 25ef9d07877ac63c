// A call that answers with a stream, on the server's side: a bounded mailbox between the node's
// executor and gRPC.
//
// Invariants: at most one write is in flight; Finish is called once, with none in flight; gRPC is never
//             called under the lock. Whoever has news changes the mailbox, then does the one step it
//             allows.
// Bounds:     `events_max` events wait. A caller that lets it overflow is told after the event on its way to
//             it; what waits is dropped, so that who never reads keeps no more than that one event.
// Threads:    any.
#ifndef WORLDB_TRANSPORT_STREAM_CALL_H_
#define WORLDB_TRANSPORT_STREAM_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/api/node_api.h"
#include "transport/call_support.h"

namespace worldb::transport {

template <typename Event>
class StreamCall : public grpc::ServerWriteReactor<Event>,
                   public std::enable_shared_from_this<StreamCall<Event>> {
 public:
  void OnWriteDone(bool ok) final {
    {
      MutexLock lock(mu_);
      writing_ = false;
      if (!ok) Abandon();
    }
    Advance();
  }
  void OnCancel() final {
    {
      MutexLock lock(mu_);
      Abandon();
    }
    Advance();
  }
  void OnDone() final { const std::shared_ptr<StreamCall> last = std::move(self_); }

 protected:
  // `node` outlives the server.
  StreamCall(engine::NodeApi& node, std::size_t events_max)
      : node_(node), events_max_(events_max) {}

  // From here on the call frees itself once gRPC lets go of it.
  void KeepUntilDone() { self_ = this->shared_from_this(); }

  // The id of the call at the node, which forgets it as soon as it is over here.
  void Joined(engine::CallId call) {
    {
      MutexLock lock(mu_);
      call_ = call;
    }
    Advance();
  }

  // Nothing is sent after the end.
  void Send(Event event) {
    {
      MutexLock lock(mu_);
      if (end_.has_value()) return;
      if (!queue_.empty() && Replaces(event, queue_.back())) queue_.pop_back();
      if (queue_.size() == events_max_) {
        end_ = NotRead(in_flight_);
        queue_.clear();
      } else {
        queue_.push_back(std::move(event));
      }
    }
    Advance();
  }

  // What waits still goes out before it. The first end counts.
  void End(absl::Status status) {
    {
      MutexLock lock(mu_);
      if (!end_.has_value()) end_ = std::move(status);
    }
    Advance();
  }

  // What a caller is told who does not read; `last` is the last event it gets.
  virtual absl::Status NotRead(const Event& last) const = 0;
  // Whether `waiting` has nothing to say beside `news`.
  virtual bool Replaces(const Event& news, const Event& waiting) const {
    static_cast<void>(news);
    static_cast<void>(waiting);
    return false;
  }

  engine::NodeApi& node_;

 private:
  // The caller is gone.
  void Abandon() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    queue_.clear();
    if (!end_.has_value()) end_ = NodeStoppingError();
  }

  void Advance() ABSL_LOCKS_EXCLUDED(mu_) {
    const std::shared_ptr<StreamCall> keep = this->shared_from_this();
    bool write = false;
    std::optional<engine::CallId> forget;
    std::optional<absl::Status> finish;
    {
      MutexLock lock(mu_);
      if (end_.has_value()) forget = std::exchange(call_, std::nullopt);
      if (!writing_ && !finished_) {
        if (!queue_.empty()) {
          in_flight_ = std::move(queue_.front());
          queue_.pop_front();
          writing_ = true;
          write = true;
        } else if (end_.has_value()) {
          finished_ = true;
          finish = end_;
        }
      }
    }
    if (forget.has_value()) node_.Forget(*forget);
    if (write) this->StartWrite(&in_flight_);
    if (finish.has_value()) this->Finish(ToGrpcStatus(*finish));
  }

  const std::size_t events_max_;
  std::shared_ptr<StreamCall> self_;  // until OnDone
  Event in_flight_;                   // changes under the lock; gRPC reads it while `writing_`

  Mutex mu_;
  std::deque<Event> queue_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<engine::CallId> call_ ABSL_GUARDED_BY(mu_);
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_STREAM_CALL_H_
