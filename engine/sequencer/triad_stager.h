// Has payloads staged and synced on the nodes of a triad: two of them, and all three while they are
// healthy and quick. A large value is put to two alone: a third copy would only be written to be deleted.
//
// A job is put to its nodes again and again until enough have answered. After a moment the third is not
// waited for any more; a large value is then put to it, too.
// Bounds:  kJobsMax jobs; its callers keep fewer under way than that.
// Threads: its node's executor.
// Source:  docs/protocol.md 4; docs/decisions/028-staged-together.md.
#ifndef WORLDB_ENGINE_SEQUENCER_TRIAD_STAGER_H_
#define WORLDB_ENGINE_SEQUENCER_TRIAD_STAGER_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "engine/cell/triad.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/home/staging.h"
#include "engine/messages/asked.h"
#include "engine/messages/triad_messages.h"

namespace worldb::engine {

class TriadStager {
 public:
  static constexpr std::size_t kJobsMax = std::size_t{1} << 17;
  // By itself in a job, and at least so large.
  static constexpr std::size_t kLargeBytesMin = std::size_t{64} << 10;
  static constexpr absl::Duration kThirdNodePatience = absl::Milliseconds(250);
  static constexpr absl::Duration kAgainAfter = absl::Milliseconds(500);
  // Of a large value: to send it once more for nothing costs more than to wait.
  static constexpr absl::Duration kLargePatience = absl::Seconds(1);
  static constexpr absl::Duration kLargeAgainAfter = absl::Seconds(2);

  // `synced`: the nodes that have it, this one perhaps among them.
  using Done = std::function<void(NodeSet synced)>;

  TriadStager(NodeSelf& self, Staging& staging, const PeerTable& peers)
      : self_(self),
        triad_(self.data_center()),
        staging_(staging),
        peers_(peers),
        jobs_(self.request_ids(), kJobsMax) {}

  // `done` runs once, or never if the jobs are cleared first.
  void Stage(std::vector<PayloadPtr> payloads, Done done);
  void OnStaged(NodeIndex from, const StagePutReply& reply);
  // Nobody waits for any of them any more.
  void Clear() { jobs_.Clear(); }
  std::size_t job_count() const { return jobs_.size(); }

 private:
  struct Job {
    std::vector<PayloadPtr> payloads;
    Done done;
    absl::Duration again_after;
    NodeSet asked;
    NodeSet synced;
    bool patient = true;  // waits for all of them
  };
  static bool IsLarge(const std::vector<PayloadPtr>& payloads);
  NodeSet TwoNodes();
  // To those asked that have not synced it yet.
  void Send(RequestId id, NodeSet nodes);
  void SendAgain(RequestId id);
  void AddSynced(NodeIndex node, RequestId id);
  void FinishIfEnough(RequestId id);

  NodeSelf& self_;
  const Triad triad_;
  Staging& staging_;
  const PeerTable& peers_;
  Asked<Job> jobs_;
  bool first_had_last_ = false;  // of the siblings, a large value
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_TRIAD_STAGER_H_
