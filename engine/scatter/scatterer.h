// Carries what was won to all nine nodes and counts the receipts.
//
// Runs at the sequencer. A version's payload is taken from staging, coded, and each node is handed its
// share; a node's signed receipt, verified, is what counts as held. HELD, SAFE and FULL become log
// entries. What cannot be delivered stays staged and is tried again when the node is back; once the
// ciphertext has been let go, a node is sent what it is owed and makes its fragment out of others'. A
// node that is up but takes nothing rests: one such node must not hold up the versions of all others.
// While a version is below HELD, its payload is staged again when fewer than two triad nodes that have
// it are up; when all that had it say that it is gone and the held shares cannot read, it is VOID.
// Memory:  shares under way are bounded by kUnderWayBytesMax; the rest wait as names.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md, life of a write, and invariant 17.
#ifndef WORLDB_ENGINE_SCATTER_SCATTERER_H_
#define WORLDB_ENGINE_SCATTER_SCATTERER_H_

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "arbiter/home_state.h"
#include "engine/context/node_context.h"
#include "engine/context/peer_table.h"
#include "engine/home/log_notes.h"
#include "engine/home/staging.h"

namespace worldb::engine {

class Scatterer {
 public:
  static constexpr std::size_t kUnderWayBytesMax = std::size_t{48} << 20;
  static constexpr std::size_t kVersionsUnderWayMax = 8192;

  Scatterer(NodeContext& context, LogNotes& notes, Staging& staging, PeerTable& peers);

  // Takes the version on; repeats are ignored.
  void Scatter(const arbiter::ClosedVersion& version);
  // It ended VOID.
  void Forget(const arbiter::RoundId& id);
  void StepDown();

  void On(NodeIndex from, const PutSharesReply& reply);
  void On(NodeIndex from, const StagePutReply& reply);
  void On(NodeIndex from, const StageGetReply& reply);
  void OnNodeReturned(NodeIndex node);

 private:
  struct Work {
    Slot slot;
    CommitmentId commitment;
    std::shared_ptr<const cryptoscatter::Script> script;  // null: not known to this build
    NodeSet staged;    // triad nodes the log names as having the payload
    NodeSet not_here;  // triad nodes that said that they do not have it
    bool restaging = false;
    CoreId core;
    NodeSet held;
    NodeSet sent;  // handed out, no answer yet
    arbiter::Level level = arbiter::Level::kDecided;
    // Null until prepared and again once parked.
    std::array<std::shared_ptr<const ShareDelivery>, kNodeCount> deliveries;
    std::size_t bytes = 0;
    bool queued = false;  // in to_load_
    bool loading = false;
    bool prepared = false;
    bool owed = false;      // prepared from what is left of a payload without ciphertext
    std::size_t asked = 0;  // siblings asked for the payload
  };
  struct Delivery {
    arbiter::RoundId id;
    std::shared_ptr<const ShareDelivery> share;
    bool owed = false;  // without its fragment
  };
  struct Outbox {
    std::deque<Delivery> waiting;
    std::map<RequestId, std::vector<arbiter::RoundId>> under_way;
    bool posted = false;
  };

  // A node that is up but takes nothing: its disk is full, or it is stuck.
  struct NodeRest {
    bool resting = false;
    std::optional<arbiter::RoundId> probe;  // the one version it is tried with
    absl::Duration length = absl::ZeroDuration();
  };

  void Load();
  void OnPayload(const arbiter::RoundId& id, absl::StatusOr<PayloadPtr> payload);
  void Prepare(const arbiter::RoundId& id, PayloadPtr payload);
  void OnPrepared(
      const arbiter::RoundId& id, const CoreId& core,
      absl::StatusOr<std::array<std::shared_ptr<const ShareDelivery>, kNodeCount>> deliveries);
  void Enqueue(const arbiter::RoundId& id, Work& work);
  void OfferWhenReady(const arbiter::RoundId& id, Work& work, NodeIndex node);
  void Sweep();
  NodeSet Willing() const;
  void Rest(NodeIndex node);
  void Probe(NodeIndex node);
  void TakeBack(NodeIndex node, const std::vector<arbiter::RoundId>& ids);
  void Offer(const arbiter::RoundId& id, Work& work, NodeIndex node);
  void Flush(NodeIndex node);
  void OnUnanswered(NodeIndex node, RequestId request);
  void OnHeld(const arbiter::RoundId& id, NodeIndex node);
  void OnNotHere(const arbiter::RoundId& id, NodeIndex node);
  void Restage();
  void MaybePark(Work& work);
  void Release(Work& work);

  NodeContext& context_;
  LogNotes& notes_;
  Staging& staging_;
  PeerTable& peers_;
  std::uint64_t term_ = 0;
  std::map<arbiter::RoundId, Work> works_;
  std::deque<arbiter::RoundId> to_load_;
  std::size_t under_way_bytes_ = 0;
  std::size_t under_way_count_ = 0;
  std::array<Outbox, kNodeCount> outboxes_;
  std::array<NodeRest, kNodeCount> rests_;
  bool sweeping_ = false;
  std::map<RequestId, arbiter::RoundId> sibling_asks_;
  std::map<RequestId, arbiter::RoundId> restagings_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SCATTER_SCATTERER_H_
