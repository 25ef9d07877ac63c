// Keeps a replica's applied state in its own store, and hands it to a sibling that lags too far behind.
//
// Each checkpoint's changed rows are committed at once, with the header that names its index: after a
// crash the store holds one checkpoint whole. A damaged one is given up, and its rows with it: the next
// lie under another generation. The state then comes from the log or, behind its floor, from a sibling.
// While a sibling reads, new checkpoints wait in memory, merged.
// Threads: its node's executor.
// Source:  docs/protocol.md 4; docs/checkpoint-format.md.
#ifndef WORLDB_ENGINE_HOME_CHECKPOINTER_H_
#define WORLDB_ENGINE_HOME_CHECKPOINTER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "arbiter/checkpoint.h"
#include "arbiter/home_state.h"
#include "engine/context/node_context.h"
#include "engine/rows/checkpoint_rows.h"
#include "engine/rows/row_pages.h"

namespace worldb::engine {

class Checkpointer {
 public:
  using Restored = std::function<void(std::unique_ptr<arbiter::HomeState>)>;

  Checkpointer(NodeContext& context, arbiter::ContestRule rule);

  // `synced` is told after each checkpoint that is on disk.
  void SetSynced(std::function<void(LogIndex)> synced) { on_synced_ = std::move(synced); }
  // The state the store holds; a new one when it holds none that is whole.
  void Load(Restored done);
  // A sibling's state, asked for until one has answered. Replaces what the store holds.
  void Fetch(Restored done);
  void Save(arbiter::Checkpoint checkpoint);
  // The newest checkpoint on disk; 0 for none.
  LogIndex synced() const { return synced_; }

  void On(NodeIndex from, const CheckpointGet& request);
  void On(NodeIndex from, CheckpointGetReply& reply);

 private:
  struct Fetching {
    RequestId request = 0;
    NodeIndex sibling;
    LogIndex index;
    std::string after;
    std::unique_ptr<arbiter::HomeState> state;
    std::optional<Bytes> header;  // stored last: without it there is no checkpoint
    Restored done;
  };

  std::unique_ptr<arbiter::HomeState> NewState() const;
  RowRange AllRows() const;
  void LoadRows(Restored done);
  // From here on the store holds no checkpoint, whatever rows of an older one are left.
  void Wipe(std::function<void()> done);
  void DeleteOld();
  void Write();
  bool Pinned() const;
  void BeginFetch(NodeIndex sibling);
  void Ask();
  void FinishFetch();

  NodeContext& context_;
  const arbiter::ContestRule rule_;
  std::function<void(LogIndex)> on_synced_;
  LogIndex synced_;
  // Not on disk yet, and being written.
  std::map<std::string, std::optional<Bytes>> waiting_;
  LogIndex waiting_index_;
  bool writing_ = false;
  CheckpointGeneration generation_;
  // A sibling reads the rows on disk.
  absl::Duration pinned_since_;
  absl::Duration pinned_until_ = -absl::InfiniteDuration();
  std::unique_ptr<Fetching> fetching_;  // while a sibling is asked
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_CHECKPOINTER_H_
