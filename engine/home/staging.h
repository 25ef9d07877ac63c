// Sealed payloads of ops that have not spread to all nine nodes yet, on one triad node.
//
// What is staged is ciphertext with nine sealed key shares: this node could open one of them. The commit
// that stages a payload brings the name of its key to the index, if it is new there. Here is decided what stays
// and in what form; StagedStore says where it lies.
// Bounds:  rows, `bytes_max` but for what must stay whole; what siblings have under way,
//          kPutBytesUnderWayMax and kGetsUnderWayMax.
// Errors:  NotFound when it is not here; ResourceExhausted for a sibling that has too much under way; the
//          store's own errors otherwise.
// Threads: its node's executor.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ENGINE_HOME_STAGING_H_
#define WORLDB_ENGINE_HOME_STAGING_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/context/node_self.h"
#include "engine/home/name_index.h"
#include "engine/home/staged_store.h"
#include "engine/home/staging_rule.h"
#include "engine/messages/triad_messages.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class Staging {
 public:
  static constexpr absl::Duration kStrayAfter = absl::Minutes(10);

  // What siblings may have under way here; more is refused, and they ask again.
  static constexpr std::size_t kPutBytesUnderWayMax = std::size_t{256} << 20;
  static constexpr std::size_t kGetsUnderWayMax = 256;

  // All of them outlive this object. `bytes_max` is what may be stored whole.
  Staging(NodeSelf& self, Store& store, NameIndex& names, std::uint64_t bytes_max)
      : self_(self), names_(names), rows_(self, store, names), bytes_max_(bytes_max) {}

  // What the applied log says of a payload; asked after a payload was synced, and now and then.
  void SetWanted(std::function<StagingWish(const OpId&, const CommitmentId&)> wanted) {
    wanted_ = std::move(wanted);
  }

  // Finds out what an earlier run left staged. Before that, Has() and Drop() know nothing of it.
  void Load(std::function<void(absl::Status)> done);
  // `done` gets OK when all of them are synced here.
  void Put(const std::vector<PayloadPtr>& payloads, std::function<void(absl::Status)> done);
  void Get(const CommitmentId& commitment, std::function<void(absl::StatusOr<PayloadPtr>)> done);
  // The same for a sibling, which is told what came of it.
  void TakePut(NodeIndex from, const StagePut& put);
  void Serve(NodeIndex from, const StageGet& request);
  // What was just staged here is what its writer signed: this node has looked. It holds until the same is
  // put here again.
  void NoteChecked(const CommitmentId& commitment);
  bool WasChecked(const CommitmentId& commitment) const;
  // Staged here and synced.
  bool Has(const CommitmentId& commitment) const { return synced_.contains(commitment); }
  std::uint64_t stored_bytes() const { return stored_bytes_; }
  // What the log has just said of it. When staging passes its budget, the ciphertext of what may shrink
  // goes, and what nodes without a receipt are owed stays; the deletion of what goes is written with the
  // next commit, unsynced.
  void Heed(const CommitmentId& commitment, StagingWish wish);
  // Drops what is unwanted, and what stayed unknown for kStrayAfter: the call that had it staged is
  // gone. Takes apart what has lain together for long.
  void Sweep();

 private:
  struct Staged {
    OpId op;
    absl::Duration since;
    std::size_t bytes = 0;
    bool whole = true;
    bool checked = false;
  };

  void Note(const Payload& payload);
  // Asks what the log says, and heeds it.
  void Review(const OpId& op, const CommitmentId& commitment, absl::Duration since);
  void MayShrink(const CommitmentId& commitment, std::deque<CommitmentId>& queue);
  void Drop(const CommitmentId& commitment);
  void KeepBudget();
  void Shrink(const CommitmentId& commitment);

  NodeSelf& self_;
  NameIndex& names_;
  StagedStore rows_;
  const std::uint64_t bytes_max_;
  std::function<StagingWish(const OpId&, const CommitmentId&)> wanted_;
  absl::flat_hash_map<CommitmentId, Staged> synced_;
  std::uint64_t stored_bytes_ = 0;
  // May shrink, oldest first; may name what is gone.
  std::deque<CommitmentId> safe_;
  std::deque<CommitmentId> held_;
  std::size_t put_bytes_under_way_ = 0;
  std::size_t gets_under_way_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_STAGING_H_
