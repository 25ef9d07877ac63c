// The accept log of one triad inside one process, over a Store of its own.
//
// An EmbeddedLogCore is the log; each of the triad's nodes holds an EmbeddedLogHandle to it
// (engine/local/log_handle.h). The core runs on its own executor and serialises all that changes the log: one store commit is in
// flight at a time. Handles hop to it and back by Post, so the nodes share no state.
//
// Invariants:
//   - An entry and the meta row that makes it the tail are one synced commit.
//   - Above the floor, rows are dense up to the tail, and no row lies beyond the tail.
//   - What a handle is told is durable. After a store error the log changes no more until the meta
//     row has been read again and what turned up beyond the last answer has been synced; until then
//     Read and Tail go on from what was durable before.
// It promises nothing against the loss of that one disk, and refuses appends while fewer than two
// of the triad's nodes run, as three separate members would.
// Errors:  DataLoss when the rows break an invariant; every later call that needs them says so
//          again.
// Bounds:  calls that wait, kWaitingCallsMax; entries in memory, Options.
// Source:  docs/protocol.md 4; row layout in engine/local/log_rows.h.
#ifndef WORLDB_ENGINE_LOCAL_EMBEDDED_LOG_H_
#define WORLDB_ENGINE_LOCAL_EMBEDDED_LOG_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arbiter/accept_log.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "engine/local/log_cache.h"
#include "engine/local/log_link.h"
#include "engine/local/log_recovery.h"
#include "engine/local/log_rows.h"
#include "engine/ports/executor.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class EmbeddedLogCore : public std::enable_shared_from_this<EmbeddedLogCore> {
 public:
  struct Options {
    // Newest entries kept in memory for Read.
    std::size_t cached_entries_max = 4096;
    std::size_t cached_bytes_max = std::size_t{32} << 20;
    // An append of more than this is refused.
    std::size_t entry_bytes_max = std::size_t{16} << 20;
  };
  // Calls that wait for their turn; one more is answered ResourceExhausted.
  static constexpr std::size_t kWaitingCallsMax = 4096;

  // `store` must have been made with `executor`, hold nothing else, and answer as long as the core
  // lives; both outlive the core and its handles. Touches the store with the first call; Tail() of
  // a handle therefore tells whether the log is sound.
  static std::shared_ptr<EmbeddedLogCore> Create(DataCenterIndex home, Store& store,
                                                 Executor& executor, const Options& options);
  static std::shared_ptr<EmbeddedLogCore> Create(DataCenterIndex home, Store& store,
                                                 Executor& executor) {
    return Create(home, store, executor, Options{});
  }
  EmbeddedLogCore(const EmbeddedLogCore&) = delete;
  EmbeddedLogCore& operator=(const EmbeddedLogCore&) = delete;

  // Says whether a node of the triad runs. None does at first. Takes effect after the calls made
  // before it. Threads: any. REQUIRES: `node` belongs to the home data center.
  void SetRunning(NodeIndex node, bool running);
  // Runs `call` on the log's executor, which all that follows is called on. Threads: any.
  void Post(Task call) { executor_.Post(std::move(call)); }

  using AppendDone = std::function<void(arbiter::AppendResult)>;
  using ReadDone = std::function<void(absl::StatusOr<std::vector<arbiter::IndexedEntry>>)>;
  using FenceDone = std::function<void(absl::StatusOr<arbiter::AcceptLog::FenceResult>)>;
  using TrimDone = std::function<void(absl::Status)>;
  // As arbiter/accept_log.h says; `done` may be called inside the call.
  void Append(LogEpoch epoch, LogIndex prev, SharedBytes entry, AppendDone done);
  void Read(LogIndex from, std::size_t count_max, ReadDone done);
  void Fence(LogEpoch epoch, FenceDone done);
  void Tail(FenceDone done);
  void Trim(LogIndex floor, TrimDone done);
  // Woken when entries follow, for as long as it lives.
  void Join(std::shared_ptr<LogLink> link) { links_.push_back(std::move(link)); }

 private:
  // A call that needs the log to itself. `run` gets OK when its turn has come, and must end it with
  // EndTurn(); or the error for which it never will, and then ends nothing.
  using Call = std::function<void(absl::Status)>;

  EmbeddedLogCore(DataCenterIndex home, Store& store, Executor& executor, const Options& options);

  void Enqueue(Call call);
  void Pump();
  void EndTurn();
  void Recover();
  void TakeRecovered(RecoveredLog found);
  void FailWaiting(const absl::Status& status);

  void AppendAtTurn(LogEpoch epoch, LogIndex prev, SharedBytes entry, AppendDone done);
  void AppendAfterTail(LogEpoch epoch, LogIndex prev, SharedBytes entry, AppendDone done);
  void CompareTaken(LogEpoch epoch, LogIndex index, SharedBytes entry, AppendDone done);
  void TrimOn(LogIndex floor, TrimDone done);
  void ReadStored(LogIndex from, LogIndex last, ReadDone done);
  absl::StatusOr<std::vector<arbiter::IndexedEntry>> EntriesOf(const std::vector<StoreRow>& rows,
                                                               LogIndex from,
                                                               std::size_t count) const;
  // The stored entry, or null when it has been trimmed.
  void Fetch(LogIndex index, std::function<void(absl::StatusOr<SharedBytes>)> done);
  arbiter::AppendResult Answer(arbiter::AppendResult::Kind kind,
                               absl::Status why = absl::OkStatus()) const;
  void WakeAll();

  const DataCenterIndex home_;
  const Options options_;
  Store& store_;
  Executor& executor_;

  // True: the store holds what meta_ says. False at first and after a store error.
  bool known_ = false;
  // True from the first recovery on: meta_ is durable, and so is every entry above the floor up to
  // the tail. While not known_, more may have happened, but nobody has been told.
  bool opened_ = false;
  LogMeta meta_;
  // A trim may already have taken rows up to here.
  LogIndex trimming_;
  LogCache cache_;

  // A call has its turn, or the log is being recovered for the first in line.
  bool busy_ = false;
  bool pumping_ = false;
  std::deque<Call> waiting_;

  NodeSet running_;
  std::vector<std::weak_ptr<LogLink>> links_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_EMBEDDED_LOG_H_
