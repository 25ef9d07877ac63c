#include "tests/support/memory_store.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"

namespace worldb::testing {

using engine::RowFamily;
using engine::StoreRow;
using engine::StoreWrite;

namespace {
// Older unsynced commits than this many have been written back by the operating system.
constexpr std::size_t kUnsyncedCommitsMax = 4096;

// From 0 to `max`, both included. Spelled out, since std::uniform_int_distribution differs between
// libraries and a seed must mean the same everywhere.
std::size_t Draw(std::mt19937_64& random, std::size_t max) { return random() % (max + 1); }
std::size_t DrawKept(std::mt19937_64& random, Kept kept, std::size_t count) {
  if (kept == Kept::kSome) return Draw(random, count);
  return kept == Kept::kAll ? count : 0;
}

absl::Status DamagedRow(const std::string& key) {
  return absl::DataLossError(absl::StrCat("row ", HexEncode(AsBytes(key)), ": checksum mismatch"));
}
}  // namespace

MemoryDisk::Table& MemoryDisk::Image::Of(RowFamily family) {
  return family == RowFamily::kRows ? rows : blobs;
}
const MemoryDisk::Table& MemoryDisk::Image::Of(RowFamily family) const {
  return family == RowFamily::kRows ? rows : blobs;
}

void MemoryDisk::Image::Apply(const std::vector<StoreWrite>& writes) {
  for (const StoreWrite& write : writes) {
    if (write.kind == StoreWrite::Kind::kPut) {
      Of(write.family)[write.key] = Cell{write.value, false};
    } else {
      Of(write.family).erase(write.key);
    }
  }
}

MemoryDisk::MemoryDisk(std::uint64_t seed, CrashModel model) : model_(model), random_(seed) {}

void MemoryDisk::Crash(Kept kept) {
  MutexLock lock(mu_);
  DropPending(kept);
  opening_ = 0;
  const std::size_t kept_count = DrawKept(random_, kept, since_.size());
  for (std::size_t i = 0; i < since_.size(); ++i) {
    const bool stays = model_ == CrashModel::kSuffix
                           ? i < kept_count
                           : since_[i].synced || DrawKept(random_, kept, 1) == 1;
    if (stays) durable_.Apply(since_[i].writes);
  }
  since_.clear();
  cached_ = durable_;
}

void MemoryDisk::Wipe() {
  MutexLock lock(mu_);
  DropPending(Kept::kSynced);
  opening_ = 0;
  since_.clear();
  durable_ = Image();
  cached_ = Image();
}

void MemoryDisk::FailCommits(int count, absl::Status error, FailedCommit fate) {
  MutexLock lock(mu_);
  failing_commits_ = count;
  commit_error_ = std::move(error);
  failing_fate_ = fate;
}

void MemoryDisk::FailReads(int count, absl::Status error) {
  MutexLock lock(mu_);
  failing_reads_ = count;
  read_error_ = std::move(error);
}

void MemoryDisk::FailReadsUnder(std::string prefix, absl::Status error) {
  MutexLock lock(mu_);
  failing_prefix_ = std::move(prefix);
  prefix_error_ = std::move(error);
}

void MemoryDisk::SetFull(bool full) {
  MutexLock lock(mu_);
  full_ = full;
}

void MemoryDisk::SetDelays(absl::Duration commit, absl::Duration read) {
  MutexLock lock(mu_);
  commit_delay_ = commit;
  read_delay_ = read;
}

absl::Status MemoryDisk::Corrupt(RowFamily family, const std::string& key) {
  MutexLock lock(mu_);
  auto cell = cached_.Of(family).find(key);
  if (cell == cached_.Of(family).end()) {
    return absl::NotFoundError(absl::StrCat("no row ", HexEncode(AsBytes(key)), " to damage"));
  }
  cell->second.corrupt = true;
  auto durable = durable_.Of(family).find(key);
  if (durable != durable_.Of(family).end()) durable->second.corrupt = true;
  return absl::OkStatus();
}

void MemoryDisk::Tamper(RowFamily family, const std::string& key, SharedBytes value) {
  MutexLock lock(mu_);
  for (Image* image : {&cached_, &durable_}) {
    if (value == nullptr) {
      image->Of(family).erase(key);
    } else {
      image->Of(family)[key] = {value, false};
    }
  }
}

std::vector<StoreRow> MemoryDisk::Rows(RowFamily family) const {
  MutexLock lock(mu_);
  std::vector<StoreRow> rows;
  for (const auto& [key, cell] : cached_.Of(family)) rows.push_back({key, *cell.value});
  return rows;
}

std::uint64_t MemoryDisk::commit_count() const {
  MutexLock lock(mu_);
  return commit_count_;
}
std::uint64_t MemoryDisk::synced_commit_count() const {
  MutexLock lock(mu_);
  return synced_commit_count_;
}
std::uint64_t MemoryDisk::call_count() const {
  MutexLock lock(mu_);
  return call_count_;
}

std::uint64_t MemoryDisk::Open() {
  MutexLock lock(mu_);
  WORLDB_CHECK(opening_ == 0);
  opening_ = ++last_opening_;
  return opening_;
}

void MemoryDisk::Close(std::uint64_t opening) {
  MutexLock lock(mu_);
  if (opening_ != opening) return;
  DropPending(Kept::kSome);
  opening_ = 0;
}

bool MemoryDisk::Enqueue(std::uint64_t opening, Pending commit) {
  MutexLock lock(mu_);
  if (opening_ != opening) return false;
  ++call_count_;
  pending_.push_back(std::move(commit));
  return true;
}

std::function<void()> MemoryDisk::ApplyNext(std::uint64_t opening) {
  MutexLock lock(mu_);
  if (opening_ != opening || pending_.empty()) return nullptr;
  Pending commit = std::move(pending_.front());
  pending_.pop_front();
  absl::Status status = Apply(commit);
  return [done = std::move(commit.done), status = std::move(status)] { done(status); };
}

absl::Status MemoryDisk::Apply(const Pending& commit) {
  ++commit_count_;
  if (commit.sync) ++synced_commit_count_;
  if (full_) return absl::ResourceExhaustedError("commit: no space left on the disk");
  if (failing_commits_ > 0) {
    --failing_commits_;
    if (failing_fate_ == FailedCommit::kThere) Record(commit.writes, false);
    if (failing_fate_ == FailedCommit::kLate) late_.push_back(commit.writes);
    return commit_error_;
  }
  RecordLate();
  Record(commit.writes, commit.sync);
  return absl::OkStatus();
}

void MemoryDisk::RecordLate() {
  for (std::vector<StoreWrite>& writes : late_) Record(std::move(writes), false);
  late_.clear();
}

void MemoryDisk::Record(std::vector<StoreWrite> writes, bool sync) {
  cached_.Apply(writes);
  since_.push_back({std::move(writes), sync});
  const bool all = sync && model_ == CrashModel::kSuffix;
  while (!since_.empty() && (all || since_.front().synced || since_.size() > kUnsyncedCommitsMax)) {
    durable_.Apply(since_.front().writes);
    since_.pop_front();
  }
}

// The process is gone: its oldest calls may have reached the page cache, none was answered.
void MemoryDisk::DropPending(Kept kept) {
  if (DrawKept(random_, kept, 1) == 1) RecordLate();
  late_.clear();
  const std::size_t applied_count = DrawKept(random_, kept, pending_.size());
  for (std::size_t i = 0; i < applied_count && !full_; ++i) {
    Record(std::move(pending_[i].writes), false);
  }
  pending_.clear();
}

absl::Status MemoryDisk::TakeReadError(std::uint64_t opening) {
  if (opening_ != opening) return absl::CancelledError();
  if (failing_reads_ == 0) return absl::OkStatus();
  --failing_reads_;
  return read_error_;
}

absl::StatusOr<Bytes> MemoryDisk::Read(std::uint64_t opening, RowFamily family,
                                       const std::string& key) {
  MutexLock lock(mu_);
  if (absl::Status error = TakeReadError(opening); !error.ok()) return error;
  if (!prefix_error_.ok() && absl::StartsWith(key, failing_prefix_)) return prefix_error_;
  const Table& table = cached_.Of(family);
  auto cell = table.find(key);
  if (cell == table.end()) {
    return absl::NotFoundError(absl::StrCat("no row ", HexEncode(AsBytes(key))));
  }
  if (cell->second.corrupt) return DamagedRow(key);
  return *cell->second.value;
}

absl::StatusOr<std::vector<StoreRow>> MemoryDisk::Scan(std::uint64_t opening, RowFamily family,
                                                       const std::string& begin,
                                                       const std::string& end,
                                                       std::size_t count_max) {
  MutexLock lock(mu_);
  if (absl::Status error = TakeReadError(opening); !error.ok()) return error;
  const Table& table = cached_.Of(family);
  std::vector<StoreRow> rows;
  for (auto cell = table.lower_bound(begin); cell != table.end() && rows.size() < count_max;
       ++cell) {
    if (!end.empty() && cell->first >= end) break;
    if (cell->second.corrupt) return DamagedRow(cell->first);
    rows.push_back({cell->first, *cell->second.value});
  }
  return rows;
}

bool MemoryDisk::IsOpen(std::uint64_t opening) const {
  MutexLock lock(mu_);
  return opening_ == opening;
}
absl::Duration MemoryDisk::commit_delay() const {
  MutexLock lock(mu_);
  return commit_delay_;
}
absl::Duration MemoryDisk::read_delay() const {
  MutexLock lock(mu_);
  return read_delay_;
}

MemoryStore::MemoryStore(MemoryDisk& disk, engine::Executor& executor)
    : disk_(disk), executor_(executor), opening_(disk.Open()) {}
MemoryStore::~MemoryStore() { disk_.Close(opening_); }

void MemoryStore::Run(absl::Duration delay, engine::Task task) {
  if (delay > absl::ZeroDuration()) {
    executor_.PostAfter(delay, std::move(task));
  } else {
    executor_.Post(std::move(task));
  }
}

void MemoryStore::Commit(std::vector<StoreWrite> writes, bool sync,
                         std::function<void(absl::Status)> done) {
  for (const StoreWrite& write : writes) {
    WORLDB_CHECK((write.kind == StoreWrite::Kind::kPut) == (write.value != nullptr));
  }
  if (!disk_.Enqueue(opening_, {std::move(writes), sync, std::move(done)})) return;
  // Each task applies the oldest commit, not its own, so tasks that run out of order do no harm.
  Run(disk_.commit_delay(), [disk = &disk_, opening = opening_] {
    if (std::function<void()> answer = disk->ApplyNext(opening)) answer();
  });
}

void MemoryStore::GetMany(RowFamily family, std::vector<std::string> keys,
                          std::function<void(std::vector<absl::StatusOr<Bytes>>)> done) {
  Run(disk_.read_delay(),
      [disk = &disk_, opening = opening_, family, keys = std::move(keys), done = std::move(done)] {
        std::vector<absl::StatusOr<Bytes>> values;
        for (const std::string& key : keys) values.push_back(disk->Read(opening, family, key));
        if (disk->IsOpen(opening)) done(std::move(values));
      });
}

void MemoryStore::Scan(RowFamily family, std::string begin, std::string end, std::size_t count_max,
                       std::function<void(absl::StatusOr<std::vector<StoreRow>>)> done) {
  Run(disk_.read_delay(), [disk = &disk_, opening = opening_, family, begin = std::move(begin),
                           end = std::move(end), count_max, done = std::move(done)] {
    absl::StatusOr<std::vector<StoreRow>> rows = disk->Scan(opening, family, begin, end, count_max);
    if (disk->IsOpen(opening)) done(std::move(rows));
  });
}

}  // namespace worldb::testing
