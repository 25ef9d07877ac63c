// Keeps two staged copies alive of every version that nobody can read yet, and says when one is lost.
//
// It is told of versions from DECIDED to HELD. Each Sweep() looks at all of them; what has too few copies
// in the triad is read from this node's staging and staged again on nodes that are up.
// Bounds:  the versions watched are won ones below HELD, a part of those the home's state holds anyway.
//          kLoadsMax payloads are being read; the others wait for their turn as names. kAsksMax nodes are
//          asked; one more forgets the oldest, which a later sweep asks again.
// Threads: its node's executor.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ENGINE_SCATTER_RESTAGER_H_
#define WORLDB_ENGINE_SCATTER_RESTAGER_H_

#include <cstddef>
#include <map>
#include <optional>

#include "arbiter/log_entry.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/context/term.h"
#include "engine/home/staging.h"
#include "engine/messages/asked.h"
#include "engine/messages/triad_messages.h"
#include "engine/scatter/staged_copies.h"

namespace worldb::engine {

class Restager {
 public:
  static constexpr std::size_t kLoadsMax = 64;
  static constexpr std::size_t kAsksMax = 8192;

  // All of them outlive this object.
  Restager(NodeSelf& self, Staging& staging, const PeerTable& peers);

  // `staged`: triad nodes the log names as having the payload.
  void Watch(const arbiter::RoundId& version, const CommitmentId& commitment, NodeSet staged);
  // It is HELD, or ended VOID.
  void Unwatch(const arbiter::RoundId& version);
  void StepDown();

  void Sweep();
  // What `from` has of a version; false: it was not asked for this.
  bool TakePayload(NodeIndex from, const StageGetReply& reply);
  // The version that `from` has staged, as it was asked to; whether it is watched still or not.
  std::optional<arbiter::RoundId> TakeStaged(NodeIndex from, const StagePutReply& reply);
  // `node` does not have the payload. The answer: who says so, if the version is lost now.
  std::optional<NodeSet> TakeMissing(const arbiter::RoundId& version, NodeIndex node,
                                     bool readable);

 private:
  struct Watched {
    CommitmentId commitment;
    StagedCopies copies;
    bool loading = false;
  };
  // Of the triad.
  NodeSet Up() const;
  void LoadNext();
  void Restage(const arbiter::RoundId& version, const absl::StatusOr<PayloadPtr>& payload);
  void FetchFromSibling(const arbiter::RoundId& version, const Watched& watched);

  NodeSelf& self_;
  Staging& staging_;
  const PeerTable& peers_;
  Term term_;
  std::map<arbiter::RoundId, Watched> watched_;
  // Where the present sweep goes on; nullopt when it is through.
  std::optional<arbiter::RoundId> next_;
  std::size_t loading_count_ = 0;
  Asked<arbiter::RoundId> asked_;    // to stage
  Asked<arbiter::RoundId> fetches_;  // for what is not here
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SCATTER_RESTAGER_H_
