// Goal: executors over real threads keep the contract, wait for the running task at shutdown, run
// in parallel with each other, and survive being destroyed with timers and work outstanding.
#include "engine/local/strand_executor.h"

#include <atomic>
#include <memory>
#include <vector>

#include "tests/support/executor_contract.h"

namespace worldb::testing {
namespace {

using engine::StrandExecutor;
using engine::ThreadPools;

INSTANTIATE_TEST_SUITE_P(Strand, ExecutorContract, ::testing::Values(WorldKind::kStrand),
                         [](const auto& info) { return WorldName(info.param); });

constexpr absl::Duration kLimit = absl::Seconds(60);

TEST(StrandExecutorTest, ShutdownReturnsOnlyAfterTheRunningTask) {
  ThreadPools pools({.strand_thread_count = 2});
  StrandExecutor executor(pools);
  Tally started;
  bool finished = false;  // not atomic: Shutdown() is its only guard
  executor.Post([&] {
    started.Add();
    for (std::atomic<int> i = 0; i < 1000000; ++i) {
    }
    finished = true;
  });
  ASSERT_TRUE(started.WaitFor(1, kLimit));
  executor.Shutdown();
  EXPECT_TRUE(finished);
}

TEST(StrandExecutorTest, ExecutorsRunInParallel) {
  ThreadPools pools({.strand_thread_count = 2});
  StrandExecutor first(pools);
  StrandExecutor second(pools);
  Tally met;
  Tally done;
  for (StrandExecutor* executor : {&first, &second}) {
    executor->Post([&] {
      met.Add();
      EXPECT_TRUE(met.WaitFor(2, kLimit));  // each waits for the other: one thread would not do
      done.Add();
    });
  }
  EXPECT_TRUE(done.WaitFor(2, kLimit));
}

TEST(StrandExecutorTest, OffloadedWorkDoesNotHoldUpTheStrand) {
  ThreadPools pools({.strand_thread_count = 1, .blocking_thread_count = 1});
  StrandExecutor executor(pools);
  Tally posted;
  Tally done;
  executor.Offload([&] { EXPECT_TRUE(posted.WaitFor(1, kLimit)); }, [&] { done.Add(); });
  executor.Post([&] { posted.Add(); });
  EXPECT_TRUE(done.WaitFor(1, kLimit));
}

TEST(StrandExecutorTest, AFloodedStrandLetsOthersRun) {
  ThreadPools pools({.strand_thread_count = 1});
  StrandExecutor flooded(pools);
  StrandExecutor other(pools);
  std::atomic<bool> stop = false;
  std::function<void()> again = [&] {
    if (!stop) flooded.Post(again);
  };
  flooded.Post(again);
  Tally ran;
  other.Post([&] { ran.Add(); });
  other.PostAfter(absl::Milliseconds(1), [&] { ran.Add(); });
  EXPECT_TRUE(ran.WaitFor(2, kLimit));
  stop = true;
  flooded.Shutdown();
}

// Timers near their moment, cancels, offloaded work and tasks, all cut off by destruction.
TEST(StrandExecutorTest, DestructionRacesWithEverythingItHolds) {
  ThreadPools pools({.strand_thread_count = 3, .blocking_thread_count = 2});
  for (int round = 0; round < 200; ++round) {
    auto alive = std::make_shared<std::atomic<bool>>(true);
    auto executor = std::make_unique<StrandExecutor>(pools);
    std::vector<engine::Executor::TimerId> timers;
    for (int i = 0; i < 20; ++i) {
      timers.push_back(
          executor->PostAfter(absl::Microseconds(10 * i), [alive] { EXPECT_TRUE(*alive); }));
      executor->Offload([] {}, [alive] { EXPECT_TRUE(*alive); });
      executor->Post([alive, &self = *executor, i] {
        EXPECT_TRUE(*alive);
        self.PostAfter(absl::Microseconds(i), [alive] { EXPECT_TRUE(*alive); });
      });
      if (i % 3 == 0) executor->Cancel(timers.back());
    }
    executor->Shutdown();
    *alive = false;
    executor.reset();
  }
}

TEST(StrandExecutorTest, AHundredThousandTimersAreSetAndCancelled) {
  ThreadPools pools({.strand_thread_count = 1});
  StrandExecutor executor(pools);
  std::vector<engine::Executor::TimerId> timers;
  for (int i = 0; i < 100000; ++i) {
    timers.push_back(
        executor.PostAfter(absl::Hours(1) - absl::Milliseconds(i % 1000), [] { ADD_FAILURE(); }));
  }
  for (auto timer : timers) executor.Cancel(timer);
  Tally ran;
  executor.PostAfter(absl::Milliseconds(1), [&] { ran.Add(); });
  EXPECT_TRUE(ran.WaitFor(1, kLimit));
}

}  // namespace
}  // namespace worldb::testing
