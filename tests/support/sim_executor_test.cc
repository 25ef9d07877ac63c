// Goal: virtual time keeps the executor's contract, is the same for the same seed, and differs for
// another. Method: the contract suite, then small scripted worlds.
#include "tests/support/sim_executor.h"

#include <string>

#include "tests/support/executor_contract.h"

namespace worldb::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Sim, ExecutorContract,
                         ::testing::Values(WorldKind::kSim, WorldKind::kShuffledSim),
                         [](const auto& info) { return WorldName(info.param); });

// Ten executors, each posting to itself and setting timers for the same moments.
std::string TraceOf(std::uint64_t seed, bool shuffle_ties) {
  SimWorld world({.seed = seed, .shuffle_ties = shuffle_ties});
  std::vector<std::unique_ptr<SimExecutor>> executors;
  std::string trace;
  for (char name = 'a'; name < 'k'; ++name) {
    executors.push_back(std::make_unique<SimExecutor>(world));
    SimExecutor& executor = *executors.back();
    executor.Post([&trace, name] { trace += name; });
    executor.Post([&trace, name] { trace += static_cast<char>(name - 'a' + 'A'); });
    executor.PostAfter(absl::Milliseconds(5), [&trace, name] { trace += name; });
  }
  world.RunFor(absl::Milliseconds(5));
  return trace;
}

TEST(SimWorldTest, TheSameSeedGivesTheSameOrderAndAnotherSeedAnother) {
  EXPECT_EQ(TraceOf(1, false), "abcdefghijABCDEFGHIJabcdefghij");
  EXPECT_EQ(TraceOf(1, false), TraceOf(2, false));
  EXPECT_EQ(TraceOf(1, true), TraceOf(1, true));
  EXPECT_NE(TraceOf(1, true), TraceOf(2, true));
}

TEST(SimWorldTest, TimeMovesOnlyBetweenEventsAndStopsWhereTold) {
  SimWorld world;
  SimExecutor executor(world);
  absl::Duration seen;
  executor.PostAfter(absl::Seconds(2), [&] { seen = executor.Elapsed(); });
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(world.Elapsed(), absl::Seconds(1));
  EXPECT_EQ(seen, absl::ZeroDuration());
  EXPECT_TRUE(world.RunUntil([&] { return seen > absl::ZeroDuration(); }, absl::Hours(1)));
  EXPECT_EQ(world.Elapsed(), absl::Seconds(2));
  EXPECT_FALSE(world.RunUntil([] { return false; }, absl::Seconds(3)));
  EXPECT_EQ(world.Elapsed(), absl::Seconds(5));
  EXPECT_FALSE(world.RunOne());
}

TEST(SimWorldTest, MomentsAreWholeNanoseconds) {
  SimWorld world;
  absl::Duration seen;
  world.At(absl::Nanoseconds(10) + absl::Nanoseconds(1) / 4, [&] { seen = world.Elapsed(); });
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(seen, absl::Nanoseconds(11)) << "and none is early";
}

TEST(SimWorldTest, OffloadedWorkTakesVirtualTime) {
  SimWorld world({.offload_time = absl::Milliseconds(3)});
  SimExecutor executor(world);
  absl::Duration worked;
  bool done = false;
  executor.Offload([&] { worked = world.Elapsed(); }, [&] { done = true; });
  EXPECT_TRUE(world.RunUntil([&] { return done; }, absl::Seconds(1)));
  EXPECT_EQ(worked, absl::Milliseconds(3));
}

TEST(SimWorldTest, ATaskThatCostsHoldsItsOwnExecutorUp) {
  SimWorld world({.task_cost = absl::Milliseconds(1)});
  SimExecutor busy(world);
  SimExecutor other(world);
  const auto at = [&world](absl::Duration& moment) {
    return [&world, &moment] { moment = world.Elapsed(); };
  };
  absl::Duration behind;
  absl::Duration timer;
  absl::Duration elsewhere;
  busy.Post([&world] {
    world.Charge(absl::Milliseconds(40));
    world.Charge(absl::Milliseconds(9));
  });
  busy.PostAfter(absl::Milliseconds(10), at(timer));
  const auto never = busy.PostAfter(absl::Milliseconds(10), [] { ADD_FAILURE(); });
  busy.Post([&busy, never] { busy.Cancel(never); });
  busy.Post(at(behind));
  other.PostAfter(absl::Milliseconds(10), at(elsewhere));
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(behind, absl::Milliseconds(51));
  EXPECT_EQ(timer, absl::Milliseconds(52));
  EXPECT_EQ(elsewhere, absl::Milliseconds(10));
  EXPECT_EQ(world.longest_task(), absl::Milliseconds(50));
}

TEST(SimWorldTest, ScriptedEventsRunOnNoExecutor) {
  SimWorld world;
  SimExecutor executor(world);
  bool ran = false;
  world.At(absl::Seconds(1), [&] {
    executor.Shutdown();
    ran = true;
  });
  executor.PostAfter(absl::Seconds(2), [] { ADD_FAILURE(); });
  world.RunFor(absl::Seconds(3));
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace worldb::testing
