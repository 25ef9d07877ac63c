// Takes writes in at this node and brings them to their homes: the way of a Set from admission until
// the log has it.
//
//     admission    sealer          value_stager        home_stream         write_calls
//     checks,      plaintext in,   what is large is    frames until the    what the caller
//     stamps       payload out     staged, stamped     log has them        is told
//
// A number that was given out is sent, come what may: with its frame, or as void when its op died on
// the way.
// Threads: Admit() and may_stamp() from any thread, everything else on the node's executor.
// Source:  docs/protocol.md 2.
#ifndef WORLDB_ENGINE_GATEWAY_INGRESS_H_
#define WORLDB_ENGINE_GATEWAY_INGRESS_H_

#include <array>
#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arbiter/clock.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/edge/sealer.h"
#include "engine/gateway/admission.h"
#include "engine/gateway/home_stream.h"
#include "engine/gateway/value_stager.h"
#include "engine/gateway/write_calls.h"

namespace worldb::engine {

class Ingress {
 public:
  // All of it outlives this object; entropy and `writer` also what is being sealed on the pool.
  Ingress(NodeSelf& self, const HomeDirectory& homes, const arbiter::Clock& clock,
          absl::Duration clock_bound_max, Entropy& entropy,
          const cryptoscatter::SigningKeyPair& writer);

  // Makes the node ready to stamp, under an epoch higher than any its store knows. `raise` finds one above
  // another, and answers once no later life of this store will use it; or not at all, and is asked again.
  using Raise = std::function<void(StreamEpoch above, std::function<void(StreamEpoch)> done)>;
  void Start(StreamEpoch stream_epoch, Raise raise);

  // Checks and, for a value that rides in its frame, stamps. Consumes nothing on error.
  absl::StatusOr<AdmittedPtr> Admit(CallId call, SetRequest request, SetObserver observer) {
    return admission_.Admit(call, std::move(request), std::move(observer));
  }
  void Begin(AdmittedPtr set);
  void Forget(CallId call) { calls_.Forget(call); }
  void StopAll() { calls_.StopAll(); }

  // REQUIRES: started, and the directory believes it.
  void TakeBeat(const SequencerBeat& beat);
  void TakeNotices(NodeIndex from, const OpNotices& notices) { calls_.TakeNotices(from, notices); }
  void TakeTicket(NodeIndex from, const TicketReply& reply) { calls_.TakeTicket(from, reply); }
  void TakeStageReply(NodeIndex from, const StageValueReply& r) { stager_.TakeReply(from, r); }

  bool may_stamp() const { return admission_.may_stamp(); }
  std::size_t pending_count() const { return calls_.count(); }

 private:
  void Sealed(const AdmittedPtr& set, absl::StatusOr<PayloadPtr> payload);
  void Staged(const AdmittedPtr& set, const PayloadPtr& payload, absl::Status status);
  void Keep(AdmittedSet& set, Frame frame);
  void Flush(DataCenterIndex home);
  void RaiseStream(DataCenterIndex home, StreamEpoch above);

  NodeSelf& self_;
  const HomeDirectory& homes_;
  Admission admission_;
  WriteCalls calls_;
  Sealer sealer_;
  ValueStager stager_;
  std::vector<HomeStream> streams_;  // to each home, once started
  std::array<bool, kDataCenterCount> flush_posted_ = {};
  Raise raise_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_INGRESS_H_
