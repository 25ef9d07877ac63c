// An accept log in memory, with the failures a caller must survive.
//
// A MemoryLog is the log and outlives node restarts; each node holds a MemoryLogHandle to it.
// Threads: any.
#ifndef WORLDB_TESTS_SUPPORT_MEMORY_LOG_H_
#define WORLDB_TESTS_SUPPORT_MEMORY_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/accept_log.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/ports/executor.h"

namespace worldb::testing {

class MemoryLog {
 public:
  explicit MemoryLog(std::uint64_t seed = 1) : random_(seed) {}
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  // The next `count` appends answer kUnknown; `happened` says whether they took effect as far as
  // the rules let them.
  void FailAppends(int count, bool happened);
  // The next `count` calls of Read, Fence, Tail and Trim answer `error` and change nothing.
  void FailCalls(int count, absl::Status error);
  // Appends are kRefused with Unavailable, as while a majority of the triad is down.
  void SetRefusing(bool refusing);
  // Each wake is lost, or else given twice, with these chances in percent.
  void SetWakeFaults(int lost_percent, int repeated_percent);
  // How long each call takes.
  void SetDelay(absl::Duration delay);

  // The entries above the floor, for checks.
  std::vector<arbiter::IndexedEntry> Entries() const;

 private:
  friend class MemoryLogHandle;
  // One handle's way back to its node.
  struct Listener;

  arbiter::AppendResult Append(LogEpoch epoch, LogIndex prev_index, const SharedBytes& entry);
  absl::StatusOr<std::vector<arbiter::IndexedEntry>> Read(LogIndex from, std::size_t count_max);
  absl::StatusOr<arbiter::AcceptLog::FenceResult> Fence(LogEpoch epoch);
  absl::StatusOr<arbiter::AcceptLog::FenceResult> Tail();
  absl::Status Trim(LogIndex floor);
  void Join(std::shared_ptr<Listener> listener);
  void Leave(const std::shared_ptr<Listener>& listener);
  absl::Duration delay() const;

  arbiter::AppendResult AppendByTheRules(LogEpoch epoch, LogIndex prev_index,
                                         const SharedBytes& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status TakeCallError() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  LogIndex tail() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WakeAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  LogEpoch fence_ ABSL_GUARDED_BY(mu_);
  LogIndex floor_ ABSL_GUARDED_BY(mu_);
  std::vector<SharedBytes> entries_ ABSL_GUARDED_BY(mu_);  // entries_[i] has index floor_ + 1 + i
  std::vector<std::shared_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mu_);
  int failing_appends_ ABSL_GUARDED_BY(mu_) = 0;
  bool failing_happened_ ABSL_GUARDED_BY(mu_) = false;
  int failing_calls_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status call_error_ ABSL_GUARDED_BY(mu_);
  bool refusing_ ABSL_GUARDED_BY(mu_) = false;
  int wake_lost_percent_ ABSL_GUARDED_BY(mu_) = 0;
  int wake_repeated_percent_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Duration delay_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
};

// REQUIRES: destroyed before its executor; `log` outlives the executor's tasks.
class MemoryLogHandle final : public arbiter::AcceptLog {
 public:
  MemoryLogHandle(MemoryLog& log, engine::Executor& executor);
  ~MemoryLogHandle() override;
  MemoryLogHandle(const MemoryLogHandle&) = delete;
  MemoryLogHandle& operator=(const MemoryLogHandle&) = delete;

  void Append(LogEpoch epoch, LogIndex prev_index, SharedBytes entry,
              std::function<void(arbiter::AppendResult)> done) override;
  void Read(LogIndex from, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<arbiter::IndexedEntry>>)> done) override;
  void Fence(LogEpoch epoch, std::function<void(absl::StatusOr<FenceResult>)> done) override;
  void Tail(std::function<void(absl::StatusOr<FenceResult>)> done) override;
  void Trim(LogIndex floor, std::function<void(absl::Status)> done) override;
  void SetWake(std::function<void()> wake) override;

 private:
  void Run(engine::Task task);

  MemoryLog& log_;
  engine::Executor& executor_;
  const std::shared_ptr<MemoryLog::Listener> listener_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_MEMORY_LOG_H_
