#include "engine/local/embedded_log.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/key_order.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/node_set.h"

// Rows, all in RowFamily::kRows:
//   "m"                      u8 layout 1, u64 fence, u64 tail, u64 floor
//   "e" + big-endian index   u8 layout 1, u64 log epoch, u32 size, entry
// The index is big-endian in the key, and only there, so that the store's order is the log's.

namespace worldb::engine {
namespace {

using arbiter::AppendResult;
using arbiter::IndexedEntry;
using FenceResult = arbiter::AcceptLog::FenceResult;
using Kind = arbiter::AppendResult::Kind;

constexpr char kMetaKey[] = "m";
constexpr char kEntryPrefix = 'e';
constexpr std::uint8_t kLayout = 1;
// Rows read at a time when the log is opened.
constexpr std::size_t kScanRowCount = 256;
// Rows deleted by one commit of a trim.
constexpr std::uint64_t kTrimRowCount = 1024;
// Calls that wait for their turn; more are turned away.
constexpr std::size_t kWaitingCallCount = 4096;

struct Meta {
  LogEpoch fence;
  LogIndex tail;
  LogIndex floor;
};

std::string EntryKey(LogIndex index) {
  return std::string(1, kEntryPrefix) + BigEndian(index.value());
}
std::string EntriesEnd() { return PrefixEnd(std::string(1, kEntryPrefix)); }

StoreWrite PutMeta(const Meta& meta) {
  ByteWriter out;
  out.U8(kLayout).U64(meta.fence.value()).U64(meta.tail.value()).U64(meta.floor.value());
  return StoreWrite::Put(RowFamily::kRows, kMetaKey,
                         std::make_shared<const Bytes>(std::move(out).Take()));
}

StoreWrite PutEntry(LogIndex index, LogEpoch epoch, const Bytes& entry) {
  ByteWriter out(entry.size() + 13);
  out.U8(kLayout).U64(epoch.value()).Sized(entry);
  return StoreWrite::Put(RowFamily::kRows, EntryKey(index),
                         std::make_shared<const Bytes>(std::move(out).Take()));
}

absl::StatusOr<Meta> DecodeMeta(const Bytes& row) {
  ByteReader in(row);
  if (in.U8() != kLayout) in.Fail("unknown layout");
  Meta meta;
  meta.fence = LogEpoch(in.U64());
  meta.tail = LogIndex(in.U64());
  meta.floor = LogIndex(in.U64());
  if (meta.floor > meta.tail) in.Fail("floor beyond the tail");
  if (absl::Status status = in.Finish("meta row"); !status.ok()) {
    return absl::DataLossError(status.message());
  }
  return meta;
}

absl::StatusOr<SharedBytes> DecodeEntry(const Bytes& row, LogIndex index) {
  ByteReader in(row);
  if (in.U8() != kLayout) in.Fail("unknown layout");
  in.U64();  // the log epoch it was written in, for people who look at the rows
  const ByteSpan entry = in.Sized(row.size());
  if (absl::Status status = in.Finish("entry"); !status.ok()) {
    return absl::DataLossError(absl::StrCat("entry ", index.value(), ": ", status.message()));
  }
  return std::make_shared<const Bytes>(ToBytes(entry));
}

}  // namespace

// The way back to one node. Outlives its handle in tasks that are still queued, and then does
// nothing.
struct EmbeddedLogHandle::Link : std::enable_shared_from_this<EmbeddedLogHandle::Link> {
  explicit Link(Executor& e) : executor(&e) {}

  // Runs `answer` on the node's executor while the handle lives.
  template <typename Answer>
  void Reply(Answer answer) {
    MutexLock lock(mu);
    if (executor == nullptr) return;
    executor->Post([self = shared_from_this(), answer = std::move(answer)]() mutable {
      if (!self->closed) answer();
    });
  }
  void Wake() {
    if (wake_posted.exchange(true)) return;
    Reply([this] {
      wake_posted = false;
      if (wake) wake();
    });
  }
  void Close() {
    closed = true;
    MutexLock lock(mu);
    executor = nullptr;
  }

  std::function<void()> wake;  // set before the first call, run on the node's executor
  std::atomic<bool> closed = false;
  std::atomic<bool> wake_posted = false;
  Mutex mu;
  Executor* executor ABSL_GUARDED_BY(mu);  // null once closed
};

// Everything but Post() runs on the log's executor.
class EmbeddedLogCore::Impl : public std::enable_shared_from_this<EmbeddedLogCore::Impl> {
 public:
  using AppendDone = std::function<void(AppendResult)>;
  using ReadDone = std::function<void(absl::StatusOr<std::vector<IndexedEntry>>)>;
  using FenceDone = std::function<void(absl::StatusOr<FenceResult>)>;
  using TrimDone = std::function<void(absl::Status)>;

  Impl(DataCenterIndex home, Store& store, Executor& executor, const Options& options)
      : home_(home), options_(options), store_(store), executor_(executor) {}

  // Runs `call` on the log's executor.
  void Post(Task call) { executor_.Post(std::move(call)); }

  void Join(std::shared_ptr<EmbeddedLogHandle::Link> link) { links_.push_back(std::move(link)); }
  void SetRunning(NodeIndex node, bool running) {
    WORLDB_CHECK(DataCenterOf(node) == home_);
    running ? running_.Add(node) : running_.Remove(node);
  }

  void Append(LogEpoch epoch, LogIndex prev, SharedBytes entry, AppendDone done);
  void Read(LogIndex from, std::size_t count_max, ReadDone done);
  void Fence(LogEpoch epoch, FenceDone done);
  void Tail(FenceDone done);
  void Trim(LogIndex floor, TrimDone done);

 private:
  // A call that needs the log to itself. `run` gets OK when its turn has come, and must end it with
  // EndTurn(); or the error for which it never will, and then ends nothing.
  using Call = std::function<void(absl::Status)>;

  void Enqueue(Call call);
  void Pump();
  void EndTurn() {
    busy_ = false;
    Pump();
  }

  // Recovery: after an error, an empty commit that settles what became of the one before; then the
  // meta row, then every row above what was verified before, then the newest of it once
  // more, synced: a commit that failed, or whose process died, may be visible and yet not durable.
  struct Recovery {
    Meta meta;
    LogIndex verified;
    std::deque<SharedBytes> found;  // newest entries, up to `verified`; at most the cache's bounds
    Bytes last_row;
  };
  void Recover();
  void ReadMeta();
  void ScanOn(std::shared_ptr<Recovery> recovery);
  absl::Status CheckRow(Recovery& recovery, StoreRow row) const;
  void MakeDurable(std::shared_ptr<Recovery> recovery);
  void Recovered(Recovery& recovery);
  absl::Status CheckMeta(const Meta& meta) const;
  void RecoveryFailed(const absl::Status& status);

  void AppendAtTurn(LogEpoch epoch, LogIndex prev, SharedBytes entry, AppendDone done);
  void AppendAfterTail(LogEpoch epoch, LogIndex prev, SharedBytes entry, AppendDone done);
  void JudgeTaken(LogEpoch epoch, const SharedBytes& entry, SharedBytes present, AppendDone done);
  void TrimOn(LogIndex floor, TrimDone done);
  void ReadStored(LogIndex from, LogIndex last, ReadDone done);
  // The stored entry, or null when it has been trimmed.
  void Fetch(LogIndex index, std::function<void(absl::StatusOr<SharedBytes>)> done);

  AppendResult Answer(Kind kind, absl::Status why = absl::OkStatus()) const {
    return {kind, meta_.tail, nullptr, meta_.fence, std::move(why)};
  }
  void Cache(SharedBytes entry);
  void DropCached(LogIndex floor);
  LogIndex FirstCached() const { return LogIndex(meta_.tail.value() - cache_.size() + 1); }
  const SharedBytes& Cached(LogIndex index) const {
    return cache_[index.value() - FirstCached().value()];
  }
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
  Meta meta_;
  // A trim may already have taken rows up to here.
  LogIndex trimming_;
  // The newest entries, up to the tail.
  std::deque<SharedBytes> cache_;
  std::size_t cache_bytes_ = 0;

  // A call has its turn, or the log is being recovered for the first in line.
  bool busy_ = false;
  bool pumping_ = false;
  std::deque<Call> waiting_;

  NodeSet running_;
  std::vector<std::weak_ptr<EmbeddedLogHandle::Link>> links_;
};

void EmbeddedLogCore::Impl::Enqueue(Call call) {
  if (waiting_.size() >= kWaitingCallCount) {
    call(absl::ResourceExhaustedError(
        absl::StrCat("accept log: ", kWaitingCallCount, " calls are waiting; try again later")));
    return;
  }
  waiting_.push_back(std::move(call));
  Pump();
}

void EmbeddedLogCore::Impl::Pump() {
  if (pumping_) return;
  pumping_ = true;
  while (!busy_ && !waiting_.empty()) {
    busy_ = true;
    if (!known_) {
      Recover();
      break;
    }
    Call call = std::move(waiting_.front());
    waiting_.pop_front();
    call(absl::OkStatus());
  }
  pumping_ = false;
}

void EmbeddedLogCore::Impl::Recover() {
  if (!opened_) return ReadMeta();
  store_.Commit({}, true, [self = shared_from_this()](const absl::Status& status) {
    status.ok() ? self->ReadMeta() : self->RecoveryFailed(status);
  });
}

void EmbeddedLogCore::Impl::ReadMeta() {
  store_.Get(RowFamily::kRows, kMetaKey, [self = shared_from_this()](absl::StatusOr<Bytes> row) {
    auto recovery = std::make_shared<Recovery>();
    // A log that was never written to has no meta row.
    if (row.ok()) {
      absl::StatusOr<Meta> meta = DecodeMeta(*row);
      if (!meta.ok()) return self->RecoveryFailed(meta.status());
      recovery->meta = *meta;
    } else if (!absl::IsNotFound(row.status())) {
      return self->RecoveryFailed(row.status());
    }
    if (absl::Status status = self->CheckMeta(recovery->meta); !status.ok()) {
      return self->RecoveryFailed(status);
    }
    recovery->verified = std::max(recovery->meta.floor, self->meta_.tail);
    self->ScanOn(std::move(recovery));
  });
}

absl::Status EmbeddedLogCore::Impl::CheckMeta(const Meta& meta) const {
  if (meta.tail >= meta_.tail && meta.fence >= meta_.fence) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the log went back from entry ", meta_.tail.value(),
                                          ", fence ", meta_.fence.value(), ", to entry ",
                                          meta.tail.value(), ", fence ", meta.fence.value(),
                                          ": its store lost synced rows"));
}

void EmbeddedLogCore::Impl::ScanOn(std::shared_ptr<Recovery> recovery) {
  const LogIndex from = recovery->verified.Next();
  store_.Scan(RowFamily::kRows, EntryKey(from), EntriesEnd(), kScanRowCount,
              [self = shared_from_this(),
               recovery = std::move(recovery)](absl::StatusOr<std::vector<StoreRow>> rows) {
                if (!rows.ok()) return self->RecoveryFailed(rows.status());
                for (StoreRow& row : *rows) {
                  absl::Status status = self->CheckRow(*recovery, std::move(row));
                  if (!status.ok()) return self->RecoveryFailed(status);
                }
                if (rows->size() == kScanRowCount) return self->ScanOn(recovery);
                if (recovery->verified != recovery->meta.tail) {
                  return self->RecoveryFailed(absl::DataLossError(
                      absl::StrCat("entries after ", recovery->verified.value(),
                                   " are missing; the tail is ", recovery->meta.tail.value())));
                }
                self->MakeDurable(recovery);
              });
}

absl::Status EmbeddedLogCore::Impl::CheckRow(Recovery& recovery, StoreRow row) const {
  const LogIndex index = recovery.verified.Next();
  if (recovery.verified == recovery.meta.tail || row.key != EntryKey(index)) {
    return absl::DataLossError(absl::StrCat("after entry ", recovery.verified.value(), " of ",
                                            recovery.meta.tail.value(), " stands row ",
                                            HexEncode(AsBytes(row.key))));
  }
  absl::StatusOr<SharedBytes> entry = DecodeEntry(row.value, index);
  if (!entry.ok()) return entry.status();
  recovery.verified = index;
  recovery.found.push_back(*std::move(entry));
  if (recovery.found.size() > options_.cached_entries_max) recovery.found.pop_front();
  recovery.last_row = std::move(row.value);
  return absl::OkStatus();
}

// Appends go one by one, so only the newest entry can be in doubt.
void EmbeddedLogCore::Impl::MakeDurable(std::shared_ptr<Recovery> recovery) {
  const Meta& meta = recovery->meta;
  const bool in_doubt = opened_ ? meta.tail != meta_.tail || meta.fence != meta_.fence
                                : meta.tail != LogIndex() || meta.fence != LogEpoch();
  if (!in_doubt) return Recovered(*recovery);
  std::vector<StoreWrite> writes;
  if (!recovery->last_row.empty()) {
    writes.push_back(StoreWrite::Put(RowFamily::kRows, EntryKey(meta.tail),
                                     std::make_shared<const Bytes>(std::move(recovery->last_row))));
  }
  writes.push_back(PutMeta(meta));
  store_.Commit(std::move(writes), true,
                [self = shared_from_this(), recovery](const absl::Status& status) {
                  if (!status.ok()) return self->RecoveryFailed(status);
                  self->Recovered(*recovery);
                });
}

void EmbeddedLogCore::Impl::Recovered(Recovery& recovery) {
  const bool grown = recovery.meta.tail > meta_.tail;
  meta_ = recovery.meta;
  DropCached(meta_.floor);
  for (SharedBytes& entry : recovery.found) Cache(std::move(entry));
  known_ = true;
  opened_ = true;
  if (grown) WakeAll();
  EndTurn();
}

void EmbeddedLogCore::Impl::RecoveryFailed(const absl::Status& status) {
  const absl::Status error(status.code(), absl::StrCat("accept log of data center ", home_.value(),
                                                       ": ", status.message()));
  std::deque<Call> calls;
  calls.swap(waiting_);
  for (Call& call : calls) call(error);
  EndTurn();
}

void EmbeddedLogCore::Impl::Append(LogEpoch epoch, LogIndex prev, SharedBytes entry,
                                   AppendDone done) {
  Enqueue([this, epoch, prev, entry = std::move(entry),
           done = std::move(done)](const absl::Status& turn) mutable {
    if (turn.ok()) return AppendAtTurn(epoch, prev, std::move(entry), std::move(done));
    done(Answer(Kind::kRefused, turn));
  });
}

void EmbeddedLogCore::Impl::AppendAtTurn(LogEpoch epoch, LogIndex prev, SharedBytes entry,
                                         AppendDone done) {
  if (prev < meta_.tail) {
    Fetch(prev.Next(), [self = shared_from_this(), epoch, entry = std::move(entry),
                        done = std::move(done)](absl::StatusOr<SharedBytes> present) mutable {
      if (present.ok()) {
        self->JudgeTaken(epoch, entry, *std::move(present), std::move(done));
      } else {
        done(self->Answer(Kind::kUnknown, present.status()));
      }
      self->EndTurn();
    });
    return;
  }
  if (epoch < meta_.fence) {
    done(Answer(Kind::kFenced));
  } else if (epoch > meta_.fence || prev > meta_.tail) {
    done(Answer(Kind::kRefused,
                absl::FailedPreconditionError(absl::StrCat(
                    "append after entry ", prev.value(), " in log epoch ", epoch.value(),
                    ": the tail is ", meta_.tail.value(), ", the fence ", meta_.fence.value()))));
  } else if (running_.Count() < 2) {
    done(Answer(Kind::kRefused, absl::UnavailableError(absl::StrCat(
                                    "append: ", running_.Count(), " nodes of data center ",
                                    home_.value(), " run, 2 needed"))));
  } else if (entry->size() > options_.entry_bytes_max) {
    done(Answer(Kind::kRefused,
                absl::InvalidArgumentError(absl::StrCat("append of ", entry->size(), " bytes, ",
                                                        options_.entry_bytes_max, " allowed"))));
  } else {
    AppendAfterTail(epoch, prev, std::move(entry), std::move(done));
    return;
  }
  EndTurn();
}

void EmbeddedLogCore::Impl::JudgeTaken(LogEpoch epoch, const SharedBytes& entry,
                                       SharedBytes present, AppendDone done) {
  AppendResult result = Answer(epoch < meta_.fence ? Kind::kFenced : Kind::kTaken);
  if (present != nullptr && *present == *entry) result.kind = Kind::kOk;
  result.entry = std::move(present);
  done(std::move(result));
}

void EmbeddedLogCore::Impl::AppendAfterTail(LogEpoch epoch, LogIndex prev, SharedBytes entry,
                                            AppendDone done) {
  Meta next = meta_;
  next.tail = prev.Next();
  std::vector<StoreWrite> writes;
  writes.push_back(PutEntry(next.tail, epoch, *entry));
  writes.push_back(PutMeta(next));
  store_.Commit(std::move(writes), true,
                [self = shared_from_this(), next, entry = std::move(entry),
                 done = std::move(done)](absl::Status status) mutable {
                  if (status.ok()) {
                    self->meta_ = next;
                    self->Cache(std::move(entry));
                    done(self->Answer(Kind::kOk));
                    self->WakeAll();
                  } else {
                    self->known_ = false;
                    done(self->Answer(Kind::kUnknown, std::move(status)));
                  }
                  self->EndTurn();
                });
}

void EmbeddedLogCore::Impl::Fence(LogEpoch epoch, FenceDone done) {
  Enqueue([this, epoch, done = std::move(done)](const absl::Status& turn) mutable {
    if (!turn.ok()) return done(turn);
    if (epoch <= meta_.fence) {
      done(FenceResult{meta_.fence, meta_.tail});
      return EndTurn();
    }
    Meta next = meta_;
    next.fence = epoch;
    store_.Commit({PutMeta(next)}, true,
                  [self = shared_from_this(), next, done](const absl::Status& status) {
                    if (status.ok()) {
                      self->meta_ = next;
                      done(FenceResult{next.fence, next.tail});
                    } else {
                      self->known_ = false;
                      done(status);
                    }
                    self->EndTurn();
                  });
  });
}

void EmbeddedLogCore::Impl::Tail(FenceDone done) {
  if (opened_) return done(FenceResult{meta_.fence, meta_.tail});
  Enqueue([this, done = std::move(done)](const absl::Status& turn) {
    if (!turn.ok()) return done(turn);
    done(FenceResult{meta_.fence, meta_.tail});
    EndTurn();
  });
}

void EmbeddedLogCore::Impl::Trim(LogIndex floor, TrimDone done) {
  Enqueue([this, floor, done = std::move(done)](const absl::Status& turn) mutable {
    if (!turn.ok()) return done(turn);
    if (floor > meta_.tail) {
      done(absl::InvalidArgumentError(
          absl::StrCat("trim up to entry ", floor.value(), ": the tail is ", meta_.tail.value())));
      return EndTurn();
    }
    TrimOn(floor, std::move(done));
  });
}

// One commit after another, each with its part of the rows and the floor that goes with it, so that
// the rows above the floor are dense whenever it ends early. Not synced: a floor that comes back
// after a crash comes back with its rows.
void EmbeddedLogCore::Impl::TrimOn(LogIndex floor, TrimDone done) {
  if (floor <= meta_.floor) {
    done(absl::OkStatus());
    return EndTurn();
  }
  Meta next = meta_;
  next.floor = LogIndex(std::min(floor.value(), meta_.floor.value() + kTrimRowCount));
  std::vector<StoreWrite> writes;
  for (LogIndex i = meta_.floor.Next(); i <= next.floor; i = i.Next()) {
    writes.push_back(StoreWrite::Delete(RowFamily::kRows, EntryKey(i)));
  }
  writes.push_back(PutMeta(next));
  trimming_ = next.floor;
  store_.Commit(std::move(writes), false,
                [self = shared_from_this(), next, floor,
                 done = std::move(done)](absl::Status status) mutable {
                  if (status.ok()) {
                    self->meta_ = next;
                    self->DropCached(next.floor);
                    return self->TrimOn(floor, std::move(done));
                  }
                  self->known_ = false;
                  done(std::move(status));
                  self->EndTurn();
                });
}

void EmbeddedLogCore::Impl::Read(LogIndex from, std::size_t count_max, ReadDone done) {
  if (!opened_) {
    return Enqueue([this, from, count_max, done = std::move(done)](const absl::Status& turn) {
      if (!turn.ok()) return done(turn);
      Read(from, count_max, done);
      EndTurn();
    });
  }
  if (from <= meta_.floor) {
    return done(absl::OutOfRangeError(
        absl::StrCat("read from entry ", from.value(), ": trimmed up to ", meta_.floor.value())));
  }
  if (from > meta_.tail || count_max == 0) return done(std::vector<IndexedEntry>());
  const std::uint64_t count =
      std::min<std::uint64_t>(count_max, meta_.tail.value() - from.value() + 1);
  const LogIndex last(from.value() + count - 1);
  if (from < FirstCached()) return ReadStored(from, last, std::move(done));
  std::vector<IndexedEntry> entries;
  entries.reserve(count);
  for (LogIndex i = from; i <= last; i = i.Next()) entries.push_back({i, Cached(i)});
  done(std::move(entries));
}

void EmbeddedLogCore::Impl::ReadStored(LogIndex from, LogIndex last, ReadDone done) {
  const std::size_t count = last.value() - from.value() + 1;
  store_.Scan(RowFamily::kRows, EntryKey(from), EntryKey(last.Next()), count,
              [self = shared_from_this(), from, count,
               done = std::move(done)](absl::StatusOr<std::vector<StoreRow>> rows) {
                if (!rows.ok()) return done(rows.status());
                std::vector<IndexedEntry> entries;
                LogIndex next = from;
                for (const StoreRow& row : *rows) {
                  if (row.key != EntryKey(next)) break;
                  absl::StatusOr<SharedBytes> entry = DecodeEntry(row.value, next);
                  if (!entry.ok()) return done(entry.status());
                  entries.push_back({next, *std::move(entry)});
                  next = next.Next();
                }
                if (entries.size() == count) return done(std::move(entries));
                if (from <= std::max(self->meta_.floor, self->trimming_)) {
                  return done(absl::OutOfRangeError(
                      absl::StrCat("read from entry ", from.value(), ": trimmed meanwhile")));
                }
                done(absl::DataLossError(absl::StrCat("entry ", next.value(), " is missing")));
              });
}

void EmbeddedLogCore::Impl::Fetch(LogIndex index,
                                  std::function<void(absl::StatusOr<SharedBytes>)> done) {
  if (index <= meta_.floor) return done(SharedBytes());
  if (index >= FirstCached()) return done(Cached(index));
  store_.Get(RowFamily::kRows, EntryKey(index),
             [index, done = std::move(done)](absl::StatusOr<Bytes> row) {
               if (!row.ok()) return done(row.status());
               done(DecodeEntry(*row, index));
             });
}

// REQUIRES: `entry` is the one at the tail, or becomes so before the next call is answered.
void EmbeddedLogCore::Impl::Cache(SharedBytes entry) {
  cache_bytes_ += entry->size();
  cache_.push_back(std::move(entry));
  while (cache_.size() > options_.cached_entries_max ||
         (cache_bytes_ > options_.cached_bytes_max && !cache_.empty())) {
    cache_bytes_ -= cache_.front()->size();
    cache_.pop_front();
  }
}

void EmbeddedLogCore::Impl::DropCached(LogIndex floor) {
  while (!cache_.empty() && FirstCached() <= floor) {
    cache_bytes_ -= cache_.front()->size();
    cache_.pop_front();
  }
}

void EmbeddedLogCore::Impl::WakeAll() {
  std::erase_if(links_, [](const auto& weak) {
    std::shared_ptr<EmbeddedLogHandle::Link> link = weak.lock();
    if (link != nullptr) link->Wake();
    return link == nullptr;
  });
}

std::shared_ptr<EmbeddedLogCore> EmbeddedLogCore::Create(DataCenterIndex home, Store& store,
                                                         Executor& executor,
                                                         const Options& options) {
  return std::shared_ptr<EmbeddedLogCore>(
      new EmbeddedLogCore(std::make_shared<Impl>(home, store, executor, options)));
}

void EmbeddedLogCore::SetRunning(NodeIndex node, bool running) {
  impl_->Post([impl = impl_, node, running] { impl->SetRunning(node, running); });
}

EmbeddedLogHandle::EmbeddedLogHandle(std::shared_ptr<EmbeddedLogCore> core, Executor& executor)
    : core_(core->impl_), link_(std::make_shared<Link>(executor)) {
  core_->Post([core = core_, link = link_] { core->Join(link); });
}
EmbeddedLogHandle::~EmbeddedLogHandle() { link_->Close(); }

void EmbeddedLogHandle::Append(LogEpoch epoch, LogIndex prev_index, SharedBytes entry,
                               std::function<void(AppendResult)> done) {
  WORLDB_CHECK(entry != nullptr);
  core_->Post([core = core_, link = link_, epoch, prev_index, entry = std::move(entry),
               done = std::move(done)]() mutable {
    core->Append(
        epoch, prev_index, std::move(entry), [link, done = std::move(done)](AppendResult result) {
          link->Reply([done, result = std::move(result)]() mutable { done(std::move(result)); });
        });
  });
}

void EmbeddedLogHandle::Read(LogIndex from, std::size_t count_max,
                             std::function<void(absl::StatusOr<std::vector<IndexedEntry>>)> done) {
  core_->Post([core = core_, link = link_, from, count_max, done = std::move(done)]() mutable {
    core->Read(
        from, count_max,
        [link, done = std::move(done)](absl::StatusOr<std::vector<IndexedEntry>> entries) {
          link->Reply([done, entries = std::move(entries)]() mutable { done(std::move(entries)); });
        });
  });
}

void EmbeddedLogHandle::Fence(LogEpoch epoch,
                              std::function<void(absl::StatusOr<FenceResult>)> done) {
  core_->Post([core = core_, link = link_, epoch, done = std::move(done)]() mutable {
    core->Fence(epoch, [link, done = std::move(done)](absl::StatusOr<FenceResult> result) {
      link->Reply([done, result = std::move(result)] { done(result); });
    });
  });
}

void EmbeddedLogHandle::Tail(std::function<void(absl::StatusOr<FenceResult>)> done) {
  core_->Post([core = core_, link = link_, done = std::move(done)]() mutable {
    core->Tail([link, done = std::move(done)](absl::StatusOr<FenceResult> result) {
      link->Reply([done, result = std::move(result)] { done(result); });
    });
  });
}

void EmbeddedLogHandle::Trim(LogIndex floor, std::function<void(absl::Status)> done) {
  core_->Post([core = core_, link = link_, floor, done = std::move(done)]() mutable {
    core->Trim(floor, [link, done = std::move(done)](absl::Status status) {
      link->Reply([done, status = std::move(status)] { done(status); });
    });
  });
}

void EmbeddedLogHandle::SetWake(std::function<void()> wake) { link_->wake = std::move(wake); }

}  // namespace worldb::engine
