// The contract of engine/ports/executor.h, as tests over a TestWorld. A test file includes this and says
// INSTANTIATE_TEST_SUITE_P with the kinds of world it has.
#ifndef WORLDB_TESTS_SUPPORT_EXECUTOR_CONTRACT_H_
#define WORLDB_TESTS_SUPPORT_EXECUTOR_CONTRACT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <vector>

#include "tests/support/test_world.h"

namespace worldb::testing {

class ExecutorContract : public ::testing::TestWithParam<WorldKind> {
 protected:
  std::unique_ptr<TestWorld> world_ = MakeTestWorld(GetParam());
  std::unique_ptr<engine::Executor> executor_ = world_->MakeExecutor();
};

TEST_P(ExecutorContract, RunsTasksInTheOrderTheyWerePosted) {
  std::vector<int> order;
  Tally ran;
  for (int i = 0; i < 1000; ++i) {
    executor_->Post([&, i] {
      order.push_back(i);
      ran.Add();
    });
  }
  ASSERT_TRUE(world_->Await(ran, 1000));
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST_P(ExecutorContract, NeverRunsATaskInsidePost) {
  Tally ran;
  executor_->Post([&] {
    executor_->Post([&] { ran.Add(); });
    executor_->PostAfter(absl::ZeroDuration(), [&] { ran.Add(); });
    executor_->Offload([] {}, [&] { ran.Add(); });
    EXPECT_EQ(ran.count(), 0);
  });
  ASSERT_TRUE(world_->Await(ran, 3));
}

TEST_P(ExecutorContract, TasksFromManySendersNeverOverlapAndKeepEachSendersOrder) {
  constexpr int kSenders = 4;
  constexpr int kTasks = 500;
  std::vector<std::unique_ptr<engine::Executor>> senders;
  std::vector<int> last(kSenders, -1);  // not atomic: the executor is its only guard
  bool running = false;
  Tally ran;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.push_back(world_->MakeExecutor());
    senders.back()->Post([&, sender] {
      for (int i = 0; i < kTasks; ++i) {
        executor_->Post([&, sender, i] {
          EXPECT_FALSE(running);
          running = true;
          EXPECT_EQ(last[sender], i - 1);
          last[sender] = i;
          running = false;
          ran.Add();
        });
      }
    });
  }
  ASSERT_TRUE(world_->Await(ran, kSenders * kTasks));
}

TEST_P(ExecutorContract, TimersRunNoEarlierThanToldAndByDeadline) {
  const absl::Duration start = executor_->Elapsed();
  std::vector<int> order;
  Tally ran;
  for (int milliseconds : {9, 3, 6}) {
    executor_->PostAfter(absl::Milliseconds(milliseconds), [&, milliseconds] {
      EXPECT_GE(executor_->Elapsed(), start + absl::Milliseconds(milliseconds));
      order.push_back(milliseconds);
      ran.Add();
    });
  }
  ASSERT_TRUE(world_->Await(ran, 3));
  EXPECT_EQ(order, (std::vector<int>{3, 6, 9}));
}

TEST_P(ExecutorContract, ATimerSetForEarlierThanTheOthersIsNotHeldUpByThem) {
  Tally ran;
  executor_->PostAfter(absl::Hours(24), [] { ADD_FAILURE() << "ran a day early"; });
  executor_->PostAfter(absl::InfiniteDuration(), [] { ADD_FAILURE() << "ran ever"; });
  executor_->PostAfter(absl::Milliseconds(1), [&] { ran.Add(); });
  executor_->PostAfter(absl::Milliseconds(-1), [&] { ran.Add(); });
  ASSERT_TRUE(world_->Await(ran, 2));
}

TEST_P(ExecutorContract, ACancelledTimerDoesNotRun) {
  Tally ran;
  auto cancelled = executor_->PostAfter(absl::Milliseconds(1), [] { ADD_FAILURE(); });
  executor_->PostAfter(absl::Milliseconds(3), [&] { ran.Add(); });
  executor_->Cancel(cancelled);
  executor_->Cancel(cancelled);
  executor_->Cancel(123456789);
  ASSERT_TRUE(world_->Await(ran, 1));
}

TEST_P(ExecutorContract, ATimerThatIsDueAndWaitingCanStillBeCancelled) {
  std::vector<engine::Executor::TimerId> timers(2);
  int ran_count = 0;
  Tally ran;
  executor_->Post([&] {
    for (int i = 0; i < 2; ++i) {
      timers[i] = executor_->PostAfter(absl::ZeroDuration(), [&, i] {
        ++ran_count;
        executor_->Cancel(timers[1 - i]);
      });
    }
    executor_->PostAfter(absl::Milliseconds(3), [&] { ran.Add(); });
  });
  ASSERT_TRUE(world_->Await(ran, 1));
  EXPECT_EQ(ran_count, 1);
}

TEST_P(ExecutorContract, OffloadRunsTheWorkAndThenPostsDone) {
  std::atomic<int> worked = 0;
  Tally ran;
  for (int i = 0; i < 50; ++i) {
    executor_->Offload([&] { ++worked; },
                       [&, i] {
                         EXPECT_GE(worked, i > 0 ? 1 : 0);
                         ran.Add();
                       });
  }
  ASSERT_TRUE(world_->Await(ran, 50));
  EXPECT_EQ(worked, 50);
}

TEST_P(ExecutorContract, ShutdownFreesWaitingTasksAtOnce) {
  auto held = std::make_shared<int>(0);
  executor_->PostAfter(absl::Hours(1), [held] { ADD_FAILURE(); });
  for (int i = 0; i < 10; ++i) executor_->Post([held] { ++*held; });
  executor_->Shutdown();
  EXPECT_EQ(held.use_count(), 1);
  executor_->Shutdown();
}

TEST_P(ExecutorContract, AfterShutdownNothingRuns) {
  auto other = world_->MakeExecutor();
  executor_->Shutdown();
  executor_->Post([] { ADD_FAILURE(); });
  auto timer = executor_->PostAfter(absl::Milliseconds(1), [] { ADD_FAILURE(); });
  executor_->Offload([] {}, [] { ADD_FAILURE(); });
  executor_->Cancel(timer);
  Tally later;
  other->PostAfter(absl::Milliseconds(3), [&] { later.Add(); });
  ASSERT_TRUE(world_->Await(later, 1));
}

TEST_P(ExecutorContract, WorkOffloadedBeforeShutdownDoesNotAnswerAfterIt) {
  auto other = world_->MakeExecutor();
  auto shut_down = std::make_shared<std::atomic<bool>>(false);
  executor_->Offload([] {}, [shut_down] { EXPECT_FALSE(*shut_down); });
  executor_->Shutdown();
  *shut_down = true;
  executor_.reset();
  Tally later;
  other->PostAfter(absl::Milliseconds(3), [&] { later.Add(); });
  ASSERT_TRUE(world_->Await(later, 1));
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_EXECUTOR_CONTRACT_H_
