// The accept log of one triad inside one process, over a Store of its own.
//
// An EmbeddedLogCore is the log; each of the triad's nodes holds an EmbeddedLogHandle to it. The
// core runs on its own executor and serialises all that changes the log: one store commit is in
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
// Source:  docs/protocol.md 4; row layout in embedded_log.cc.
#ifndef WORLDB_ENGINE_LOCAL_EMBEDDED_LOG_H_
#define WORLDB_ENGINE_LOCAL_EMBEDDED_LOG_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arbiter/accept_log.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "engine/ports/executor.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class EmbeddedLogCore {
 public:
  struct Options {
    // Newest entries kept in memory for Read.
    std::size_t cached_entries_max = 4096;
    std::size_t cached_bytes_max = std::size_t{32} << 20;
    // An append of more than this is refused.
    std::size_t entry_bytes_max = std::size_t{16} << 20;
  };

  // `store` must have been made with `executor`, hold nothing else, and answer as long as the core
  // lives; both outlive the core and its handles. Touches the store with the first call; Tail() of
  // a handle therefore tells whether the log is sound.
  static std::shared_ptr<EmbeddedLogCore> Create(DataCenterIndex home, Store& store,
                                                 Executor& executor, const Options& options);
  static std::shared_ptr<EmbeddedLogCore> Create(DataCenterIndex home, Store& store,
                                                 Executor& executor) {
    return Create(home, store, executor, Options{});
  }

  // Says whether a node of the triad runs. None does at first. Takes effect after the calls made
  // before it. Threads: any. REQUIRES: `node` belongs to the home data center.
  void SetRunning(NodeIndex node, bool running);

 private:
  friend class EmbeddedLogHandle;
  class Impl;
  explicit EmbeddedLogCore(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl> impl_;
};

// One node's view of the log. Callbacks and wake run on `executor`; those still due when the handle
// is destroyed are dropped. REQUIRES: destroyed before its executor is.
// Threads: any, but SetWake before the first call.
class EmbeddedLogHandle final : public arbiter::AcceptLog {
 public:
  EmbeddedLogHandle(std::shared_ptr<EmbeddedLogCore> core, Executor& executor);
  ~EmbeddedLogHandle() override;
  EmbeddedLogHandle(const EmbeddedLogHandle&) = delete;
  EmbeddedLogHandle& operator=(const EmbeddedLogHandle&) = delete;

  void Append(LogEpoch epoch, LogIndex prev_index, SharedBytes entry,
              std::function<void(arbiter::AppendResult)> done) override;
  void Read(LogIndex from, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<arbiter::IndexedEntry>>)> done) override;
  void Fence(LogEpoch epoch, std::function<void(absl::StatusOr<FenceResult>)> done) override;
  void Tail(std::function<void(absl::StatusOr<FenceResult>)> done) override;
  void Trim(LogIndex floor, std::function<void(absl::Status)> done) override;
  void SetWake(std::function<void()> wake) override;

 private:
  friend class EmbeddedLogCore;
  struct Link;
  const std::shared_ptr<EmbeddedLogCore::Impl> core_;
  const std::shared_ptr<Link> link_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_EMBEDDED_LOG_H_
