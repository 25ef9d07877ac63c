// Makes this node's damaged and lost shares whole again out of what other nodes hold.
//
// A repair reads what is there and makes up what is missing of it, in this order:
//   - metadata: from a neighbour in the data center, whose path names this node's leaf, once nodes that
//     could read the value have named the same commitment; two values under one version are an alarm
//     and end the repair;
//   - key share: masked contributions of a helper set, which show no helper's share (key_repair.h);
//   - fragment: from verified fragments of the nearest nodes that give it, two neighbours at best.
// Everything is checked against the writer-signed leaf before one synced commit replaces the row.
// A repair whose helpers cannot be reached starts again after a growing pause, or when a node returns.
// Bounds:  kRepairsMax repairs, kUnderWayMax of them under way at a time, kAttemptsMax tries each.
// Threads: its node's executor.
// Source:  docs/protocol.md 7; docs/share-format.md section 14.
#ifndef WORLDB_ENGINE_REPAIR_REPAIRER_H_
#define WORLDB_ENGINE_REPAIR_REPAIRER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "engine/api/node_api.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/context/node_context.h"
#include "engine/context/peer_table.h"
#include "engine/shares/share_store.h"

namespace worldb::engine {

class Repairer {
 public:
  static constexpr std::size_t kRepairsMax = 4096;
  static constexpr int kUnderWayMax = 4;
  static constexpr int kAttemptsMax = 30;

  Repairer(NodeContext& context, ShareStore& shares, PairwiseKeys& keys, const PeerTable& peers);
  ~Repairer();

  // Looks at the share and repairs what is wrong with it; nothing happens when all is well, when it
  // is under way already, or when too many wait.
  void Repair(const VersionRef& version);
  void On(NodeIndex from, const ShareDoubt& doubt);
  void On(NodeIndex from, const OwedShare& owed);
  void On(NodeIndex from, const FetchFragmentReply& reply);
  void On(NodeIndex from, const RepairKeyShareReply& reply);
  // Repairs that wait for helpers try again.
  void OnNodeReturned();

  RepairStatus Status() const;

 private:
  struct Job;
  struct Rebuilt;
  // A job, and which of its questions or tasks: what comes back for another one is out of date.
  struct Step {
    VersionRef version;
    std::uint64_t number = 0;
  };

  struct Question {
    Step step;
    NodeIndex node;
  };

  // The key share of a delivery that comes without its fragment.
  absl::StatusOr<cryptoscatter::KeyShare> OpenOwed(const ShareDelivery& delivery);
  Job* Find(const Step& step);
  Job* Add(const VersionRef& version);
  // Begins waiting repairs while there is room.
  void Begin();
  void OnInspected(Job& job, HeldShare held);
  // Does what comes next for a job: asks for what it lacks, or writes it.
  void Advance(Job& job);
  void AskMetadata(Job& job);
  void OnMetadata(Job& job);
  std::optional<NodeSet> ChooseKeyHelpers(const Job& job) const;
  void AskKeyShare(Job& job);
  void OnContributions(Job& job);
  // Asks on while earlier answers are still on their way: nothing is fetched twice.
  void AskFragments(Job& job);
  void MaybeRebuild(Job& job);
  void Rebuild(Job& job, NodeSet helpers);
  void OnRebuilt(Job& job, Rebuilt rebuilt);
  // Whether key share and fragment are those of this node's leaf; says so in the share.
  bool KeyShareFits(const Job& job) const;
  bool Settle(Job& job);
  void Mend(Job& job);

  void NewStep(Job& job);
  Step StepOf(const Job& job) const;
  NodeSet Candidates(const Job& job) const;
  // Sends `message` with a request id of the job's present step.
  template <typename Message>
  void Ask(Job& job, NodeIndex node, Message message);
  // Leaves out who of those just asked has not answered by then.
  void Watch(Job& job);
  Job* Answered(NodeIndex from, RequestId request);

  void Pause(Job& job);
  // Tells whoever handed over the owed share, and forgets it.
  void RefuseOwed(Job& job, const std::string& why);
  void GiveUp(Job& job, const std::string& why);
  void Finish(Job& job, bool written);
  void Leave(VersionRef version);
  void Wake(Job& job);

  NodeContext& context_;
  ShareStore& shares_;
  PairwiseKeys& keys_;
  const PeerTable& peers_;
  std::map<VersionRef, std::unique_ptr<Job>> jobs_;
  std::deque<VersionRef> ready_;
  int under_way_ = 0;
  std::uint64_t last_step_ = 0;
  std::map<RequestId, Question> requests_;
  RepairStatus counts_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_REPAIR_REPAIRER_H_
