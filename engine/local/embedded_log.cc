#include "engine/local/embedded_log.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {
namespace {

using arbiter::AcceptLog;
using arbiter::AppendResult;
using arbiter::IndexedEntry;
using FenceResult = AcceptLog::FenceResult;
using Kind = arbiter::AppendResult::Kind;

// Rows deleted by one commit of a trim.
constexpr std::uint64_t kTrimRowCount = 1024;

}  // namespace

std::shared_ptr<EmbeddedLogCore> EmbeddedLogCore::Create(DataCenterIndex home, Store& store,
                                                         Executor& executor,
                                                         const Options& options) {
  return std::shared_ptr<EmbeddedLogCore>(new EmbeddedLogCore(home, store, executor, options));
}

EmbeddedLogCore::EmbeddedLogCore(DataCenterIndex home, Store& store, Executor& executor,
                                 const Options& options)
    : home_(home),
      options_(options),
      store_(store),
      executor_(executor),
      cache_(options.cached_entries_max, options.cached_bytes_max) {}

void EmbeddedLogCore::SetRunning(NodeIndex node, bool running) {
  Post([self = shared_from_this(), node, running] {
    WORLDB_CHECK(DataCenterOf(node) == self->home_);
    running ? self->running_.Add(node) : self->running_.Remove(node);
  });
}

void EmbeddedLogCore::Enqueue(Call call) {
  if (waiting_.size() >= kWaitingCallsMax) {
    call(absl::ResourceExhaustedError(
        absl::StrCat("accept log: ", kWaitingCallsMax, " calls are waiting; try again later")));
    return;
  }
  waiting_.push_back(std::move(call));
  Pump();
}

void EmbeddedLogCore::Pump() {
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

void EmbeddedLogCore::EndTurn() {
  busy_ = false;
  Pump();
}

void EmbeddedLogCore::Recover() {
  LogRecovery::Start(store_, opened_ ? std::optional(meta_) : std::nullopt,
                     options_.cached_entries_max,
                     [self = shared_from_this()](absl::StatusOr<RecoveredLog> found) {
                       if (found.ok()) {
                         self->TakeRecovered(*std::move(found));
                       } else {
                         self->FailWaiting(found.status());
                       }
                       self->EndTurn();
                     });
}

void EmbeddedLogCore::TakeRecovered(RecoveredLog found) {
  const bool grown = found.meta.tail > meta_.tail;
  meta_ = found.meta;
  cache_.DropUpTo(meta_.floor);
  LogIndex index(meta_.tail.value() - found.newest.size());
  for (SharedBytes& entry : found.newest) cache_.Add(index = index.Next(), std::move(entry));
  known_ = true;
  opened_ = true;
  if (grown) WakeAll();
}

void EmbeddedLogCore::FailWaiting(const absl::Status& status) {
  const absl::Status error(status.code(), absl::StrCat("accept log of data center ", home_.value(),
                                                       ": ", status.message()));
  std::deque<Call> calls;
  calls.swap(waiting_);
  for (Call& call : calls) call(error);
}

void EmbeddedLogCore::Append(LogEpoch epoch, LogIndex prev, SharedBytes entry, AppendDone done) {
  Enqueue([this, epoch, prev, entry = std::move(entry),
           done = std::move(done)](const absl::Status& turn) mutable {
    if (turn.ok()) return AppendAtTurn(epoch, prev, std::move(entry), std::move(done));
    done(Answer(Kind::kRefused, turn));
  });
}

void EmbeddedLogCore::AppendAtTurn(LogEpoch epoch, LogIndex prev, SharedBytes entry,
                                   AppendDone done) {
  if (prev < meta_.tail) {
    return CompareTaken(epoch, prev.Next(), std::move(entry), std::move(done));
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

// The place is taken: by this very entry, or by another one.
void EmbeddedLogCore::CompareTaken(LogEpoch epoch, LogIndex index, SharedBytes entry,
                                   AppendDone done) {
  Fetch(index, [self = shared_from_this(), epoch, entry = std::move(entry),
                done = std::move(done)](absl::StatusOr<SharedBytes> present) {
    if (present.ok()) {
      AppendResult result = self->Answer(epoch < self->meta_.fence ? Kind::kFenced : Kind::kTaken);
      if (*present != nullptr && **present == *entry) result.kind = Kind::kOk;
      result.entry = *std::move(present);
      done(std::move(result));
    } else {
      done(self->Answer(Kind::kUnknown, present.status()));
    }
    self->EndTurn();
  });
}

AppendResult EmbeddedLogCore::Answer(Kind kind, absl::Status why) const {
  return {kind, meta_.tail, nullptr, meta_.fence, std::move(why)};
}

void EmbeddedLogCore::AppendAfterTail(LogEpoch epoch, LogIndex prev, SharedBytes entry,
                                      AppendDone done) {
  LogMeta next = meta_;
  next.tail = prev.Next();
  std::vector<StoreWrite> writes;
  writes.push_back(LogEntryRow::Put(next.tail, epoch, *entry));
  writes.push_back(next.Put());
  store_.Commit(std::move(writes), true,
                [self = shared_from_this(), next, entry = std::move(entry),
                 done = std::move(done)](absl::Status status) mutable {
                  if (status.ok()) {
                    self->meta_ = next;
                    self->cache_.Add(next.tail, std::move(entry));
                    done(self->Answer(Kind::kOk));
                    self->WakeAll();
                  } else {
                    self->known_ = false;
                    done(self->Answer(Kind::kUnknown, std::move(status)));
                  }
                  self->EndTurn();
                });
}

void EmbeddedLogCore::Fence(LogEpoch epoch, FenceDone done) {
  Enqueue([this, epoch, done = std::move(done)](const absl::Status& turn) mutable {
    if (!turn.ok()) return done(turn);
    if (epoch <= meta_.fence) {
      done(FenceResult{meta_.fence, meta_.tail});
      return EndTurn();
    }
    LogMeta next = meta_;
    next.fence = epoch;
    store_.Commit({next.Put()}, true,
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

void EmbeddedLogCore::Tail(FenceDone done) {
  if (opened_) return done(FenceResult{meta_.fence, meta_.tail});
  Enqueue([this, done = std::move(done)](const absl::Status& turn) {
    if (!turn.ok()) return done(turn);
    done(FenceResult{meta_.fence, meta_.tail});
    EndTurn();
  });
}

void EmbeddedLogCore::Trim(LogIndex floor, TrimDone done) {
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
void EmbeddedLogCore::TrimOn(LogIndex floor, TrimDone done) {
  if (floor <= meta_.floor) {
    done(absl::OkStatus());
    return EndTurn();
  }
  LogMeta next = meta_;
  next.floor = LogIndex(std::min(floor.value(), meta_.floor.value() + kTrimRowCount));
  std::vector<StoreWrite> writes;
  for (LogIndex i = meta_.floor.Next(); i <= next.floor; i = i.Next()) {
    writes.push_back(StoreWrite::Delete(RowFamily::kRows, LogEntryRow::Key(i)));
  }
  writes.push_back(next.Put());
  trimming_ = next.floor;
  store_.Commit(std::move(writes), false,
                [self = shared_from_this(), next, floor,
                 done = std::move(done)](absl::Status status) mutable {
                  if (status.ok()) {
                    self->meta_ = next;
                    self->cache_.DropUpTo(next.floor);
                    return self->TrimOn(floor, std::move(done));
                  }
                  self->known_ = false;
                  done(std::move(status));
                  self->EndTurn();
                });
}

void EmbeddedLogCore::Read(LogIndex from, std::size_t count_max, ReadDone done) {
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
  std::vector<IndexedEntry> entries;
  std::size_t bytes = 0;
  for (LogIndex i = from; i <= last && bytes < AcceptLog::kReadBytesMax; i = i.Next()) {
    SharedBytes entry = cache_.Find(i);
    if (entry == nullptr) return ReadStored(from, last, std::move(done));
    bytes += entry->size();
    entries.push_back({i, std::move(entry)});
  }
  done(std::move(entries));
}

void EmbeddedLogCore::ReadStored(LogIndex from, LogIndex last, ReadDone done) {
  const std::size_t count = last.value() - from.value() + 1;
  store_.Scan(RowFamily::kRows, LogEntryRow::Key(from), LogEntryRow::Key(last.Next()), count,
              [self = shared_from_this(), from, count,
               done = std::move(done)](const absl::StatusOr<std::vector<StoreRow>>& rows) {
                if (!rows.ok()) return done(rows.status());
                done(self->EntriesOf(*rows, from, count));
              });
}

absl::StatusOr<std::vector<IndexedEntry>> EmbeddedLogCore::EntriesOf(
    const std::vector<StoreRow>& rows, LogIndex from, std::size_t count) const {
  std::vector<IndexedEntry> entries;
  LogIndex next = from;
  std::size_t bytes = 0;
  for (const StoreRow& row : rows) {
    if (row.key != LogEntryRow::Key(next)) break;
    WORLDB_ASSIGN_OR_RETURN(SharedBytes entry, LogEntryRow::Decode(next, row.value));
    bytes += entry->size();
    entries.push_back({next, std::move(entry)});
    if (bytes >= AcceptLog::kReadBytesMax) return entries;
    next = next.Next();
  }
  if (entries.size() == count) return entries;
  if (from <= std::max(meta_.floor, trimming_)) {
    return absl::OutOfRangeError(
        absl::StrCat("read from entry ", from.value(), ": trimmed meanwhile"));
  }
  return absl::DataLossError(absl::StrCat("entry ", next.value(), " is missing"));
}

void EmbeddedLogCore::Fetch(LogIndex index, std::function<void(absl::StatusOr<SharedBytes>)> done) {
  if (index <= meta_.floor) return done(SharedBytes());
  if (SharedBytes entry = cache_.Find(index); entry != nullptr) return done(std::move(entry));
  store_.Get(RowFamily::kRows, LogEntryRow::Key(index),
             [index, done = std::move(done)](absl::StatusOr<Bytes> row) {
               if (!row.ok()) return done(row.status());
               done(LogEntryRow::Decode(index, *row));
             });
}

void EmbeddedLogCore::WakeAll() {
  std::erase_if(links_, [](const auto& weak) {
    std::shared_ptr<LogLink> link = weak.lock();
    if (link != nullptr) link->Wake();
    return link == nullptr;
  });
}

}  // namespace worldb::engine
