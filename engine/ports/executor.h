// Where a node's events run: one at a time, in order, never blocking.
//
// A node belongs to one Executor; nothing else touches its state. Work that blocks or takes long
// (a store commit, sealing above 64 KiB) goes to Offload and comes back as an event.
// Contract suite: tests/support/executor_contract.h.
#ifndef WORLDB_ENGINE_PORTS_EXECUTOR_H_
#define WORLDB_ENGINE_PORTS_EXECUTOR_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/time/time.h"

namespace worldb::engine {

using Task = std::function<void()>;

// Sealing, coding and hashing of more than this goes to the pool.
inline constexpr std::size_t kOffloadBytes = 64 * 1024;

class Executor {
 public:
  using TimerId = std::uint64_t;

  virtual ~Executor() = default;
  // Runs `task` later, after all tasks posted before it, never inside this call. Dropped without a
  // trace after Shutdown(). Threads: any.
  virtual void Post(Task task) = 0;
  // Runs `task` once, no earlier than `delay` from now. Threads: any.
  virtual TimerId PostAfter(absl::Duration delay, Task task) = 0;
  // The timer will not run any more, unless it is running already. Unknown ids are ignored.
  // Threads: any.
  virtual void Cancel(TimerId timer) = 0;
  // Runs `work` on the pool, beside this executor's tasks, then posts `done` here. `work` must own
  // all it touches: after Shutdown() it may still run, `done` then not. Threads: any.
  virtual void Offload(Task work, Task done) = 0;
  // Monotonic time since some fixed moment. Threads: any.
  virtual absl::Duration Elapsed() const = 0;
  // Refuses new tasks, drops waiting ones, and returns when no task of this executor is running.
  // May be called twice. Must not be called from one of its own tasks.
  virtual void Shutdown() = 0;
};

// Runs `work`, on the pool if it touches more than kOffloadBytes, and then `done` on the executor; at
// once, inside this call, if it does not.
template <typename Work, typename Done>
void RunOrOffload(Executor& executor, std::size_t bytes, Work work, Done done) {
  if (bytes > kOffloadBytes) return executor.Offload(std::move(work), std::move(done));
  work();
  done();
}

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_PORTS_EXECUTOR_H_
