#include "engine/rocks_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
// Free space below which a full disk counts as full still: a new log, manifest and options file.
constexpr std::uint64_t kReopenBytesMin = 4 * kMiB;
constexpr std::size_t kFamilyCount = 2;
constexpr char kBlobFamilyName[] = "blobs";

rocksdb::Slice AsSlice(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

absl::Status Closed() {
  return absl::UnavailableError("the store could not be opened again after an error; commit again");
}
absl::Status Stopped() { return absl::UnavailableError("the store has been stopped"); }

bool IsFullDisk(const rocksdb::Status& status) {
  return status.subcode() == rocksdb::Status::kNoSpace ||
         status.subcode() == rocksdb::Status::kSpaceLimit;
}

absl::Status Translate(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", status.ToString());
  if (status.IsNotFound()) return absl::NotFoundError(message);
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (IsFullDisk(status)) return absl::ResourceExhaustedError(message);
  if (status.IsInvalidArgument()) return absl::FailedPreconditionError(message);
  return absl::UnavailableError(message);
}

// Keeps RocksDB from recovering by itself. It waits for space in a thread of its own, looks every
// five seconds only, and may then go on with a log file whose last write has failed, which its own
// assertions forbid. After any failed write this store opens the database anew instead.
class ManualRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* automatic) override {
    *automatic = false;
  }
};

rocksdb::DBOptions DatabaseOptions(const RocksStore::Options& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = options.create_if_missing;
  db.create_missing_column_families = options.create_if_missing;
  db.env = rocksdb::Env::Default();
  db.max_open_files = options.open_files_max;
  db.max_total_wal_size = 48 * kMiB;
  db.wal_bytes_per_sync = 512 * 1024;
  db.bytes_per_sync = kMiB;
  // A log file that was synced and is now missing or short is found at the next opening.
  db.track_and_verify_wals_in_manifest = true;
  db.allow_concurrent_memtable_write = false;  // there is one writer
  db.max_background_jobs = 2;
  db.listeners = {std::make_shared<ManualRecovery>()};
  db.max_bgerror_resume_count = 0;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.keep_log_file_num = 2;
  db.max_log_file_size = kMiB;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  return db;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 8 * 1024;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;  // so that they count against the budget
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kNoCompression;  // ciphertext and hashes do not shrink
  family.write_buffer_size = 8 * kMiB;
  family.arena_block_size = 256 * 1024;
  family.max_write_buffer_number = 3;
  family.target_file_size_base = 8 * kMiB;
  family.max_bytes_for_level_base = 32 * kMiB;
  return family;
}

rocksdb::ColumnFamilyOptions BlobFamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family = FamilyOptions(cache);
  family.write_buffer_size = 16 * kMiB;
  family.enable_blob_files = true;
  family.min_blob_size = 4096;
  family.blob_file_size = 64 * kMiB;
  family.blob_compression_type = rocksdb::kNoCompression;
  // Staged payloads die young: rewrite what lives in old files, and at once where half is garbage.
  family.enable_blob_garbage_collection = true;
  family.blob_garbage_collection_age_cutoff = 0.5;
  family.blob_garbage_collection_force_threshold = 0.5;
  return family;
}

}  // namespace

class RocksResources::Impl {
 public:
  explicit Impl(const Budget& budget)
      : cache(rocksdb::NewLRUCache(budget.memory_bytes_max)),
        memtables(std::make_shared<rocksdb::WriteBufferManager>(budget.memtable_bytes_max, cache)) {
    rocksdb::Env* env = rocksdb::Env::Default();
    env->SetBackgroundThreads(budget.background_thread_count, rocksdb::Env::LOW);
    env->SetBackgroundThreads(budget.background_thread_count, rocksdb::Env::HIGH);
  }

  const std::shared_ptr<rocksdb::Cache> cache;
  // Charges memtables to the cache, so that one number bounds both.
  const std::shared_ptr<rocksdb::WriteBufferManager> memtables;
};

RocksResources::RocksResources(const Budget& budget) : impl_(std::make_unique<Impl>(budget)) {}
RocksResources::~RocksResources() = default;

// Kept alive by work the pool still holds. Such work counts itself in before it touches the
// database or the executor, and does nothing once the store is stopped; Stop() waits for those
// counted in.
class RocksStore::Core : public std::enable_shared_from_this<RocksStore::Core> {
 public:
  Core(Executor& completions, const Options& options)
      : options_(options), completions_(completions) {}

  absl::Status Open(const std::string& dir, RocksResources::Impl& resources);
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
  absl::Status NoteFailure(const rocksdb::Status& status, absl::string_view what);
  absl::Status Reopen();
  absl::Status OpenDatabase();
  void CloseDatabase();
  absl::StatusOr<Bytes> ReadRow(RowFamily family, const std::string& key);
  absl::StatusOr<std::vector<StoreRow>> ReadRange(RowFamily family, const std::string& begin,
                                                  const std::string& end, std::size_t count_max);
  // Offloads `read`, which the store's stop may overtake, and hands its result to `done`.
  template <typename Result>
  void OffloadRead(std::function<Result()> read, Result when_stopped,
                   std::function<void(Result)> done);
  // Answers on the executor, in order. Callbacks and what they hold end there too.
  void Answer(std::vector<PendingCommit> commits, absl::Status status);

  rocksdb::ColumnFamilyHandle* Family(RowFamily family) {
    return families_[static_cast<std::size_t>(family)];
  }

  const Options options_;
  Executor& completions_;
  // Set by Open().
  std::string dir_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::shared_ptr<rocksdb::WriteBufferManager> memtables_;
  // Used only between Enter() and Leave(). Null after Stop(), and while it cannot be opened again.
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> families_{};
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
  // Bounded by what callers have outstanding: each gets its answer before its place is free.
  std::deque<PendingCommit> queue_ ABSL_GUARDED_BY(mu_);
  std::uint64_t write_count_ ABSL_GUARDED_BY(mu_) = 0;
};

absl::Status RocksStore::Core::Open(const std::string& dir, RocksResources::Impl& resources) {
  dir_ = dir;
  cache_ = resources.cache;
  memtables_ = resources.memtables;
  return OpenDatabase();
}

absl::Status RocksStore::Core::OpenDatabase() {
  rocksdb::DBOptions options = DatabaseOptions(options_);
  options.write_buffer_manager = memtables_;
  const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName, FamilyOptions(cache_)},
      {kBlobFamilyName, BlobFamilyOptions(cache_)}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, dir_, descriptors, &handles, &db);
  if (!status.ok()) return Translate(status, absl::StrCat("opening the store in ", dir_));
  db_.reset(db);
  std::copy(handles.begin(), handles.end(), families_.begin());
  return absl::OkStatus();
}

void RocksStore::Core::CloseDatabase() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    // Nothing can be done about an error here, and every synced commit is safe without it.
    db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
  db_.reset();
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
  {
    MutexLock lock(mu_);
    group = TakeGroup();
  }
  absl::Status status = Write(group);
  // Before the next write is scheduled, or that one's answers could overtake these.
  Answer(std::move(group), std::move(status));
  bool more = false;
  {
    MutexLock lock(mu_);
    ++write_count_;
    more = !queue_.empty();
    write_scheduled_ = more;
  }
  if (more) ScheduleWrite();
  Leave();
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
  CloseDatabase();
  absl::Status status = OpenDatabase();
  MutexLock lock(mu_);
  reopening_ = false;
  changed_.NotifyAll();
  return status;
}

absl::Status RocksStore::Core::NoteFailure(const rocksdb::Status& status, absl::string_view what) {
  failure_ = Translate(status, what);
  if (!db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kSizeAllMemTables, &reopen_bytes_)) {
    reopen_bytes_ = 0;
  }
  reopen_bytes_ += kReopenBytesMin;
  return failure_;
}

absl::Status RocksStore::Core::Write(const std::vector<PendingCommit>& group) {
  if (!failure_.ok()) {
    WORLDB_RETURN_IF_ERROR(Reopen());
    failure_ = absl::OkStatus();
  }
  rocksdb::WriteBatch batch;
  rocksdb::WriteOptions options;
  rocksdb::Status status;
  for (const PendingCommit& commit : group) {
    options.sync = options.sync || commit.sync;
    for (const StoreWrite& write : commit.writes) {
      status = write.kind == StoreWrite::Kind::kPut
                   ? batch.Put(Family(write.family), write.key, AsSlice(*write.value))
                   : batch.Delete(Family(write.family), write.key);
      if (!status.ok()) return Translate(status, "building a commit");
    }
  }
  status = db_->Write(options, &batch);
  if (status.ok()) return absl::OkStatus();
  return NoteFailure(status, absl::StrCat("commit of ", batch.Count(), " rows"));
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
        for (const std::string& key : keys) values.push_back(ReadRow(family, key));
        return values;
      },
      std::vector<absl::StatusOr<Bytes>>(count, Stopped()), std::move(done));
}

void RocksStore::Core::Scan(RowFamily family, std::string begin, std::string end,
                            std::size_t count_max,
                            std::function<void(absl::StatusOr<std::vector<StoreRow>>)> done) {
  OffloadRead<absl::StatusOr<std::vector<StoreRow>>>(
      [this, family, begin = std::move(begin), end = std::move(end), count_max] {
        return ReadRange(family, begin, end, count_max);
      },
      Stopped(), std::move(done));
}

absl::StatusOr<Bytes> RocksStore::Core::ReadRow(RowFamily family, const std::string& key) {
  if (db_ == nullptr) return Closed();
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), Family(family), key, &value);
  if (!status.ok()) return Translate(status, absl::StrCat("row ", HexEncode(AsBytes(key))));
  return ToBytes(AsBytes({value.data(), value.size()}));
}

absl::StatusOr<std::vector<StoreRow>> RocksStore::Core::ReadRange(RowFamily family,
                                                                  const std::string& begin,
                                                                  const std::string& end,
                                                                  std::size_t count_max) {
  if (db_ == nullptr) return Closed();
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &bound;
  std::vector<StoreRow> rows;
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options, Family(family)));
  for (at->Seek(begin); rows.size() < count_max && at->Valid(); at->Next()) {
    const rocksdb::Slice value = at->value();
    rows.push_back({at->key().ToString(), ToBytes(AsBytes({value.data(), value.size()}))});
  }
  if (!at->status().ok()) {
    return Translate(at->status(), absl::StrCat("rows from ", HexEncode(AsBytes(begin)), " on"));
  }
  return rows;
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
  CloseDatabase();
}

absl::StatusOr<std::unique_ptr<RocksStore>> RocksStore::Open(const std::string& dir,
                                                             RocksResources& resources,
                                                             Executor& completions,
                                                             const Options& options) {
  auto core = std::make_shared<Core>(completions, options);
  if (absl::Status status = core->Open(dir, *resources.impl_); !status.ok()) return status;
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

namespace {

// How RocksDB lays out a log: blocks, in which a record lies as one or more fragments behind a header
// each: a checksum, the fragment's length and its type.
constexpr std::uint64_t kLogBlockBytes = 32 * 1024;
constexpr std::uint64_t kLogHeaderBytes = 7;
enum LogFragment : std::uint8_t { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// No header begins in what is left of a block when it does not fit.
std::uint64_t NextFragment(std::uint64_t at) {
  const std::uint64_t left = kLogBlockBytes - at % kLogBlockBytes;
  return left < kLogHeaderBytes ? at + left : at;
}
// Where the record of `bytes` ends that was written behind `at`.
std::uint64_t EndOfRecord(std::uint64_t at, std::uint64_t bytes) {
  do {
    at = NextFragment(at);
    const std::uint64_t room = kLogBlockBytes - at % kLogBlockBytes - kLogHeaderBytes;
    const std::uint64_t here = std::min(bytes, room);
    at += kLogHeaderBytes + here;
    bytes -= here;
  } while (bytes > 0);
  return at;
}

// Whether a log goes on behind `at` as one does whose writer was stopped: with a record that is longer
// than the file, or with zeros.
bool EndsTorn(const std::string& path, std::uint64_t at, std::uint64_t file_bytes) {
  std::ifstream in(path, std::ios::binary);
  while (true) {
    at = NextFragment(at);
    if (at + kLogHeaderBytes > file_bytes) return true;
    std::array<char, kLogHeaderBytes> header;
    if (!in.seekg(static_cast<std::streamoff>(at)).read(header.data(), header.size())) return false;
    const auto byte = [&header](std::size_t i) { return static_cast<std::uint8_t>(header[i]); };
    const std::uint64_t length = byte(4) | std::uint64_t{byte(5)} << 8;
    const std::uint8_t type = byte(6);
    if (type == 0 && length == 0) {
      in.seekg(static_cast<std::streamoff>(at));
      return std::all_of(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(),
                         [](char c) { return c == 0; });
    }
    const std::uint64_t end = at + kLogHeaderBytes + length;
    if (type < kWhole || type > kLast) return false;
    if (end > at - at % kLogBlockBytes + kLogBlockBytes) return false;
    if (end > file_bytes) return true;
    if (type == kWhole || type == kLast) return false;  // RocksDB would have taken it
    at = end;
  }
}

std::string LogName(std::uint64_t number) {
  std::string digits = absl::StrCat(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return digits + ".log";
}
// Zero when it is no log's name.
std::uint64_t LogNumberOf(const std::string& file_name) {
  std::uint64_t number = 0;
  if (!absl::EndsWith(file_name, ".log")) return 0;
  return absl::SimpleAtoi(file_name.substr(0, file_name.size() - 4), &number) ? number : 0;
}

// What RocksDB makes of a store's logs when it opens the store. It tells in messages alone what it
// dropped, and some things it drops in silence: so the records that it took are added up, too.
class LogReplay final : public rocksdb::Logger, public rocksdb::WalFilter {
 public:
  struct Log {
    std::uint64_t end = 0;  // of the records taken, if they followed one another
    std::uint64_t drops = 0;
    bool is_exact = true;  // they did: nothing was dropped before the last of them
    std::string reason;    // of the first
  };
  // In the order RocksDB came to them: that of their numbers.
  const std::map<std::uint64_t, Log>& logs() const { return logs_; }

  const char* Name() const override { return "worldb log replay"; }
  WalProcessingOption LogRecordFound(unsigned long long number, const std::string&,
                                     const rocksdb::WriteBatch& batch, rocksdb::WriteBatch*,
                                     bool*) override {
    Log& log = logs_[number];
    log.end = EndOfRecord(log.end, batch.GetDataSize());
    log.is_exact = log.drops == 0;
    return WalProcessingOption::kContinueProcessing;
  }

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    const absl::string_view text = line.data();
    const auto behind = [text](absl::string_view word) -> std::optional<absl::string_view> {
      const std::size_t at = text.find(word);
      if (at == absl::string_view::npos) return std::nullopt;
      return text.substr(at + word.size());
    };
    if (const auto number = behind("Recovering log #")) {
      std::uint64_t value = 0;
      if (absl::SimpleAtoi(number->substr(0, number->find(' ')), &value)) logs_[value];
    } else if (behind(": dropping ")) {
      const auto reason = behind(" bytes; ");
      Drop(reason.value_or("it lies behind damage"));
    } else if (const auto reason = behind("Ignoring error ")) {
      Drop(*reason);
    }
  }

 private:
  void Drop(absl::string_view reason) {
    if (logs_.empty()) return;
    Log& log = logs_.rbegin()->second;
    if (++log.drops == 1) log.reason.assign(reason.data(), reason.size());
  }

  std::map<std::uint64_t, Log> logs_;
};

// Shows RocksDB some logs without the part that it does not get past.
class CutLogs final : public rocksdb::FileSystemWrapper {
 public:
  struct Cut {
    std::uint64_t hole_begin = 0;  // zeros are read from here
    std::uint64_t hole_end = 0;    // to here
    std::uint64_t end = UINT64_MAX;
    std::string reason;
  };
  using Cuts = std::map<std::uint64_t, Cut>;
  explicit CutLogs(Cuts cuts)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), cuts_(std::move(cuts)) {}

  const char* Name() const override { return "worldb cut logs"; }
  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewSequentialFile(path, options, file, debug);
    const std::uint64_t number = LogNumberOf(std::filesystem::path(path).filename());
    if (status.ok() && number > 0) {
      *file = std::make_unique<CutFile>(std::move(*file), cuts_[number], last_block_[number]);
    }
    return status;
  }

  // Where what was read last of this log begins.
  std::uint64_t LastBlock(std::uint64_t number) const {
    const auto at = last_block_.find(number);
    return at == last_block_.end() ? 0 : at->second;
  }

 private:
  class CutFile final : public rocksdb::FSSequentialFileOwnerWrapper {
   public:
    CutFile(std::unique_ptr<rocksdb::FSSequentialFile>&& file, const Cut& cut,
            std::uint64_t& last_block)
        : FSSequentialFileOwnerWrapper(std::move(file)), cut_(cut), last_block_(last_block) {}
    rocksdb::IOStatus Read(std::size_t count, const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* debug) override {
      *result = rocksdb::Slice();
      if (at_ >= cut_.end) return rocksdb::IOStatus::OK();
      rocksdb::IOStatus status = FSSequentialFileOwnerWrapper::Read(
          static_cast<std::size_t>(std::min<std::uint64_t>(count, cut_.end - at_)), options, result,
          scratch, debug);
      if (result->empty()) return status;
      const std::uint64_t end = at_ + result->size();
      const std::uint64_t from = std::clamp(cut_.hole_begin, at_, end);
      const std::uint64_t to = std::clamp(cut_.hole_end, from, end);
      if (from < to) {
        std::memmove(scratch, result->data(), result->size());
        std::memset(scratch + (from - at_), 0, to - from);
        *result = rocksdb::Slice(scratch, result->size());
      }
      last_block_ = at_ - at_ % kLogBlockBytes;
      at_ = end;
      return status;
    }

   private:
    const Cut cut_;
    std::uint64_t& last_block_;
    std::uint64_t at_ = 0;
  };

  Cuts cuts_;
  std::map<std::uint64_t, std::uint64_t> last_block_;
};

}  // namespace

class RocksReader::Impl {
 public:
  ~Impl() { Close(); }

  // Opens the store with the logs cut off as said, or without any log.
  rocksdb::Status Open(const std::string& dir, const CutLogs::Cuts& cuts, bool with_logs) {
    constexpr std::size_t kCacheBytes = 4 * kMiB;
    Close();
    RocksStore::Options ours;
    ours.create_if_missing = false;
    rocksdb::DBOptions options = DatabaseOptions(ours);
    // Every share is verified on its own, so whatever can still be read is welcome.
    options.paranoid_checks = false;
    // With paranoid_checks off, this steps over damage within a log. kSkipAnyCorruptedRecords would do so,
    // too, but in RocksDB 7.8 it reads the same bytes for ever when they look like a recycled log's.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    // Logs stay verified: RocksDB 7.8 would forget the tracked ones otherwise, which reading only it
    // cannot. So what opens a store whose logs are missing is the mode that looks at none.
    options.best_efforts_recovery = !with_logs;
    replay = std::make_shared<LogReplay>();
    options.info_log = replay;
    options.wal_filter = replay.get();
    files = std::make_shared<CutLogs>(cuts);
    env = rocksdb::NewCompositeEnv(files);
    options.env = env.get();
    const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kCacheBytes);
    const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
        {rocksdb::kDefaultColumnFamilyName, FamilyOptions(cache)},
        {kBlobFamilyName, BlobFamilyOptions(cache)}};
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    rocksdb::Status status = rocksdb::DB::OpenForReadOnly(
        options, dir, descriptors, &handles, &opened, /*error_if_wal_file_exists=*/false);
    if (!status.ok()) return status;
    db.reset(opened);
    std::copy(handles.begin(), handles.end(), families.begin());
    return status;
  }

  // Opens it with as much of its logs as RocksDB can be made to read.
  absl::Status OpenWithLogs(const std::string& dir) {
    const std::vector<std::uint64_t> present = LogsIn(dir);
    CutLogs::Cuts cuts;
    while (true) {
      const rocksdb::Status status = Open(dir, cuts, /*with_logs=*/true);
      const auto& logs = replay->logs();
      if (logs.empty() || (!status.ok() && !status.IsCorruption() && !status.IsIOError())) {
        if (status.ok()) Judge(dir, cuts);
        return Translate(status, absl::StrCat("reading the store in ", dir));
      }
      const auto& [number, log] = *logs.rbegin();
      const bool all = status.ok() && (present.empty() || present.back() <= number);
      if (all && (cuts.contains(number) || log.drops > 0 || !EndsInSilence(dir, number, log))) {
        Judge(dir, cuts);
        return absl::OkStatus();
      }
      // RocksDB does not get past something in the last log it came to. So it is not shown what lies behind
      // the records it took, to the end of the block; if that does not do, nothing from the block on at
      // which it stopped; at last nothing at all.
      const auto [at, is_new] = cuts.try_emplace(number);
      CutLogs::Cut& cut = at->second;
      if (is_new) {
        cut.reason = log.drops > 0 ? log.reason : status.ok() ? kNoKnownForm : status.ToString();
      }
      if (is_new && log.is_exact) {
        cut.hole_begin = NextFragment(log.end);
        cut.hole_end = cut.hole_begin - cut.hole_begin % kLogBlockBytes + kLogBlockBytes;
      } else if (cut.end == UINT64_MAX) {
        cut.end = files->LastBlock(number);
      } else if (cut.end > 0) {
        cut.end = 0;
      } else {
        return Translate(status, absl::StrCat("reading the store in ", dir));
      }
    }
  }

  // Opens it as its table files are.
  absl::Status OpenWithoutLogs(const std::string& dir, absl::string_view why) {
    const rocksdb::Status status = Open(dir, {}, /*with_logs=*/false);
    if (!status.ok()) return Translate(status, absl::StrCat("reading the store in ", dir));
    facts.damage.push_back(absl::StrCat("its logs are not used (", why, "): ", kNewestMissing));
    return absl::OkStatus();
  }

  std::shared_ptr<LogReplay> replay;  // these outlive the database
  std::shared_ptr<CutLogs> files;
  std::unique_ptr<rocksdb::Env> env;
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> families{};
  LogFacts facts;

 private:
  static constexpr char kNoKnownForm[] = "records of no known form";
  static constexpr char kNewestMissing[] =
      "writes that were there alone, the latest of this node, are missing";

  void Close() {
    for (rocksdb::ColumnFamilyHandle*& family : families) {
      if (family != nullptr) db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
      family = nullptr;
    }
    db.reset();
  }

  static std::vector<std::uint64_t> LogsIn(const std::string& dir) {
    std::vector<std::uint64_t> logs;
    std::error_code error;
    for (std::filesystem::directory_iterator at(dir, error), end; !error && at != end;
         at.increment(error)) {
      if (const std::uint64_t number = LogNumberOf(at->path().filename())) logs.push_back(number);
    }
    std::sort(logs.begin(), logs.end());
    return logs;
  }

  // RocksDB took less than there is, said nothing, and it is no torn record either.
  static bool EndsInSilence(const std::string& dir, std::uint64_t number,
                            const LogReplay::Log& log) {
    const std::string path = absl::StrCat(dir, "/", LogName(number));
    std::error_code error;
    const std::uint64_t bytes = std::filesystem::file_size(path, error);
    return !error && log.end < bytes && !EndsTorn(path, log.end, bytes);
  }

  static std::string Unreadable(std::uint64_t number, const std::string& why) {
    return absl::StrCat("log ", LogName(number), " cannot be read (", why, "): ", kNewestMissing);
  }

  void Judge(const std::string& dir, const CutLogs::Cuts& cuts) {
    const auto& logs = replay->logs();
    for (const std::uint64_t number : LogsIn(dir)) {
      std::error_code error;
      // RocksDB passes over these in silence.
      if (!std::filesystem::is_directory(absl::StrCat(dir, "/", LogName(number)), error)) continue;
      if (!logs.contains(number)) facts.damage.push_back(Unreadable(number, "it is a directory"));
    }
    for (const auto& [number, log] : logs) {
      const std::string path = absl::StrCat(dir, "/", LogName(number));
      std::error_code error;
      const std::uint64_t bytes = std::filesystem::file_size(path, error);
      const auto cut = cuts.find(number);
      std::string reason = cut != cuts.end() ? cut->second.reason
                           : log.drops > 0   ? log.reason
                                             : kNoKnownForm;
      const bool refused = log.end == 0 && absl::StartsWith(log.reason, "IO error");
      if (error || refused) {
        if (log.drops == 0) reason = error.message();
        facts.damage.push_back(Unreadable(number, reason));
        continue;
      }
      if (log.drops == 0 && log.end >= bytes) continue;
      const bool last = number == logs.rbegin()->first;
      if (log.drops == 0 && cut == cuts.end() && last && EndsTorn(path, log.end, bytes)) {
        facts.torn.push_back(absl::StrCat("log ", LogName(number), " ends in ", bytes - log.end,
                                          " bytes of a torn record, as after a crash"));
        continue;
      }
      facts.damage.push_back(absl::StrCat("log ", LogName(number), " is damaged, ",
                                          bytes - std::min(bytes, log.end), " of its ", bytes,
                                          " bytes are not used (", reason, "): ", kNewestMissing));
    }
  }
};

RocksReader::RocksReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksReader::~RocksReader() = default;

bool RocksReader::IsStore(const std::string& dir) {
  std::error_code error;
  const auto facts = std::filesystem::symlink_status(dir + "/CURRENT", error);
  return facts.type() == std::filesystem::file_type::regular;
}

bool RocksReader::IsRestOfStore(const std::string& dir) {
  if (IsStore(dir)) return false;
  std::error_code error;
  for (std::filesystem::directory_iterator at(dir, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename();
    const std::uint64_t log = LogNumberOf(name);
    if (absl::StartsWith(name, "MANIFEST-") || absl::EndsWith(name, ".sst") ||
        (log > 0 && name == LogName(log))) {
      return true;
    }
  }
  return false;
}

absl::StatusOr<std::unique_ptr<RocksReader>> RocksReader::Open(const std::string& dir) {
  auto impl = std::make_unique<Impl>();
  const absl::Status status = impl->OpenWithLogs(dir);
  if (absl::IsFailedPrecondition(status)) return status;
  if (!status.ok() && !impl->OpenWithoutLogs(dir, status.message()).ok()) return status;
  return std::unique_ptr<RocksReader>(new RocksReader(std::move(impl)));
}

const RocksReader::LogFacts& RocksReader::log_facts() const { return impl_->facts; }

absl::StatusOr<Bytes> RocksReader::Get(RowFamily family, const std::string& key) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = impl_->db->Get(
      rocksdb::ReadOptions(), impl_->families[static_cast<std::size_t>(family)], key, &value);
  if (!status.ok()) return Translate(status, absl::StrCat("row ", HexEncode(AsBytes(key))));
  return ToBytes(AsBytes({value.data(), value.size()}));
}

std::vector<std::string> RocksReader::ForEach(
    RowFamily family, const std::string& prefix,
    const std::function<void(absl::string_view key, ByteSpan value)>& visit) const {
  constexpr std::size_t kPlaceBytes = 8;
  constexpr std::uint64_t kFirstStep = std::uint64_t{1} << 36;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  std::vector<std::string> damage;
  std::string begin = prefix;
  std::uint64_t step = kFirstStep;
  while (true) {
    const std::unique_ptr<rocksdb::Iterator> at(
        impl_->db->NewIterator(options, impl_->families[static_cast<std::size_t>(family)]));
    bool any = false;
    for (at->Seek(begin); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      const rocksdb::Slice value = at->value();
      any = true;
      begin = at->key().ToString();
      visit({begin.data(), begin.size()}, AsBytes({value.data(), value.size()}));
    }
    if (at->status().ok()) return damage;
    // Steps over the damage, wider each time there is nothing but damage.
    if (any || damage.empty()) {
      damage.push_back(at->status().ToString());
      step = kFirstStep;
    }
    std::uint64_t place = 0;
    for (std::size_t i = 0; i < kPlaceBytes; ++i) {
      const std::size_t from = prefix.size() + i;
      place = place << 8 | (from < begin.size() ? static_cast<std::uint8_t>(begin[from]) : 0);
    }
    if (place + step < place) return damage;
    place += step;
    if (step < std::uint64_t{1} << 63) step *= 2;
    begin = prefix;
    for (std::size_t i = 0; i < kPlaceBytes; ++i) {
      begin.push_back(static_cast<char>(place >> (8 * (kPlaceBytes - 1 - i))));
    }
  }
}

}  // namespace worldb::engine
