// Tells a node which versions it should hold shares of, and heeds what it says of them.
//
// Pages come from the checkpoint on disk, in key tag and version order, so that nothing of the whole state is
// walked at once; what is said of each version is the state's as it is now. A node speaks for itself alone: a
// share that it has lost is counted no more, one that it holds and was not counted is, with its receipt.
// Bounds:  one page under way for each node; of a report kInventoryItemsMax of each kind.
// Threads: its node's executor.
// Source:  docs/protocol.md 7.
#ifndef WORLDB_ENGINE_SEQUENCER_INVENTORY_DESK_H_
#define WORLDB_ENGINE_SEQUENCER_INVENTORY_DESK_H_

#include "arbiter/home_state.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/records.h"
#include "engine/context/node_self.h"
#include "engine/context/term.h"
#include "engine/home/checkpointer.h"
#include "engine/home/log_notes.h"
#include "engine/messages/inventory_messages.h"
#include "engine/scatter/scatterer.h"

namespace worldb::engine {

class InventoryDesk {
 public:
  // All of it outlives this object.
  InventoryDesk(const NodeSelf& self, const arbiter::HomeState& state, Checkpointer& checkpointer,
                LogNotes& notes, Scatterer& scatterer, cryptoscatter::BatchVerifier& verifier)
      : self_(self),
        state_(state),
        checkpointer_(checkpointer),
        notes_(notes),
        scatterer_(scatterer),
        verifier_(verifier) {}

  // Both for as long as this node writes the log.
  void Answer(NodeIndex from, const InventoryQuery& query);
  void Take(NodeIndex from, const InventoryReport& report);
  // Nobody is told what was asked for.
  void Clear();

 private:
  InventoryReply PageFor(NodeIndex node, const Checkpointer::VersionPage& page) const;
  void NoteMissing(NodeIndex node, const arbiter::RoundId& id);
  void NoteHeld(NodeIndex node, const ShareClaim& claim);

  const NodeSelf& self_;
  const arbiter::HomeState& state_;
  Checkpointer& checkpointer_;
  LogNotes& notes_;
  Scatterer& scatterer_;
  cryptoscatter::BatchVerifier& verifier_;
  Term term_;
  NodeSet reading_for_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_INVENTORY_DESK_H_
