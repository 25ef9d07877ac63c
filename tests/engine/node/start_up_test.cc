// Goal:   a node goes live under an epoch that no life before it had, or says why it does not.
// Method: start-ups over one disk in memory whose rows, commits or loads are made to fail.
#include "engine/node/start_up.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/memory_store.h"
#include "tests/support/sim_executor.h"

namespace worldb::engine {
namespace {

class StartUpTest : public ::testing::Test {
 protected:
  // One life: what the start said, and which loads ran, in order.
  absl::StatusOr<StreamEpoch> Start(absl::Status names = absl::OkStatus(),
                                    absl::Status staging = absl::OkStatus()) {
    loaded_.clear();
    testing::SimExecutor executor(world_);
    testing::MemoryStore store(disk_, executor);
    std::vector<absl::StatusOr<StreamEpoch>> answers;
    StreamEpochs epochs(store);
    StartUp::Run(epochs, {Load("names", std::move(names)), Load("staging", std::move(staging))},
                 [&](absl::StatusOr<StreamEpoch> epoch) { answers.push_back(std::move(epoch)); });
    world_.RunFor(absl::Seconds(1));
    EXPECT_EQ(answers.size(), 1u);
    return answers.empty() ? absl::InternalError("no answer") : answers.front();
  }
  StartUp::Load Load(std::string what, absl::Status result) {
    return [this, what = std::move(what), result = std::move(result)](const StartUp::Done& done) {
      loaded_.push_back(what);
      done(result);
    };
  }
  void PutEpochRow(Bytes row) {
    disk_.Tamper(RowFamily::kRows, StreamEpochs::kRow,
                 std::make_shared<const Bytes>(std::move(row)));
  }
  using Loaded = std::vector<std::string>;

  testing::SimWorld world_;
  testing::MemoryDisk disk_;
  Loaded loaded_;
};

TEST_F(StartUpTest, EveryLifeHasTheNextEpochAndLoadsInOrder) {
  for (std::uint64_t life = 1; life <= 3; ++life) {
    const auto epoch = Start();
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    EXPECT_EQ(*epoch, StreamEpoch(life));
    EXPECT_EQ(loaded_, (Loaded{"names", "staging"}));
    EXPECT_EQ(disk_.synced_commit_count(), life);
    disk_.Crash(testing::Kept::kSynced);
  }
}

// The homes know what it said, and are heard before anything is sent.
TEST_F(StartUpTest, RowThatIsDamagedCountsAsNone) {
  for (const std::size_t bytes : {0u, 7u, 9u}) {
    PutEpochRow(Bytes(bytes, 1));
    EXPECT_EQ(*Start(), StreamEpoch(1)) << bytes;
  }
  EXPECT_TRUE(disk_.Corrupt(RowFamily::kRows, StreamEpochs::kRow).ok());
  EXPECT_EQ(*Start(), StreamEpoch(1));
  EXPECT_EQ(*Start(), StreamEpoch(2));
}

TEST_F(StartUpTest, AnEpochIsRaisedAboveWhatIsKnownOneAtATime) {
  std::vector<std::uint64_t> raised;
  {
    testing::SimExecutor executor(world_);
    testing::MemoryStore store(disk_, executor);
    StreamEpochs epochs(store);
    const auto raise = [&](std::uint64_t above) {
      epochs.RaiseAbove(StreamEpoch(above), [&](StreamEpoch e) { raised.push_back(e.value()); });
    };
    epochs.Begin([](const absl::StatusOr<StreamEpoch>&) {});
    world_.RunFor(absl::Seconds(1));
    raise(40);
    raise(50);  // asked while the first is under way
    world_.RunFor(absl::Seconds(1));
    disk_.FailCommits(1, absl::ResourceExhaustedError("the disk is full"),
                      testing::FailedCommit::kThere);
    for (int i = 0; i < 2; ++i) {
      raise(7);
      world_.RunFor(absl::Seconds(1));
    }
  }
  EXPECT_EQ(raised, (std::vector<std::uint64_t>{41, 43}));
  EXPECT_EQ(*Start(), StreamEpoch(44));
}

TEST_F(StartUpTest, RowThatCannotBeReadIsNotTakenForNone) {
  ASSERT_TRUE(Start().ok());
  disk_.FailReads(1, absl::UnavailableError("the disk does not answer"));
  EXPECT_EQ(Start().status(), absl::UnavailableError("the disk does not answer"));
  EXPECT_EQ(loaded_, Loaded{});
  EXPECT_EQ(*Start(), StreamEpoch(2));
}

TEST_F(StartUpTest, CommitThatFailsIsSaidAndNothingIsLoaded) {
  disk_.FailCommits(1, absl::ResourceExhaustedError("the disk is full"),
                    testing::FailedCommit::kThere);
  EXPECT_EQ(Start().status(), absl::ResourceExhaustedError("the disk is full"));
  EXPECT_EQ(loaded_, Loaded{});
  // Its row is there all the same: that epoch is not used again.
  EXPECT_EQ(*Start(), StreamEpoch(2));
}

TEST_F(StartUpTest, LoadThatFailsEndsTheStart) {
  EXPECT_EQ(Start(absl::DataLossError("names")).status(), absl::DataLossError("names"));
  EXPECT_EQ(loaded_, Loaded{"names"});
  EXPECT_EQ(Start(absl::OkStatus(), absl::DataLossError("payloads")).status(),
            absl::DataLossError("payloads"));
  EXPECT_EQ(loaded_, (Loaded{"names", "staging"}));
  EXPECT_EQ(*Start(), StreamEpoch(3));
}

}  // namespace
}  // namespace worldb::engine
