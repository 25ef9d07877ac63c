#include "engine/rocks/rocks_store.h"

#include <rocksdb/env.h>

#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/rocks/rocks_tables.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
// Free space below which a full disk counts as full still: a new log, manifest and options file.
constexpr std::uint64_t kReopenBytesMin = 4 * kMiB;

absl::Status Closed() {
  return absl::UnavailableError("the store could not be opened again after an error; commit again");
}
absl::Status Stopped() { return absl::UnavailableError("the store has been stopped"); }

}  // namespace

// Kept alive by work the pool still holds. Such work counts itself in before it touches the
// database or the executor, and does nothing once the store is stopped; Stop() waits for those
// counted in.
class RocksStore::Core : public std::enable_shared_from_this<RocksStore::Core> {
 public:
  Core(Executor& completions, const Options& options)
      : options_(options), completions_(completions) {}

  absl::Status Open(const std::string& dir, RocksResources& resources);
  void Commit(std::vector<StoreWrite> writes, bool sync, std::function<void(absl::Status)> done);
  void GetMany(RowFamily family, std::vector<std::string> keys,
               std::function<void(std::vector<absl::StatusOr<Bytes>>)> done);
  void Scan(RowFamily family, std::string begin, std::string end, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<StoreRow>>)> done);
  void Stop();
  std::uint64_t write_count() const {
    MutexLock lock(mu_);
    return write_count_;
  }

 private:
  struct PendingCommit {
    std::vector<StoreWrite> writes;
    bool sync;
    std::function<void(absl::Status)> done;
  };

  // True: the caller may use the database and the executor until Leave(). Waits out a reopening.
  bool Enter() {
    MutexLock lock(mu_);
    while (reopening_) changed_.Wait(mu_);
    if (stopped_) return false;
    ++inside_count_;
    return true;
  }
  void Leave() {
    MutexLock lock(mu_);
    --inside_count_;
    if (stopped_ || reopening_) changed_.NotifyAll();
  }

  void ScheduleWrite() {
    completions_.Offload([self = shared_from_this()] { self->WriteGroup(); }, [] {});
  }
  void WriteGroup();
  std::vector<PendingCommit> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Write(const std::vector<PendingCommit>& group);
  // One step; true when there is more to do.
  bool Reclaim(bool tick_is_due);
  void NoteFailure();
  absl::Status Reopen();
  absl::Status OpenTables(bool create_if_missing);
  void ArmTick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnTick();
  // Offloads `read`, which the store's stop may overtake, and hands its result to `done`.
  template <typename Result>
  void OffloadRead(std::function<Result()> read, Result when_stopped,
                   std::function<void(Result)> done);
  // Answers on the executor, in order. Callbacks and what they hold end there too.
  void Answer(std::vector<PendingCommit> commits, absl::Status status);

  const Options options_;
  Executor& completions_;
  // Set by Open().
  std::string dir_;
  RocksTables::Options table_options_;
  // Used only between Enter() and Leave(). Null after Stop(), and while they cannot be opened again.
  std::unique_ptr<RocksTables> tables_;
  // Used by the one write in flight alone: why the last write failed, and about how much space
  // opening the database takes.
  absl::Status failure_;
  std::uint64_t reopen_bytes_ = 0;

  mutable Mutex mu_;
  CondVar changed_;
  bool reopening_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  int inside_count_ ABSL_GUARDED_BY(mu_) = 0;
  bool write_scheduled_ ABSL_GUARDED_BY(mu_) = false;
  bool tick_is_armed_ ABSL_GUARDED_BY(mu_) = false;
  bool tick_is_due_ ABSL_GUARDED_BY(mu_) = false;
  // Bounded by what callers have outstanding: each gets its answer before its place is free.
  std::deque<PendingCommit> queue_ ABSL_GUARDED_BY(mu_);
  std::uint64_t write_count_ ABSL_GUARDED_BY(mu_) = 0;
};

absl::Status RocksStore::Core::Open(const std::string& dir, RocksResources& resources) {
  dir_ = dir;
  table_options_.open_files_max = options_.open_files_max;
  table_options_.cache = resources.cache();
  table_options_.memtables = resources.memtables();
  WORLDB_RETURN_IF_ERROR(OpenTables(options_.create_if_missing));
  MutexLock lock(mu_);
  if (tables_->HasSparseSegments()) ArmTick();
  return absl::OkStatus();
}

absl::Status RocksStore::Core::OpenTables(bool create_if_missing) {
  table_options_.create_if_missing = create_if_missing;
  WORLDB_ASSIGN_OR_RETURN(tables_, RocksTables::Open(dir_, table_options_));
  return absl::OkStatus();
}

void RocksStore::Core::Commit(std::vector<StoreWrite> writes, bool sync,
                              std::function<void(absl::Status)> done) {
  for (const StoreWrite& write : writes) {
    WORLDB_CHECK((write.kind == StoreWrite::Kind::kPut) == (write.value != nullptr));
  }
  bool refused = false;
  {
    MutexLock lock(mu_);
    refused = stopped_;
    if (!refused) {
      queue_.push_back({std::move(writes), sync, std::move(done)});
      if (write_scheduled_) return;
      write_scheduled_ = true;
    }
  }
  if (refused) {
    completions_.Post([done = std::move(done)] { done(Stopped()); });
  } else {
    ScheduleWrite();
  }
}

std::vector<RocksStore::Core::PendingCommit> RocksStore::Core::TakeGroup() {
  std::vector<PendingCommit> group;
  std::size_t bytes = 0;
  while (!queue_.empty() && group.size() < options_.group_commits_max) {
    for (const StoreWrite& write : queue_.front().writes) {
      bytes += write.key.size() + (write.value ? write.value->size() : 0);
    }
    if (!group.empty() && bytes > options_.group_bytes_max) break;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

void RocksStore::Core::WriteGroup() {
  if (!Enter()) return;
  std::vector<PendingCommit> group;
  bool tick_is_due = false;
  {
    MutexLock lock(mu_);
    group = TakeGroup();
    tick_is_due = std::exchange(tick_is_due_, false);
  }
  const bool any = !group.empty();
  if (any) {
    absl::Status status = Write(group);
    // Before the next write is scheduled, or that one's answers could overtake these.
    Answer(std::move(group), std::move(status));
  }
  const bool reclaims = Reclaim(tick_is_due);
  const bool sparse = tables_ != nullptr && tables_->HasSparseSegments();
  bool more = false;
  {
    MutexLock lock(mu_);
    if (any) ++write_count_;
    if (sparse) ArmTick();
    more = !queue_.empty() || reclaims;
    write_scheduled_ = more;
  }
  if (more) ScheduleWrite();
  Leave();
}

bool RocksStore::Core::Reclaim(bool tick_is_due) {
  if (!failure_.ok()) return false;
  if (tick_is_due) tables_->Tick();
  const bool more = tables_->Reclaim();
  NoteFailure();
  return more;
}

// At most one at a time. It keeps nothing alive.
void RocksStore::Core::ArmTick() {
  if (std::exchange(tick_is_armed_, true)) return;
  completions_.PostAfter(options_.reclaim_tick, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnTick();
  });
}

void RocksStore::Core::OnTick() {
  bool schedule = false;
  {
    MutexLock lock(mu_);
    tick_is_armed_ = false;
    if (stopped_) return;
    tick_is_due_ = true;
    schedule = !std::exchange(write_scheduled_, true);
  }
  if (schedule) ScheduleWrite();
}

// Opening writes the memtables out, which on a disk that is still full costs much and must fail.
absl::Status RocksStore::Core::Reopen() {
  std::uint64_t free_bytes = 0;
  if (absl::IsResourceExhausted(failure_) &&
      rocksdb::Env::Default()->GetFreeSpace(dir_, &free_bytes).ok() && free_bytes < reopen_bytes_) {
    return failure_;
  }
  {
    MutexLock lock(mu_);
    reopening_ = true;
    while (inside_count_ > 1) changed_.Wait(mu_);  // all but this write
  }
  tables_.reset();
  absl::Status status = OpenTables(/*create_if_missing=*/false);
  MutexLock lock(mu_);
  reopening_ = false;
  changed_.NotifyAll();
  return status;
}

void RocksStore::Core::NoteFailure() {
  if (tables_->failure().ok()) return;
  failure_ = tables_->failure();
  reopen_bytes_ = tables_->ReopenBytes() + kReopenBytesMin;
}

absl::Status RocksStore::Core::Write(const std::vector<PendingCommit>& group) {
  if (!failure_.ok()) {
    WORLDB_RETURN_IF_ERROR(Reopen());
    failure_ = absl::OkStatus();
  }
  std::vector<const std::vector<StoreWrite>*> commits;
  bool sync = false;
  for (const PendingCommit& commit : group) {
    commits.push_back(&commit.writes);
    sync = sync || commit.sync;
  }
  absl::Status status = tables_->Write(commits, sync);
  NoteFailure();
  return status;
}

void RocksStore::Core::Answer(std::vector<PendingCommit> commits, absl::Status status) {
  if (commits.empty()) return;
  std::vector<std::function<void(absl::Status)>> callbacks;
  callbacks.reserve(commits.size());
  for (PendingCommit& commit : commits) callbacks.push_back(std::move(commit.done));
  completions_.Post([callbacks = std::move(callbacks), status = std::move(status)] {
    for (const auto& done : callbacks) done(status);
  });
}

template <typename Result>
void RocksStore::Core::OffloadRead(std::function<Result()> read, Result when_stopped,
                                   std::function<void(Result)> done) {
  auto result = std::make_shared<Result>(std::move(when_stopped));
  completions_.Offload(
      [self = shared_from_this(), read = std::move(read), result] {
        if (!self->Enter()) return;
        *result = read();
        self->Leave();
      },
      [result, done = std::move(done)] { done(std::move(*result)); });
}

void RocksStore::Core::GetMany(RowFamily family, std::vector<std::string> keys,
                               std::function<void(std::vector<absl::StatusOr<Bytes>>)> done) {
  const std::size_t count = keys.size();
  OffloadRead<std::vector<absl::StatusOr<Bytes>>>(
      [this, family, keys = std::move(keys)] {
        std::vector<absl::StatusOr<Bytes>> values;
        values.reserve(keys.size());
        for (const std::string& key : keys) {
          values.push_back(tables_ ? tables_->Get(family, key) : Closed());
        }
        return values;
      },
      std::vector<absl::StatusOr<Bytes>>(count, Stopped()), std::move(done));
}

void RocksStore::Core::Scan(RowFamily family, std::string begin, std::string end,
                            std::size_t count_max,
                            std::function<void(absl::StatusOr<std::vector<StoreRow>>)> done) {
  OffloadRead<absl::StatusOr<std::vector<StoreRow>>>(
      [this, family, begin = std::move(begin), end = std::move(end),
       count_max]() -> absl::StatusOr<std::vector<StoreRow>> {
        if (tables_ == nullptr) return Closed();
        return tables_->Scan(family, begin, end, count_max);
      },
      Stopped(), std::move(done));
}

void RocksStore::Core::Stop() {
  std::deque<PendingCommit> queued;
  {
    MutexLock lock(mu_);
    stopped_ = true;
    queue_.swap(queued);
    while (inside_count_ > 0) changed_.Wait(mu_);
  }
  Answer({std::make_move_iterator(queued.begin()), std::make_move_iterator(queued.end())},
         Stopped());
  tables_.reset();
}

absl::StatusOr<std::unique_ptr<RocksStore>> RocksStore::Open(const std::string& dir,
                                                             RocksResources& resources,
                                                             Executor& completions,
                                                             const Options& options) {
  auto core = std::make_shared<Core>(completions, options);
  if (absl::Status status = core->Open(dir, resources); !status.ok()) return status;
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(core)));
}

RocksStore::RocksStore(std::shared_ptr<Core> core) : core_(std::move(core)) {}
RocksStore::~RocksStore() { Stop(); }

void RocksStore::Commit(std::vector<StoreWrite> writes, bool sync,
                        std::function<void(absl::Status)> done) {
  core_->Commit(std::move(writes), sync, std::move(done));
}
void RocksStore::GetMany(RowFamily family, std::vector<std::string> keys,
                         std::function<void(std::vector<absl::StatusOr<Bytes>>)> done) {
  core_->GetMany(family, std::move(keys), std::move(done));
}
void RocksStore::Scan(RowFamily family, std::string begin, std::string end, std::size_t count_max,
                      std::function<void(absl::StatusOr<std::vector<StoreRow>>)> done) {
  core_->Scan(family, std::move(begin), std::move(end), count_max, std::move(done));
}
void RocksStore::Stop() { core_->Stop(); }
std::uint64_t RocksStore::write_count() const { return core_->write_count(); }

}  // namespace worldb::engine
