// A task that runs once after a while, for as long as its owner keeps this: dropping it, or putting
// another in its place, means that the task does not run any more. So what belongs to one phase of a
// call ends with the phase.
//
// Threads: the executor's, or any once that is shut down.
#ifndef WORLDB_ENGINE_EDGE_TIMER_H_
#define WORLDB_ENGINE_EDGE_TIMER_H_

#include <utility>

#include "absl/time/time.h"
#include "engine/ports/executor.h"

namespace worldb::engine {

class Timer {
 public:
  Timer() = default;
  // `executor` outlives this object.
  Timer(Executor& executor, absl::Duration delay, Task task)
      : executor_(&executor), id_(executor.PostAfter(delay, std::move(task))) {}
  Timer(Timer&& other) noexcept
      : executor_(std::exchange(other.executor_, nullptr)), id_(other.id_) {}
  Timer& operator=(Timer&& other) noexcept {
    Timer taken(std::move(other));
    std::swap(executor_, taken.executor_);
    std::swap(id_, taken.id_);
    return *this;
  }
  ~Timer() {
    if (executor_ != nullptr) executor_->Cancel(id_);
  }

 private:
  Executor* executor_ = nullptr;
  Executor::TimerId id_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_TIMER_H_
