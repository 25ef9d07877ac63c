// Store over RocksDB. RocksDB itself is seen by rocks_*.cc alone.
//
// Large values lie in segment files beside RocksDB's (engine/rocks/rocks_tables.h); their space comes back
// step by step, between writes.
//
// Group commit: commits queue up, and at most one write is in flight per store; each write merges
// what has queued meanwhile, up to a cap, and is synced once if any member asked for it. Members of
// one write share its status. RocksDB applies the merged write atomically, so each member is
// atomic.
// Errors:  as engine/ports/store.h. The commit after a failed one first opens the database anew (while a
//          full disk is still full it fails at once instead), so space that comes back heals the
//          store; one that failed before it reached RocksDB is just made again. Reads wait for that opening, and are Unavailable only if it fails. I/O errors
//          other than a full disk are Unavailable.
// Threads: any.
#ifndef WORLDB_ENGINE_ROCKS_ROCKS_STORE_H_
#define WORLDB_ENGINE_ROCKS_ROCKS_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/ports/executor.h"
#include "engine/ports/store.h"
#include "engine/rocks/rocks_resources.h"

namespace worldb::engine {

class RocksStore final : public Store {
 public:
  struct Options {
    // One merged write takes no more commits, and no more bytes once it has one, than this.
    std::size_t group_commits_max = 1000;
    std::size_t group_bytes_max = std::size_t{4} << 20;
    // Files RocksDB may keep open in this store.
    int open_files_max = 64;
    // A segment file of which less than half is alive for so long, up to twice, is rewritten. Longer than staged
    // payloads live: what was written one after the other is deleted so, too.
    absl::Duration reclaim_tick = absl::Seconds(10);
    // False: a missing store is FailedPrecondition instead of a new, empty one. One that goes missing while it is
    // open never comes back empty.
    bool create_if_missing = true;
  };

  // Opens or creates the store in `dir`, whose parents must exist. Blocks on the disk: for
  // start-up, not for an executor's task. Callbacks run on `completions`. `resources` and
  // `completions` must outlive the store; `completions` may be shut down before it.
  // Errors: DataLoss for damaged files; Unavailable when the directory cannot be used or another
  // process holds it; FailedPrecondition as said above.
  static absl::StatusOr<std::unique_ptr<RocksStore>> Open(const std::string& dir,
                                                          RocksResources& resources,
                                                          Executor& completions,
                                                          const Options& options);
  static absl::StatusOr<std::unique_ptr<RocksStore>> Open(const std::string& dir,
                                                          RocksResources& resources,
                                                          Executor& completions) {
    return Open(dir, resources, completions, Options{});
  }
  // Stops.
  ~RocksStore() override;
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  void Commit(std::vector<StoreWrite> writes, bool sync,
              std::function<void(absl::Status)> done) override;
  void GetMany(RowFamily family, std::vector<std::string> keys,
               std::function<void(std::vector<absl::StatusOr<Bytes>>)> done) override;
  void Scan(RowFamily family, std::string begin, std::string end, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<StoreRow>>)> done) override;

  // Refuses new calls with Unavailable, waits for I/O in flight, answers calls still queued with
  // Unavailable (none of their rows are written) and closes the files. May be called twice. Must
  // not be called from a task of the blocking pool.
  void Stop();

  // Merged writes done so far; with the number of commits it tells how well they group.
  std::uint64_t write_count() const;

 private:
  class Core;
  explicit RocksStore(std::shared_ptr<Core> core);
  const std::shared_ptr<Core> core_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_ROCKS_STORE_H_
