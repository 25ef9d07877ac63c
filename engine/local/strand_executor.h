// Executors over real threads: each is a strand on one small pool, beside a pool for blocking work.
//
// A strand is a queue that at most one pool thread drains at a time, so tasks of one executor never
// overlap and need no locks among themselves; tasks of different executors run in parallel. The
// queue is our own rather than asio's, because Shutdown() must free waiting tasks (and all they
// hold) at once, and because a whole run of tasks then costs one hand-over between threads.
#ifndef WORLDB_ENGINE_LOCAL_STRAND_EXECUTOR_H_
#define WORLDB_ENGINE_LOCAL_STRAND_EXECUTOR_H_

#include <cstddef>
#include <memory>

#include "absl/time/time.h"
#include "engine/ports/executor.h"

namespace worldb::engine {

// The threads of one process.
// Threads: any.
class ThreadPools {
 public:
  struct Options {
    // Threads that run strands; 0 means one per hardware thread.
    std::size_t strand_thread_count = 0;
    // Threads for Offload: as many store commits and reads can wait for the disk at a time.
    std::size_t blocking_thread_count = 8;
  };
  class Impl;

  ThreadPools() : ThreadPools(Options{}) {}
  explicit ThreadPools(const Options& options);
  // Finishes offloaded work, then joins all threads.
  // REQUIRES: every StrandExecutor made with these pools is destroyed.
  ~ThreadPools();
  ThreadPools(const ThreadPools&) = delete;
  ThreadPools& operator=(const ThreadPools&) = delete;

 private:
  friend class StrandExecutor;
  std::unique_ptr<Impl> impl_;
};

class StrandExecutor final : public Executor {
 public:
  // `pools` must outlive the executor.
  explicit StrandExecutor(ThreadPools& pools);
  // Shuts down.
  ~StrandExecutor() override;
  StrandExecutor(const StrandExecutor&) = delete;
  StrandExecutor& operator=(const StrandExecutor&) = delete;

  void Post(Task task) override;
  TimerId PostAfter(absl::Duration delay, Task task) override;
  void Cancel(TimerId timer) override;
  void Offload(Task work, Task done) override;
  absl::Duration Elapsed() const override;
  void Shutdown() override;

 private:
  class State;
  const std::shared_ptr<State> state_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_STRAND_EXECUTOR_H_
