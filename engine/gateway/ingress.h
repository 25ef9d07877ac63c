// The edge and the stream side of a node: seals what thin clients send, stamps it, and carries the
// frames to their homes until the accept log has them.
//
// A stream is (node, stream epoch, home). Its frames are numbered without gaps in the order of their
// stamps; they are kept until the logged cursor passes them and sent again from there when a new
// sequencer speaks up or nothing moves. What one node seals while it is busy, or within a few
// milliseconds of its last signature, is one commit batch with one signature, whatever the homes:
// every node that stores one of its shares checks that signature, and checks it once.
// Threads: Admit() from any thread, everything else on the node's executor.
// Source:  docs/protocol.md 2.
#ifndef WORLDB_ENGINE_GATEWAY_INGRESS_H_
#define WORLDB_ENGINE_GATEWAY_INGRESS_H_

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "arbiter/stamp_issuer.h"
#include "engine/api/node_api.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_context.h"

namespace worldb::engine {

class Ingress {
 public:
  // What a node has under way to one home at most before it sheds: from being taken in until its
  // frame is behind the logged cursor.
  static constexpr std::uint64_t kPendingOpsMax = 50'000;
  static constexpr std::uint64_t kPendingBytesMax = std::uint64_t{64} << 20;

  Ingress(NodeContext& context, const HomeDirectory& homes) : context_(context), homes_(homes) {}

  // Makes the node ready to stamp. `stream_epoch` is higher than any it used before.
  void Start(StreamEpoch stream_epoch);

  // A request that passed all checks; small values are stamped.
  struct Admitted {
    CallId call = 0;
    SetRequest request;
    SetObserver observer;
    KeyTag key_tag;
    Slot slot;
    DataCenterIndex home;
    std::shared_ptr<const cryptoscatter::Script> script;
    std::optional<arbiter::Stamp> stamp;
    std::uint64_t charged_bytes = 0;  // to the home's budget
  };
  // Checks and, for a value that rides in its frame, stamps. Consumes nothing on error.
  absl::StatusOr<Admitted> Admit(CallId call, SetRequest request, SetObserver observer);
  void Begin(Admitted admitted);
  void Forget(CallId call);
  void StopAll(const absl::Status& status);

  // REQUIRES: the directory believes it.
  void On(const SequencerBeat& beat);
  void On(NodeIndex from, const OpNotices& notices);
  void On(NodeIndex from, const StageValueReply& reply);
  void On(NodeIndex from, const TicketReply& reply);

  bool may_stamp() const;
  std::size_t pending_count() const { return calls_.size(); }

 private:
  struct Call {
    OpId op;
    KeyTag key_tag;
    Slot slot;
    DataCenterIndex home;
    SetObserver observer;
    Executor::TimerId timer = 0;
    FrameNumber frame;     // 0 until it has one
    absl::Duration heard;  // when something was last heard of it
    bool accepted = false;
    bool decided = false;  // and won, or the call would be over
    arbiter::Level until = arbiter::Level::kFull;
    arbiter::Level level = arbiter::Level::kAccepted;
    NodeSet held;  // as of `level`
  };
  struct KeptFrame {
    Frame frame;
    std::uint64_t charged_bytes = 0;
  };
  // Touched by any thread.
  struct Budget {
    std::atomic<std::uint64_t> ops = 0;
    std::atomic<std::uint64_t> bytes = 0;
  };
  struct Stream {
    std::optional<HomeDirectory::Leader> leader;  // whom the frames under way were sent to
    std::map<FrameNumber, KeptFrame> frames;      // not yet behind the cursor
    FrameNumber cursor;
    FrameNumber next_to_send{1};
    absl::Duration moved;  // when the cursor last moved or sending began anew
    absl::Duration resend_after = absl::Seconds(1);
    bool flush_posted = false;
  };
  // Sealed, waiting for the signature of its commit batch.
  struct Sealed {
    Admitted admitted;
    cryptoscatter::SealedValue value;
  };
  struct Staged {
    Admitted admitted;
    PayloadPtr payload;
  };

  void SealNow(Admitted admitted);
  void OnSealed(Admitted admitted, absl::StatusOr<cryptoscatter::SealedValue> sealed);
  void SignBatch();
  void Stage(RequestId id, Staged staged);
  void Release(DataCenterIndex home, std::uint64_t bytes);
  // A payload that does not ride was staged before.
  void SendFrame(const Admitted& admitted, const arbiter::Stamp& stamp, PayloadPtr payload,
                 bool rides);
  void SendVoid(const Admitted& admitted);
  void Keep(const Admitted& admitted, Frame frame);
  void Flush(DataCenterIndex home);
  void PostFlush(DataCenterIndex home);
  void Tick();
  void Ask(const Call& call);
  void Notify(DataCenterIndex home, const OpNotice& notice);
  void Tell(CallId id, DataCenterIndex home, const OpNotice& notice);
  void Fail(CallId id, absl::Status status);
  void End(CallId id);
  void OnTimeout(CallId id);
  // Why the call knows no end when its time is up.
  absl::Status TimeoutError(const Call& call) const;
  std::string TicketOf(const Call& call) const;
  std::shared_ptr<const cryptoscatter::WriterSession> Session();

  NodeContext& context_;
  const HomeDirectory& homes_;
  std::unique_ptr<arbiter::StampIssuer> issuer_;
  std::atomic<bool> started_ = false;
  std::array<Budget, kDataCenterCount> budgets_;

  std::map<CallId, Call> calls_;
  absl::flat_hash_map<OpId, std::vector<CallId>> calls_of_;
  std::array<Stream, kDataCenterCount> streams_;
  std::vector<Sealed> to_sign_;
  bool sign_posted_ = false;
  absl::Duration signed_last_ = -absl::InfiniteDuration();
  std::map<RequestId, Staged> staging_;
  std::map<RequestId, OpId> asked_;
  CallId asked_last_ = 0;
  std::shared_ptr<const cryptoscatter::WriterSession> session_;
  absl::Duration session_made_;
  std::uint64_t session_values_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_INGRESS_H_
