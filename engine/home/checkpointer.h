// Keeps a replica's applied state in its own store, and hands it to a sibling that lags too far behind.
//
// Each checkpoint's changed rows are committed at once, with the header that names its index: after a
// crash the store holds one checkpoint whole. A damaged one is given up. The state then comes from the
// log or, behind its floor, from a sibling (engine/home/checkpoint_fetch.h).
//
// A sibling reads page by page, and all its pages must be of one checkpoint. So while it reads, new
// checkpoints wait in memory, merged. What is written is always in one of these states:
//
//   idle                 the store holds the newest checkpoint
//   waiting for reader   newer rows wait for a sibling to be done; it is served meanwhile
//   committing           newer rows are on their way; nothing is served, for a page read now may be of either
//   trying again         such a commit failed and may show late: nothing is served until it was repeated
//
// Bounds:  a reader is waited for no longer than kReaderSilentAfter from its last question, kReadingMax from
//          its first, and kWaitingBytesMax of rows; then they are committed, and it has to begin again.
// Threads: its node's executor.
// Source:  docs/protocol.md 4; docs/checkpoint-format.md.
#ifndef WORLDB_ENGINE_HOME_CHECKPOINTER_H_
#define WORLDB_ENGINE_HOME_CHECKPOINTER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/checkpoint.h"
#include "arbiter/home_state.h"
#include "engine/context/node_self.h"
#include "engine/context/term.h"
#include "engine/home/checkpoint_fetch.h"
#include "engine/home/checkpoint_store.h"
#include "engine/home/merged_rows.h"
#include "engine/messages/triad_messages.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class Checkpointer {
 public:
  static constexpr absl::Duration kReaderSilentAfter = absl::Seconds(5);
  static constexpr absl::Duration kReadingMax = absl::Minutes(2);
  static constexpr std::size_t kWaitingBytesMax = std::size_t{64} << 20;

  using Restored = CheckpointFetch::Restored;

  // Both outlive this object.
  Checkpointer(NodeSelf& self, Store& store, arbiter::ContestRule rule);

  // `synced` is told after each checkpoint that is on disk.
  void SetSynced(std::function<void(LogIndex)> synced) { on_synced_ = std::move(synced); }
  // The state the store holds; a new one when it holds none that is whole.
  void Load(Restored done);
  // A sibling's state, asked for until one has answered. Replaces what the store holds.
  void Fetch(Restored done);
  void Save(arbiter::Checkpoint checkpoint);
  // The newest checkpoint on disk; 0 for none.
  LogIndex synced() const { return synced_; }

  // The versions behind `after`, in key tag and version order, as of the newest checkpoint on disk; some, and
  // `last` when no more lie behind them. Unavailable when there is no checkpoint.
  struct VersionPage {
    std::vector<arbiter::RoundId> versions;
    bool last = false;
  };
  void ReadVersions(const std::optional<arbiter::RoundId>& after,
                    std::function<void(absl::StatusOr<VersionPage>)> done);

  void Serve(NodeIndex from, const CheckpointGet& request);
  void TakePage(NodeIndex from, CheckpointGetReply& reply) { fetch_.TakePage(from, reply); }

 private:
  enum class Writing { kIdle, kWaitingForReader, kCommitting, kTryingAgain };

  std::unique_ptr<arbiter::HomeState> NewState() const;
  void LoadRows(Restored done);
  // What to do with the rows that wait, now.
  void Advance();
  void LookAgain();
  void Commit();
  void TryAgain();
  void Enter(Writing writing);
  bool IsRead() const { return self_.now() < read_until_; }
  void KeepForReader();

  NodeSelf& self_;
  CheckpointStore store_;
  const arbiter::ContestRule rule_;
  CheckpointFetch fetch_;
  std::function<void(LogIndex)> on_synced_;
  LogIndex synced_;

  Writing writing_ = Writing::kIdle;
  Term state_;  // a new one with each state entered: timers of the one before are void
  MergedRows waiting_;
  // A sibling reads the rows on disk.
  absl::Duration read_since_;
  absl::Duration read_until_ = -absl::InfiniteDuration();
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_CHECKPOINTER_H_
