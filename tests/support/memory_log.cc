#include "tests/support/memory_log.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"

namespace worldb::testing {

using arbiter::AppendResult;
using arbiter::IndexedEntry;
using FenceResult = arbiter::AcceptLog::FenceResult;
using Kind = arbiter::AppendResult::Kind;

struct MemoryLog::Listener {
  explicit Listener(engine::Executor& e) : executor(e) {}
  engine::Executor& executor;  // used under the log's lock while joined, so it is still there
  std::function<void()> wake;
  std::atomic<bool> left = false;
};

void MemoryLog::FailAppends(int count, bool happened) {
  MutexLock lock(mu_);
  failing_appends_ = count;
  failing_happened_ = happened;
}

void MemoryLog::FailCalls(int count, absl::Status error) {
  MutexLock lock(mu_);
  failing_calls_ = count;
  call_error_ = std::move(error);
}

void MemoryLog::SetRefusing(bool refusing) {
  MutexLock lock(mu_);
  refusing_ = refusing;
}

void MemoryLog::SetWakeFaults(int lost_percent, int repeated_percent) {
  MutexLock lock(mu_);
  wake_lost_percent_ = lost_percent;
  wake_repeated_percent_ = repeated_percent;
}

void MemoryLog::SetDelay(absl::Duration delay) {
  MutexLock lock(mu_);
  delay_ = delay;
}

std::vector<IndexedEntry> MemoryLog::Entries() const {
  MutexLock lock(mu_);
  std::vector<IndexedEntry> entries;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    entries.push_back({LogIndex(floor_.value() + 1 + i), entries_[i]});
  }
  return entries;
}

AppendResult MemoryLog::Append(LogEpoch epoch, LogIndex prev_index, const SharedBytes& entry) {
  MutexLock lock(mu_);
  AppendResult unknown;
  unknown.why = absl::DeadlineExceededError("append: no answer from the log in time");
  if (failing_appends_ > 0) {
    --failing_appends_;
    if (failing_happened_) AppendByTheRules(epoch, prev_index, entry);
    return unknown;
  }
  return AppendByTheRules(epoch, prev_index, entry);
}

AppendResult MemoryLog::AppendByTheRules(LogEpoch epoch, LogIndex prev_index,
                                         const SharedBytes& entry) {
  AppendResult result;
  result.tail = tail();
  result.epoch = fence_;
  if (prev_index < tail() && prev_index >= floor_) {
    result.entry = entries_[prev_index.value() - floor_.value()];
  }
  if (result.entry != nullptr && *result.entry == *entry) {
    result.kind = Kind::kOk;
  } else if (epoch < fence_) {
    result.kind = Kind::kFenced;
  } else if (prev_index < tail()) {
    result.kind = Kind::kTaken;
  } else if (prev_index > tail() || epoch > fence_) {
    result.kind = Kind::kRefused;
    result.why = absl::FailedPreconditionError(
        absl::StrCat("append after entry ", prev_index.value(), " in log epoch ", epoch.value(),
                     ": the tail is ", tail().value(), ", the fence ", fence_.value()));
  } else if (refusing_) {
    result.kind = Kind::kRefused;
    result.why = absl::UnavailableError("append: fewer than two nodes of the triad run");
  } else {
    entries_.push_back(entry);
    result.kind = Kind::kOk;
    result.tail = tail();
    result.entry = nullptr;
    WakeAll();
  }
  return result;
}

absl::StatusOr<std::vector<IndexedEntry>> MemoryLog::Read(LogIndex from, std::size_t count_max) {
  MutexLock lock(mu_);
  if (absl::Status error = TakeCallError(); !error.ok()) return error;
  if (from <= floor_) {
    return absl::OutOfRangeError(
        absl::StrCat("read from entry ", from.value(), ": trimmed up to ", floor_.value()));
  }
  std::vector<IndexedEntry> entries;
  std::size_t bytes = 0;
  for (LogIndex i = from;
       i <= tail() && entries.size() < count_max && bytes < arbiter::AcceptLog::kReadBytesMax;
       i = i.Next()) {
    entries.push_back({i, entries_[i.value() - floor_.value() - 1]});
    bytes += entries.back().bytes->size();
  }
  return entries;
}

absl::StatusOr<FenceResult> MemoryLog::Fence(LogEpoch epoch) {
  MutexLock lock(mu_);
  if (absl::Status error = TakeCallError(); !error.ok()) return error;
  fence_ = std::max(fence_, epoch);
  return FenceResult{fence_, tail()};
}

absl::StatusOr<FenceResult> MemoryLog::Tail() {
  MutexLock lock(mu_);
  if (absl::Status error = TakeCallError(); !error.ok()) return error;
  return FenceResult{fence_, tail()};
}

absl::Status MemoryLog::Trim(LogIndex floor) {
  MutexLock lock(mu_);
  if (absl::Status error = TakeCallError(); !error.ok()) return error;
  if (floor > tail()) {
    return absl::InvalidArgumentError(
        absl::StrCat("trim up to entry ", floor.value(), ": the tail is ", tail().value()));
  }
  if (floor <= floor_) return absl::OkStatus();
  entries_.erase(entries_.begin(),
                 entries_.begin() + static_cast<std::ptrdiff_t>(floor.value() - floor_.value()));
  floor_ = floor;
  return absl::OkStatus();
}

void MemoryLog::Join(std::shared_ptr<Listener> listener) {
  MutexLock lock(mu_);
  listeners_.push_back(std::move(listener));
}

void MemoryLog::Leave(const std::shared_ptr<Listener>& listener) {
  MutexLock lock(mu_);
  listener->left = true;
  std::erase(listeners_, listener);
}

absl::Duration MemoryLog::delay() const {
  MutexLock lock(mu_);
  return delay_;
}

absl::Status MemoryLog::TakeCallError() {
  if (failing_calls_ == 0) return absl::OkStatus();
  --failing_calls_;
  return call_error_;
}

LogIndex MemoryLog::tail() const { return LogIndex(floor_.value() + entries_.size()); }

void MemoryLog::WakeAll() {
  for (const std::shared_ptr<Listener>& listener : listeners_) {
    if (static_cast<int>(random_() % 100) < wake_lost_percent_) continue;
    const bool repeated = static_cast<int>(random_() % 100) < wake_repeated_percent_;
    for (int i = 0; i < (repeated ? 2 : 1); ++i) {
      listener->executor.Post([listener] {
        if (!listener->left && listener->wake) listener->wake();
      });
    }
  }
}

MemoryLogHandle::MemoryLogHandle(MemoryLog& log, engine::Executor& executor)
    : log_(log), executor_(executor), listener_(std::make_shared<MemoryLog::Listener>(executor)) {
  log_.Join(listener_);
}
MemoryLogHandle::~MemoryLogHandle() { log_.Leave(listener_); }

void MemoryLogHandle::Run(engine::Task task) {
  const absl::Duration delay = log_.delay();
  if (delay > absl::ZeroDuration()) {
    executor_.PostAfter(delay, std::move(task));
  } else {
    executor_.Post(std::move(task));
  }
}

void MemoryLogHandle::Append(LogEpoch epoch, LogIndex prev_index, SharedBytes entry,
                             std::function<void(AppendResult)> done) {
  WORLDB_CHECK(entry != nullptr);
  Run([log = &log_, listener = listener_, epoch, prev_index, entry = std::move(entry),
       done = std::move(done)] {
    AppendResult result = log->Append(epoch, prev_index, entry);
    if (!listener->left) done(std::move(result));
  });
}

void MemoryLogHandle::Read(LogIndex from, std::size_t count_max,
                           std::function<void(absl::StatusOr<std::vector<IndexedEntry>>)> done) {
  Run([log = &log_, listener = listener_, from, count_max, done = std::move(done)] {
    absl::StatusOr<std::vector<IndexedEntry>> entries = log->Read(from, count_max);
    if (!listener->left) done(std::move(entries));
  });
}

void MemoryLogHandle::Fence(LogEpoch epoch, std::function<void(absl::StatusOr<FenceResult>)> done) {
  Run([log = &log_, listener = listener_, epoch, done = std::move(done)] {
    absl::StatusOr<FenceResult> result = log->Fence(epoch);
    if (!listener->left) done(std::move(result));
  });
}

void MemoryLogHandle::Tail(std::function<void(absl::StatusOr<FenceResult>)> done) {
  Run([log = &log_, listener = listener_, done = std::move(done)] {
    absl::StatusOr<FenceResult> result = log->Tail();
    if (!listener->left) done(std::move(result));
  });
}

void MemoryLogHandle::Trim(LogIndex floor, std::function<void(absl::Status)> done) {
  Run([log = &log_, listener = listener_, floor, done = std::move(done)] {
    absl::Status status = log->Trim(floor);
    if (!listener->left) done(std::move(status));
  });
}

void MemoryLogHandle::SetWake(std::function<void()> wake) { listener_->wake = std::move(wake); }

}  // namespace worldb::testing
