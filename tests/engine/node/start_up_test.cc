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
    StartUp::Run(store, {Load("names", std::move(names)), Load("staging", std::move(staging))},
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
    disk_.Tamper(RowFamily::kRows, StartUp::kStreamEpochRow,
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

TEST_F(StartUpTest, RowThatDoesNotDecodeIsSaidAndNothingIsWritten) {
  for (const std::size_t bytes : {0u, 7u, 9u}) {
    PutEpochRow(Bytes(bytes, 1));
    const auto epoch = Start();
    EXPECT_EQ(epoch.status().code(), absl::StatusCode::kInvalidArgument) << bytes;
    EXPECT_NE(epoch.status().message().find("stream epoch"), absl::string_view::npos);
    EXPECT_EQ(loaded_, Loaded{});
  }
  EXPECT_EQ(disk_.call_count(), 0u);
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
