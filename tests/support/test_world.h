// The executors a contract suite runs over: threads or virtual time, behind one door.
#ifndef WORLDB_TESTS_SUPPORT_TEST_WORLD_H_
#define WORLDB_TESTS_SUPPORT_TEST_WORLD_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/local/strand_executor.h"
#include "engine/ports/executor.h"
#include "tests/support/sim_executor.h"

namespace worldb::testing {

// Counts what has happened, on any thread.
class Tally {
 public:
  void Add() {
    MutexLock lock(mu_);
    ++count_;
    changed_.NotifyAll();
  }
  int count() const {
    MutexLock lock(mu_);
    return count_;
  }
  // False when `count` was not reached within `limit`, which no sound run ever needs.
  bool WaitFor(int count, absl::Duration limit) {
    MutexLock lock(mu_);
    while (count_ < count) {
      if (!changed_.WaitFor(mu_, limit)) return count_ >= count;
    }
    return true;
  }

 private:
  mutable Mutex mu_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
};

class TestWorld {
 public:
  virtual ~TestWorld() = default;
  // Every executor must be destroyed before the world.
  virtual std::unique_ptr<engine::Executor> MakeExecutor() = 0;
  // Lets tasks run until `tally` has reached `count`; false when that does not come.
  virtual bool Await(Tally& tally, int count) = 0;

  // Calls `start` with a callback and lets tasks run until it has been given its result.
  template <typename T>
  T Await(const std::function<void(std::function<void(T)>)>& start) {
    struct Slot {
      std::optional<T> result;
      Tally done;
    };
    auto slot = std::make_shared<Slot>();
    start([slot](T result) {
      WORLDB_CHECK(!slot->result.has_value());
      slot->result.emplace(std::move(result));
      slot->done.Add();
    });
    WORLDB_CHECK(Await(slot->done, 1));
    return std::move(*slot->result);
  }
  // Lets all tasks posted to `executor` so far run.
  void Flush(engine::Executor& executor) {
    Tally done;
    executor.Post([&done] { done.Add(); });
    WORLDB_CHECK(Await(done, 1));
  }
};

class SimTestWorld final : public TestWorld {
 public:
  explicit SimTestWorld(bool shuffle_ties)
      : sim_({.seed = 7, .shuffle_ties = shuffle_ties, .offload_time = absl::Microseconds(50)}) {}
  std::unique_ptr<engine::Executor> MakeExecutor() override {
    return std::make_unique<SimExecutor>(sim_);
  }
  using TestWorld::Await;
  bool Await(Tally& tally, int count) override {
    return sim_.RunUntil([&] { return tally.count() >= count; }, absl::Hours(1));
  }
  SimWorld& sim() { return sim_; }

 private:
  SimWorld sim_;
};

class StrandTestWorld final : public TestWorld {
 public:
  StrandTestWorld() : pools_({.strand_thread_count = 3, .blocking_thread_count = 3}) {}
  std::unique_ptr<engine::Executor> MakeExecutor() override {
    return std::make_unique<engine::StrandExecutor>(pools_);
  }
  using TestWorld::Await;
  bool Await(Tally& tally, int count) override { return tally.WaitFor(count, absl::Seconds(60)); }

 private:
  engine::ThreadPools pools_;
};

enum class WorldKind { kSim, kShuffledSim, kStrand };

inline std::unique_ptr<TestWorld> MakeTestWorld(WorldKind kind) {
  if (kind == WorldKind::kStrand) return std::make_unique<StrandTestWorld>();
  return std::make_unique<SimTestWorld>(kind == WorldKind::kShuffledSim);
}

inline std::string WorldName(WorldKind kind) {
  switch (kind) {
    case WorldKind::kSim:
      return "Sim";
    case WorldKind::kShuffledSim:
      return "ShuffledSim";
    case WorldKind::kStrand:
      return "Strand";
  }
  return "";
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_TEST_WORLD_H_
