#include "engine/local/strand_executor.h"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/mutex.h"

namespace worldb::engine {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Tasks one strand runs before other strands get the thread.
constexpr int kTurnTaskCount = 64;
// Longer delays are cut to this, so that a deadline cannot overflow.
constexpr absl::Duration kDelayMax = absl::Hours(24 * 365 * 10);

std::size_t StrandThreadCount(std::size_t wanted) {
  return wanted != 0 ? wanted : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace

class ThreadPools::Impl {
 public:
  explicit Impl(const Options& options)
      : strands(StrandThreadCount(options.strand_thread_count)),
        blocking(std::max<std::size_t>(1, options.blocking_thread_count)) {}
  ~Impl() {
    blocking.join();
    strands.stop();
    strands.join();
  }

  asio::thread_pool strands;
  asio::thread_pool blocking;
};

ThreadPools::ThreadPools(const Options& options) : impl_(std::make_unique<Impl>(options)) {}
ThreadPools::~ThreadPools() = default;

// Kept alive by the handlers that asio still holds, which find it closed when they come late.
class StrandExecutor::State : public std::enable_shared_from_this<StrandExecutor::State> {
 public:
  explicit State(ThreadPools::Impl& pools) : pools_(pools), alarm_(std::in_place, pools.strands) {}

  void Post(Task task) {
    MutexLock lock(mu_);
    if (closed_) return;
    queue_.push_back({0, std::move(task)});
    ScheduleTurn();
  }

  TimerId PostAfter(absl::Duration delay, Task task) {
    const absl::Duration wait = std::clamp(delay, absl::ZeroDuration(), kDelayMax);
    const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(wait);
    MutexLock lock(mu_);
    const TimerId id = ++last_timer_;
    if (closed_) return id;
    timers_.emplace(id, Timer{deadline, std::move(task)});
    deadlines_.emplace(deadline, id);
    SetAlarm();
    return id;
  }

  void Cancel(TimerId id) {
    Task dropped;  // destroyed after the lock is gone
    MutexLock lock(mu_);
    auto timer = timers_.find(id);
    if (timer == timers_.end()) return;
    dropped = std::move(timer->second.task);
    deadlines_.erase({timer->second.deadline, id});
    timers_.erase(timer);
  }

  void Offload(Task work, Task done) {
    {
      MutexLock lock(mu_);
      if (closed_) return;
    }
    asio::post(pools_.blocking, [self = shared_from_this(), work = std::move(work),
                                 done = std::move(done)]() mutable {
      work();
      work = nullptr;
      self->Post(std::move(done));
    });
  }

  void Shutdown() {
    std::deque<Item> dropped_items;  // destroyed after the lock is gone
    absl::flat_hash_map<TimerId, Timer> dropped_timers;
    MutexLock lock(mu_);
    closed_ = true;
    queue_.swap(dropped_items);
    timers_.swap(dropped_timers);
    deadlines_.clear();
    alarm_.reset();
    WORLDB_CHECK(!running_ || runner_ != std::this_thread::get_id());
    while (running_) idle_.Wait(mu_);
  }

 private:
  struct Item {
    TimerId
        timer;  // 0: `task` itself; otherwise the task waits in timers_, where it can be cancelled
    Task task;
  };
  struct Timer {
    SteadyClock::time_point deadline;
    Task task;
  };

  void ScheduleTurn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (turn_scheduled_) return;
    turn_scheduled_ = true;
    asio::post(pools_.strands, [self = shared_from_this()] { self->RunTurn(); });
  }

  void RunTurn() {
    for (int i = 0; i < kTurnTaskCount; ++i) {
      Task task;
      {
        MutexLock lock(mu_);
        if (!TakeNext(task)) return;
      }
      task();
      task = nullptr;  // what it held is gone before anyone hears that it has ended
      MutexLock lock(mu_);
      running_ = false;
      if (closed_) idle_.NotifyAll();
    }
    MutexLock lock(mu_);
    turn_scheduled_ = false;
    if (!queue_.empty()) ScheduleTurn();
  }

  // The next task not cancelled, marked as running; or false, and the turn is over.
  bool TakeNext(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    while (!queue_.empty()) {
      Item item = std::move(queue_.front());
      queue_.pop_front();
      if (item.timer == 0) {
        task = std::move(item.task);
      } else {
        auto timer = timers_.find(item.timer);
        if (timer == timers_.end()) continue;
        task = std::move(timer->second.task);
        timers_.erase(timer);
      }
      running_ = true;
      runner_ = std::this_thread::get_id();
      return true;
    }
    turn_scheduled_ = false;
    return false;
  }

  // One asio timer stands for all: set for the earliest deadline, left alone when that was
  // cancelled.
  void SetAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (deadlines_.empty()) return;
    const SteadyClock::time_point earliest = deadlines_.begin()->first;
    if (alarm_set_ && alarm_at_ <= earliest) return;
    alarm_set_ = true;
    alarm_at_ = earliest;
    alarm_->expires_at(earliest);
    alarm_->async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error) self->OnAlarm();
    });
  }

  void OnAlarm() {
    MutexLock lock(mu_);
    if (closed_) return;
    alarm_set_ = false;
    const auto now = SteadyClock::now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
      queue_.push_back({deadlines_.begin()->second, nullptr});
      deadlines_.erase(deadlines_.begin());
    }
    if (!queue_.empty()) ScheduleTurn();
    SetAlarm();
  }

  ThreadPools::Impl& pools_;

  Mutex mu_;
  CondVar idle_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool turn_scheduled_ ABSL_GUARDED_BY(mu_) = false;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  std::thread::id runner_ ABSL_GUARDED_BY(mu_);
  // No bound of its own: who posts bounds what it has outstanding.
  std::deque<Item> queue_ ABSL_GUARDED_BY(mu_);
  TimerId last_timer_ ABSL_GUARDED_BY(mu_) = 0;
  // Waiting timers, and those due whose turn has not come.
  absl::flat_hash_map<TimerId, Timer> timers_ ABSL_GUARDED_BY(mu_);
  absl::btree_set<std::pair<SteadyClock::time_point, TimerId>> deadlines_ ABSL_GUARDED_BY(mu_);
  std::optional<asio::steady_timer> alarm_ ABSL_GUARDED_BY(mu_);  // gone when closed
  bool alarm_set_ ABSL_GUARDED_BY(mu_) = false;
  SteadyClock::time_point alarm_at_ ABSL_GUARDED_BY(mu_);
};

StrandExecutor::StrandExecutor(ThreadPools& pools)
    : state_(std::make_shared<State>(*pools.impl_)) {}
StrandExecutor::~StrandExecutor() { Shutdown(); }

void StrandExecutor::Post(Task task) { state_->Post(std::move(task)); }
Executor::TimerId StrandExecutor::PostAfter(absl::Duration delay, Task task) {
  return state_->PostAfter(delay, std::move(task));
}
void StrandExecutor::Cancel(TimerId timer) { state_->Cancel(timer); }
void StrandExecutor::Offload(Task work, Task done) {
  state_->Offload(std::move(work), std::move(done));
}
absl::Duration StrandExecutor::Elapsed() const {
  return absl::FromChrono(SteadyClock::now().time_since_epoch());
}
void StrandExecutor::Shutdown() { state_->Shutdown(); }

}  // namespace worldb::engine
