// Goal: the fake accept log keeps the contract of one and fails as told.
#include "tests/support/memory_log.h"

#include <array>

#include "tests/support/accept_log_contract.h"

namespace worldb::testing {
namespace {

using Kind = arbiter::AppendResult::Kind;

class MemoryLogHarness final : public AcceptLogHarness {
 public:
  explicit MemoryLogHarness(WorldKind kind) : world_(MakeTestWorld(kind)) { Start(); }
  ~MemoryLogHarness() override { Stop(); }

  TestWorld& world() override { return *world_; }
  arbiter::AcceptLog& log(int node) override { return *handles_[node]; }
  engine::Executor& executor(int node) override { return *executors_[node]; }
  void Restart() override {
    Stop();
    Start();
  }
  MemoryLog& memory() { return log_; }

 private:
  void Start() {
    for (int node = 0; node < 3; ++node) {
      executors_[node] = world_->MakeExecutor();
      handles_[node] = std::make_unique<MemoryLogHandle>(log_, *executors_[node]);
    }
  }
  void Stop() {
    for (int node = 0; node < 3; ++node) {
      executors_[node]->Shutdown();
      handles_[node].reset();
      executors_[node].reset();
    }
  }
  MemoryLog log_;
  std::unique_ptr<TestWorld> world_;
  std::array<std::unique_ptr<engine::Executor>, 3> executors_;
  std::array<std::unique_ptr<MemoryLogHandle>, 3> handles_;
};

std::vector<AcceptLogHarnessFactory> Factories() {
  std::vector<AcceptLogHarnessFactory> factories;
  for (WorldKind kind : {WorldKind::kSim, WorldKind::kShuffledSim, WorldKind::kStrand}) {
    factories.push_back(
        {WorldName(kind), [kind] { return std::make_unique<MemoryLogHarness>(kind); }});
  }
  return factories;
}

INSTANTIATE_TEST_SUITE_P(Memory, AcceptLogContract, ::testing::ValuesIn(Factories()),
                         [](const auto& info) { return info.param.name; });

class MemoryLogTest : public ::testing::Test {
 protected:
  MemoryLogHarness harness_{WorldKind::kSim};
  MemoryLog& memory_ = harness_.memory();
  AcceptLogDriver log_{harness_.world(), harness_.log(0)};
};

TEST_F(MemoryLogTest, AnUnknownAppendIsResolvedByTheSameAppendWhetherItHappenedOrNot) {
  ASSERT_TRUE(log_.Fence(1).ok());
  memory_.FailAppends(1, true);
  EXPECT_EQ(log_.Append(1, 0, "a").kind, Kind::kUnknown);
  EXPECT_EQ(memory_.Entries().size(), 1u);
  EXPECT_EQ(log_.Append(1, 0, "a").kind, Kind::kOk);
  memory_.FailAppends(1, false);
  EXPECT_EQ(log_.Append(1, 1, "b").kind, Kind::kUnknown);
  EXPECT_EQ(memory_.Entries().size(), 1u);
  EXPECT_EQ(log_.Append(1, 1, "b").kind, Kind::kOk);
  EXPECT_EQ(log_.Read(1).value(), "1:a 2:b");
}

TEST_F(MemoryLogTest, RefusesAndFailsCallsAsTold) {
  ASSERT_TRUE(log_.Fence(1).ok());
  memory_.SetRefusing(true);
  EXPECT_EQ(log_.Append(1, 0, "a").kind, Kind::kRefused);
  memory_.SetRefusing(false);
  EXPECT_EQ(log_.Append(1, 0, "a").kind, Kind::kOk);
  memory_.FailCalls(4, absl::UnavailableError("gone"));
  EXPECT_FALSE(log_.Tail().ok());
  EXPECT_FALSE(log_.Read(1).ok());
  EXPECT_FALSE(log_.Fence(2).ok());
  EXPECT_FALSE(log_.Trim(1).ok());
  EXPECT_EQ(log_.Tail().value(), "1/1");
}

TEST_F(MemoryLogTest, WakesAreLostOrRepeatedAsTold) {
  int woken = 0;
  harness_.log(0).SetWake([&] { ++woken; });
  ASSERT_TRUE(log_.Fence(1).ok());
  memory_.SetWakeFaults(100, 0);
  ASSERT_EQ(log_.Append(1, 0, "a").kind, Kind::kOk);
  harness_.world().Flush(harness_.executor(0));
  EXPECT_EQ(woken, 0);
  memory_.SetWakeFaults(0, 100);
  ASSERT_EQ(log_.Append(1, 1, "b").kind, Kind::kOk);
  harness_.world().Flush(harness_.executor(0));
  EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace worldb::testing
