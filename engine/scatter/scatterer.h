// Carries what was won to all nine nodes and counts the receipts.
//
// Runs at the sequencer. A version's payload is taken from staging, coded, and each node is handed its
// share; a node's signed receipt, verified, is what counts as held. HELD, SAFE and FULL become log
// entries. What cannot be delivered stays staged and is tried again when the node is back; once the
// ciphertext has been let go, a node is sent what it is owed and makes its fragment out of others'.
//
// This is the shell: a version goes from parked by way of queued and loading to prepared, and back when
// nobody is left to hand anything to. What goes to a node when, and which nodes rest, is for its Outbox;
// what becomes of a version whose staged copies are too few, for the Restager.
// Bounds:  kVersionsUnderWayMax versions are loading or prepared. Their shares, and those that payloads
//          being read will make, take kUnderWayBytesMax and at most one version more; what a sibling was
//          asked for counts from its answer on. All other versions wait as names. There are as many as
//          the home's state has unsettled ones: each was recorded and won before, and cannot be let go
//          until all nine nodes have it. So that bound is the home's, which holds much more of each.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md, life of a write, and invariant 17.
#ifndef WORLDB_ENGINE_SCATTER_SCATTERER_H_
#define WORLDB_ENGINE_SCATTER_SCATTERER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "arbiter/home_state.h"
#include "cryptoscatter/records.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/context/term.h"
#include "engine/home/log_notes.h"
#include "engine/home/staging.h"
#include "engine/messages/asked.h"
#include "engine/messages/share_messages.h"
#include "engine/messages/triad_messages.h"
#include "engine/scatter/deliveries.h"
#include "engine/scatter/last_look.h"
#include "engine/scatter/outbox.h"
#include "engine/scatter/restager.h"

namespace worldb::engine {

class Scatterer {
 public:
  static constexpr std::size_t kUnderWayBytesMax = std::size_t{48} << 20;
  // Loading or prepared. An outbox takes as many.
  static constexpr std::size_t kVersionsUnderWayMax = Outbox::kWaitingMax;

  // All of them outlive this object.
  Scatterer(NodeSelf& self, LogNotes& notes, Staging& staging, const PeerTable& peers,
            cryptoscatter::BatchVerifier& verifier);

  // Takes the version on; repeats are ignored.
  void Scatter(const arbiter::ClosedVersion& version);
  // It ended VOID.
  void Forget(const arbiter::RoundId& id);
  // These hold their share, as the log says now.
  void NoteHeld(const arbiter::RoundId& id, NodeSet nodes);
  // Of a node's share of a version: it gave this node a receipt, logged or not; it will be handed over; or
  // neither, as nobody has the payload any more, or none of it is left to do.
  enum class Standing { kNone, kHeld, kOwed };
  Standing StandingOf(const arbiter::RoundId& id, NodeIndex node) const;
  // These do not hold their share any more: it is offered again, if the version is still being scattered.
  void NoteLost(const arbiter::RoundId& id, NodeSet nodes);
  void StepDown();

  // Answers count only from those who were asked.
  void TakeReceipts(NodeIndex from, const PutSharesReply& reply);
  void TakeStaged(NodeIndex from, const StagePutReply& reply);
  void TakePayload(NodeIndex from, const StageGetReply& reply);
  void TakeProbe(NodeIndex from, const ProbeShareReply& reply) { last_look_.Take(from, reply); }
  void OnNodeReturned(NodeIndex node);

 private:
  enum class Phase : std::uint8_t {
    kParked,    // nobody to hand anything to, or it could not be prepared
    kQueued,    // in to_load_
    kLoading,   // its payload is being read, here or by a sibling, or coded
    kPrepared,  // its shares are in memory
  };
  struct Work {
    Slot slot;
    CommitmentId commitment;
    std::shared_ptr<const cryptoscatter::Script> script;  // null: not known to this build
    arbiter::Level level = arbiter::Level::kDecided;
    NodeSet held;
    NodeSet sent;  // handed to an outbox, no answer yet
    Phase phase = Phase::kParked;
    NodeSet refused;                   // for what the writer sealed to them, of the present copy
    NodeSet refused_of_first;          // and of the first, once they were enough
    NodeSet not_here;                  // of the triad: who says that it does not have the payload
    bool coded = false;                // from this node's copy of the payload, unchecked
    bool own_damaged = false;          // this node's copy of the payload; siblings are asked
    std::uint32_t siblings_asked = 0;  // for the payload, so far
    RequestId sibling_ask = 0;         // the last one
    std::size_t bytes_expected = 0;    // by the log
    std::size_t bytes = 0;             // of memory, taken or expected
    std::shared_ptr<const Deliveries> deliveries;  // null unless prepared
    bool Lacks(NodeIndex node) const { return !held.Has(node) && !sent.Has(node); }
  };

  // -- into memory
  void Enqueue(const arbiter::RoundId& id, Work& work);
  void Load();
  void TakeOwnPayload(const arbiter::RoundId& id, absl::StatusOr<PayloadPtr> payload);
  void AskSibling(const arbiter::RoundId& id);
  void NoteMissing(const arbiter::RoundId& id, NodeIndex node);
  void Prepare(const arbiter::RoundId& id, PayloadPtr payload, Ciphertext ciphertext);
  void TakeDeliveries(const arbiter::RoundId& id,
                      absl::StatusOr<std::shared_ptr<const Deliveries>> deliveries);
  // Out of memory again when nobody is left to hand anything to.
  void MaybePark(Work& work);
  void TakeMemory(Work& work, std::size_t bytes);
  void LetGo(Work& work);

  // -- out to a node
  void OfferAll(NodeIndex node);
  void OfferWhenReady(const arbiter::RoundId& id, Work& work, NodeIndex node);
  void Offer(const arbiter::RoundId& id, Work& work, NodeIndex node);
  // Together with what else is offered until then.
  void SendSoon(NodeIndex node);
  void SendWaiting(NodeIndex node);
  void Try(NodeIndex node);
  NodeSet Willing() const;
  void Heed(NodeIndex node, const Outbox::Effects& effects);

  // -- back from it
  Outbox::Versions ProvedBy(NodeIndex node, const Outbox::Sent& sent,
                            const PutSharesReply& reply) const;
  void MarkHeld(const arbiter::RoundId& id, NodeIndex node);
  // Its writer sealed to the node what it did not sign.
  void MarkRefused(const arbiter::RoundId& id, NodeIndex node,
                   const cryptoscatter::Refusal& refusal);

  void Sweep();
  Outbox& outbox(NodeIndex node) { return outboxes_[static_cast<std::size_t>(node.value())]; }

  NodeSelf& self_;
  LogNotes& notes_;
  Staging& staging_;
  const PeerTable& peers_;
  cryptoscatter::BatchVerifier& verifier_;
  Term term_;
  std::map<arbiter::RoundId, Work> works_;
  // What is queued, each version once; may name some that are forgotten.
  std::deque<arbiter::RoundId> to_load_;
  std::size_t under_way_bytes_ = 0;       // of what is prepared
  std::size_t under_way_count_ = 0;       // loading or prepared
  Asked<arbiter::RoundId> sibling_asks_;  // at most one for each that is loading
  std::vector<Outbox> outboxes_;          // by node
  NodeSet about_to_send_;                 // SendWaiting() is to come
  Restager restager_;
  LastLook last_look_;
  bool sweeping_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SCATTER_SCATTERER_H_
