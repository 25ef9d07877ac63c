// One session on the server's side: many ops on one stream, each answered for itself.
//
// A message is taken in as a whole: its writes are stamped and its reads begun together. Events wait in one
// queue; while a message of them is being written, the next one gathers, and with kManyOps under way it
// gathers for kWriteEvery.
// Invariants: as StreamCall's: at most one write is in flight; Finish is called once, with none in flight;
//             gRPC and the node are never called under the lock.
// Bounds:     kOpsMax ops of kBytesMax together are the caller's credit. An op counts until its last event has
//             been written, so that who does not read is not served. The caller may have seen that before it
//             is known here: only what is beyond twice the credit is refused. kRefusalsMax refusals wait, and
//             events of all sessions of a server share a budget of bytes until they have been written; whose
//             events do not fit does not read, and its session ends.
// Threads:    any.
#ifndef WORLDB_TRANSPORT_SESSION_CALL_H_
#define WORLDB_TRANSPORT_SESSION_CALL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/api/budget.h"
#include "engine/api/node_api.h"
#include "engine/cell/cell.h"
#include "worldb/v1/key_value.pb.h"

namespace worldb::transport {

class SessionCall final : public grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>,
                          public std::enable_shared_from_this<SessionCall> {
 public:
  static constexpr std::uint32_t kOpsMax = 8192;
  static constexpr std::uint64_t kBytesMax = std::uint64_t{32} << 20;
  static constexpr std::size_t kRefusalsMax = 1024;
  // Of one message; a single event may be larger.
  static constexpr std::size_t kEventsPerMessageMax = 1024;
  static constexpr std::size_t kEventBytesPerMessageMax = std::size_t{1} << 20;
  // Whoever has so many ops under way waits for no single one of them.
  static constexpr std::size_t kManyOps = 64;
  static constexpr absl::Duration kWriteEvery = absl::Milliseconds(10);

  // The reactor for one session; it frees itself. `node` outlives the server. `untaken` is what events not
  // yet written may take up, of all sessions.
  static SessionCall* Start(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell,
                            std::shared_ptr<engine::Budget> untaken);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { const std::shared_ptr<SessionCall> last = std::move(self_); }

 private:
  using OpId = std::uint64_t;  // the caller's
  struct Op {
    std::uint64_t bytes = 0;
    std::optional<engine::CallId> call;  // of a write, once it has begun
    bool ended = false;                  // its last event waits, or is on its way
  };
  // An event that waits; the value it may carry is wiped with it.
  struct Outgoing {
    explicit Outgoing(OpId id, bool last, engine::Budget::Charge answer_charge = {});
    ~Outgoing();
    Outgoing(Outgoing&&) = default;
    Outgoing& operator=(Outgoing&&) = default;

    v1::SessionEvent event;
    bool of_op = true;              // false: a refusal of what was never taken in
    engine::Budget::Charge answer;  // of a value that was read
    engine::Budget::Charge untaken;
    std::size_t bytes = 0;
  };
  // The ops of one message, sorted by whom they are for.
  struct Begun;

  SessionCall(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell,
              std::shared_ptr<engine::Budget> untaken)
      : node_(node), cell_(std::move(cell)), untaken_(std::move(untaken)) {}

  void Take();
  void TakeOp(v1::SessionOp& op, Begun& begun);
  // Counts it, if there is room. False when it was refused or ended the session.
  bool Join(OpId id, std::uint64_t bytes);
  void BeginWrite(OpId id, absl::StatusOr<engine::SetRequest> request, const v1::SessionOp& op,
                  Begun& begun);
  void BeginRead(OpId id, const v1::SessionOp& op, Begun& begun);
  void BeginTicket(OpId id, const v1::SessionOp& op);
  void Forget();

  void OnWriteEvent(OpId id, arbiter::Level until, const engine::SetEvent& event);
  void OnValue(OpId id, absl::StatusOr<engine::GetReply> reply);
  void OnTicket(OpId id, const absl::StatusOr<engine::TicketStatus>& ticket);
  void Fail(OpId id, const absl::Status& status);
  // Nothing of an op that has ended or was forgotten.
  void Send(Outgoing out);
  void Refuse(OpId id, const absl::Status& status);
  // False when there is no room for it.
  bool Enqueue(Outgoing out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndUnread();
  void End(absl::Status status);
  void Advance();
  // How long the next message waits for more to join it.
  absl::Duration PauseBeforeWrite() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AdvanceAfter(absl::Duration pause);
  void FillMessage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What the node still works on for this session is forgotten there.
  std::vector<engine::CallId> TakeCalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  engine::NodeApi& node_;
  const std::shared_ptr<const engine::Cell> cell_;
  const std::shared_ptr<engine::Budget> untaken_;
  std::shared_ptr<SessionCall> self_;  // until OnDone
  v1::SessionRequest request_;         // gRPC's while it reads
  v1::SessionResponse response_;       // changes under the lock; gRPC reads it while `writing_`

  std::unique_ptr<grpc::Alarm> gathered_;  // of whoever has set gathering_

  Mutex mu_;
  absl::flat_hash_map<OpId, Op> ops_ ABSL_GUARDED_BY(mu_);
  std::uint64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;  // of ops_
  std::deque<Outgoing> queue_ ABSL_GUARDED_BY(mu_);
  std::size_t refusals_ ABSL_GUARDED_BY(mu_) = 0;         // in queue_
  std::vector<Outgoing> in_flight_ ABSL_GUARDED_BY(mu_);  // without their events: what they hold
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  bool half_closed_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time write_again_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  bool gathering_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_SESSION_CALL_H_
