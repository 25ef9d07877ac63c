// A Store in memory with the failures of a disk.
//
// A MemoryDisk is the medium and outlives node restarts; a MemoryStore is one opening of it.
//   - A commit reaches the page cache when it is applied and the medium when it is synced.
//   - Destroying a MemoryStore is the death of its process: of the commits not yet answered, a
//     random number of the oldest are applied, the rest are not.
//   - Crash() is the loss of power: that, and unsynced commits go as CrashModel and Kept say. A torn
//     commit is one that its checksum finds out: it is not kept, and so nothing after it is.
// Threads: any; delays and order come from the executor.
#ifndef WORLDB_TESTS_SUPPORT_MEMORY_STORE_H_
#define WORLDB_TESTS_SUPPORT_MEMORY_STORE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/ports/executor.h"
#include "engine/ports/store.h"

namespace worldb::testing {

// What a loss of power takes from the unsynced commits.
enum class CrashModel {
  kSuffix,  // a random number of the newest, as a log that is written in order; a sync covers all
            // commits before it
  kSubset,  // any of them; a sync covers its own commit alone, which is all the contract promises
};

// How much of what CrashModel allows to be lost is still there.
enum class Kept {
  kSynced,  // nothing but what was answered as synced, and what such a sync covers
  kSome,    // a random part
  kAll,     // everything, calls not yet answered included
};

// What becomes of the rows of a commit that is answered with an error.
enum class FailedCommit {
  kLost,   // they are not there
  kThere,  // they are there, unsynced
  kLate,   // readers see them, unsynced, only when the next commit succeeds; a crash may take them
};

class MemoryDisk {
 public:
  explicit MemoryDisk(std::uint64_t seed = 1, CrashModel model = CrashModel::kSuffix);
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  // Loss of power. A MemoryStore open now never answers again; open a new one.
  void Crash(Kept kept = Kept::kSome);
  // The disk is replaced by an empty one. A MemoryStore open now never answers again.
  void Wipe();

  // The next `count` commits answer `error`.
  void FailCommits(int count, absl::Status error, FailedCommit fate);
  // The next `count` gets and scans answer `error`.
  void FailReads(int count, absl::Status error);
  // Until called with OK, gets of rows whose key begins with `prefix` answer `error`.
  void FailReadsUnder(std::string prefix, absl::Status error);
  // Until turned off, commits answer ResourceExhausted and write nothing.
  void SetFull(bool full);
  // How long each commit and each read takes.
  void SetDelays(absl::Duration commit, absl::Duration read);
  // Damages one row: reading it, or scanning over it, is DataLoss until it is written again.
  // NotFound if absent.
  absl::Status Corrupt(engine::RowFamily family, const std::string& key);
  // Puts `value` in the place of a row's bytes, on the medium too, behind the back of whoever has the
  // disk open; removes the row when null.
  void Tamper(engine::RowFamily family, const std::string& key, SharedBytes value);

  // All rows a reader would see now.
  std::vector<engine::StoreRow> Rows(engine::RowFamily family) const;
  std::uint64_t commit_count() const;
  std::uint64_t synced_commit_count() const;
  // Commits called so far, answered or not. Between two moments with equal call_count() and
  // commit_count() no crash leaves anything else.
  std::uint64_t call_count() const;

 private:
  friend class MemoryStore;
  struct Cell {
    SharedBytes value;
    bool corrupt = false;
  };
  using Table = std::map<std::string, Cell>;
  struct Image {
    Table rows;
    Table blobs;
    Table& Of(engine::RowFamily family);
    const Table& Of(engine::RowFamily family) const;
    void Apply(const std::vector<engine::StoreWrite>& writes);
  };
  struct Applied {
    std::vector<engine::StoreWrite> writes;
    bool synced = false;
  };
  struct Pending {
    std::vector<engine::StoreWrite> writes;
    bool sync = false;
    std::function<void(absl::Status)> done;
  };

  std::uint64_t Open();
  void Close(std::uint64_t opening);
  bool Enqueue(std::uint64_t opening, Pending commit);
  // Applies the oldest pending commit of `opening` and returns its callback bound to its status;
  // null when the opening is over.
  std::function<void()> ApplyNext(std::uint64_t opening);
  absl::StatusOr<Bytes> Read(std::uint64_t opening, engine::RowFamily family,
                             const std::string& key);
  absl::StatusOr<std::vector<engine::StoreRow>> Scan(std::uint64_t opening,
                                                     engine::RowFamily family,
                                                     const std::string& begin,
                                                     const std::string& end, std::size_t count_max);
  bool IsOpen(std::uint64_t opening) const;
  absl::Duration commit_delay() const;
  absl::Duration read_delay() const;

  absl::Status Apply(const Pending& commit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Record(std::vector<engine::StoreWrite> writes, bool sync) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RecordLate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropPending(Kept kept) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status TakeReadError(std::uint64_t opening) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const CrashModel model_;
  mutable Mutex mu_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  Image cached_ ABSL_GUARDED_BY(mu_);   // what readers see
  Image durable_ ABSL_GUARDED_BY(mu_);  // cached_ without since_
  std::deque<Applied> since_ ABSL_GUARDED_BY(mu_);
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mu_);
  std::uint64_t opening_ ABSL_GUARDED_BY(mu_) = 0;  // 0: closed
  std::uint64_t last_opening_ ABSL_GUARDED_BY(mu_) = 0;
  int failing_commits_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status commit_error_ ABSL_GUARDED_BY(mu_);
  FailedCommit failing_fate_ ABSL_GUARDED_BY(mu_) = FailedCommit::kLost;
  std::vector<std::vector<engine::StoreWrite>> late_ ABSL_GUARDED_BY(mu_);
  int failing_reads_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status read_error_ ABSL_GUARDED_BY(mu_);
  std::string failing_prefix_ ABSL_GUARDED_BY(mu_);
  absl::Status prefix_error_ ABSL_GUARDED_BY(mu_);
  bool full_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration commit_delay_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
  absl::Duration read_delay_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
  std::uint64_t commit_count_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t synced_commit_count_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t call_count_ ABSL_GUARDED_BY(mu_) = 0;
};

class MemoryStore final : public engine::Store {
 public:
  // `executor` outlives the store; `disk` outlives the executor's tasks. REQUIRES: no other
  // MemoryStore has the disk open.
  MemoryStore(MemoryDisk& disk, engine::Executor& executor);
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  void Commit(std::vector<engine::StoreWrite> writes, bool sync,
              std::function<void(absl::Status)> done) override;
  void GetMany(engine::RowFamily family, std::vector<std::string> keys,
               std::function<void(std::vector<absl::StatusOr<Bytes>>)> done) override;
  void Scan(engine::RowFamily family, std::string begin, std::string end, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<engine::StoreRow>>)> done) override;

 private:
  void Run(absl::Duration delay, engine::Task task);

  MemoryDisk& disk_;
  engine::Executor& executor_;
  const std::uint64_t opening_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_MEMORY_STORE_H_
