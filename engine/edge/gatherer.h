// Reads values back: asks the home which version counts, gathers shares from the nearest nodes that
// suffice, verifies each, and opens the value at this edge.
//
// Who is overdue (engine/edge/answer_times.h) is no longer counted on: the next best nodes that make up a
// readable set with the others are asked beside it, everybody when there is no such set.
// Nodes seal their key share to this process's reading key; a share that fails a check is left out,
// named in the answer, and replaced by another node's.
// Errors:  NotFound NO_SUCH_KEY, NO_SUCH_VERSION, with the version that deleted the key, if one did;
//          Unavailable TRIAD_UNAVAILABLE (names the home and the version SURVIVING would return),
//          SHARES_INSUFFICIENT, VERSION_NOT_READABLE (DataLoss when the version ended VOID).
// Threads: its node's executor.
// Source:  docs/protocol.md 6.
#ifndef WORLDB_ENGINE_EDGE_GATHERER_H_
#define WORLDB_ENGINE_EDGE_GATHERER_H_

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cryptoscatter/exchange.h"
#include "cryptoscatter/opener.h"
#include "engine/api/node_api.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_context.h"
#include "engine/context/peer_table.h"
#include "engine/edge/answer_times.h"

namespace worldb::engine {

class Gatherer {
 public:
  using Done = std::function<void(absl::StatusOr<GetReply>)>;

  Gatherer(NodeContext& context, const HomeDirectory& homes, const PeerTable& peers);

  void Get(GetRequest request, Done done);
  void StopAll(const absl::Status& status);

  void On(NodeIndex from, const ReadReply& reply);
  void On(NodeIndex from, const ListSharesReply& reply);
  void On(NodeIndex from, const FetchShareReply& reply);

 private:
  using CallId = std::uint64_t;
  // Whose answer a request is, and for which of its targets.
  struct Request {
    CallId call = 0;
    std::size_t target = 0;
  };
  // What to gather: one version, and who may hold it.
  struct Target {
    SlotEpoch slot_epoch;
    Version version;
    std::optional<CommitmentId> commitment;  // as the home knows it
    std::optional<CoreId> core;              // as the nodes list it
    std::shared_ptr<const cryptoscatter::Script> script;
    NodeSet holders;
    arbiter::Level level = arbiter::Level::kSafe;
    OpId op;
    std::vector<Version> void_versions;
  };
  struct Call {
    GetRequest request;
    KeyTag key_tag;
    DataCenterIndex home;
    Done done;
    absl::Duration deadline;
    Executor::TimerId timer = 0;
    // Asking the home.
    RequestId home_request = 0;
    bool home_answered = false;
    // Asking every node what it holds.
    bool listing = false;
    NodeSet listed;
    NodeSet could_not_list;  // answered that its store did not
    std::map<ListedShare, NodeSet> holders;
    // Gathering.
    std::vector<Target> targets;  // best first
    std::size_t target = 0;
    std::shared_ptr<cryptoscatter::GatherDecoder> decoder;
    NodeSet asked;
    std::array<absl::Duration, kNodeCount> asked_at;  // of those asked
    std::array<absl::Duration, kNodeCount> due_at;    // overdue from then on
    NodeSet overdue;
    NodeSet answered;
    NodeSet used;
    bool opening = false;
    std::vector<std::string> rejected;
    std::vector<RequestId> requests;
  };

  // A request id whose answer belongs to the call.
  RequestId NewRequest(CallId id, Call& call);
  Call* Find(CallId id);
  void AskHome(CallId id);
  void ListAll(CallId id);
  void OnListed(CallId id);
  std::vector<Target> TargetsOf(const Call& call) const;
  void Gather(CallId id);
  NodeSet NearestReadable(const cryptoscatter::Script& script, NodeSet holders,
                          NodeSet hopeful = {}) const;
  absl::Duration ExpectedTime(NodeIndex node) const;
  void Watch(CallId id);
  void Hedge(CallId id);
  void Fetch(CallId id, NodeSet nodes);
  void OnShare(CallId id, NodeIndex from, const FetchShareReply& reply);
  // Tells a node that its share of the call's target was of no use.
  void Doubt(const Call& call, NodeIndex node);
  void MaybeGiveUp(CallId id);
  void Open(CallId id);
  void OnOpened(CallId id, absl::StatusOr<cryptoscatter::OpenedValue> opened);
  void NextTarget(CallId id);
  void OnDeadline(CallId id);
  void Finish(CallId id, absl::StatusOr<GetReply> reply);
  const cryptoscatter::PairwiseKey* OpenerKey(NodeIndex node);

  NodeContext& context_;
  const HomeDirectory& homes_;
  const PeerTable& peers_;
  AnswerTimes answer_times_;
  cryptoscatter::ExchangeKeyPair reader_;
  std::array<std::unique_ptr<cryptoscatter::PairwiseKey>, kNodeCount> opener_keys_;
  CallId last_call_ = 0;
  std::map<CallId, std::unique_ptr<Call>> calls_;
  // Which call a request id belongs to; entries of finished calls are dropped with them.
  std::map<RequestId, Request> requests_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_GATHERER_H_
