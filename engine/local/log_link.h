// The way from an embedded log back to one of its nodes.
//
// Outlives the node's handle in tasks that are still queued, and then does nothing.
// Threads: any, but for `wake`.
#ifndef WORLDB_ENGINE_LOCAL_LOG_LINK_H_
#define WORLDB_ENGINE_LOCAL_LOG_LINK_H_

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/ports/executor.h"

namespace worldb::engine {

class LogLink : public std::enable_shared_from_this<LogLink> {
 public:
  // `executor` is the node's.
  explicit LogLink(Executor& executor) : executor_(&executor) {}
  LogLink(const LogLink&) = delete;
  LogLink& operator=(const LogLink&) = delete;

  // Set before the first call; run on the node's executor.
  void SetWake(std::function<void()> wake) { wake_ = std::move(wake); }
  // Runs `answer` on the node's executor while the handle lives.
  template <typename Answer>
  void Reply(Answer answer) {
    MutexLock lock(mu_);
    if (executor_ == nullptr) return;
    executor_->Post([self = shared_from_this(), answer = std::move(answer)]() mutable {
      if (!self->closed_) answer();
    });
  }
  // Several that are not run yet are one.
  void Wake() {
    if (wake_posted_.exchange(true)) return;
    Reply([this] {
      wake_posted_ = false;
      if (wake_) wake_();
    });
  }
  // The handle is gone.
  void Close() {
    closed_ = true;
    MutexLock lock(mu_);
    executor_ = nullptr;
  }

 private:
  std::function<void()> wake_;
  std::atomic<bool> closed_ = false;
  std::atomic<bool> wake_posted_ = false;
  Mutex mu_;
  Executor* executor_ ABSL_GUARDED_BY(mu_);  // null once closed
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_LOG_LINK_H_
