// Goal:   no share is left without its proof, and none that was promised is lost, whichever commits and
//         reads fail and whenever the power goes.
// Method: members of commit batches handed to a node in flight, with commits and reads that fail in each
//         way, across losses of power, in drawn orders. What was promised is demanded after each step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "engine/shares/share_store.h"
#include "tests/support/environment.h"
#include "tests/support/share_cell.h"

namespace worldb::testing {
namespace {

using engine::BatchRow;
using engine::VersionRef;

class FailedCommitTest : public ShareCellTest,
                         public ::testing::WithParamInterface<FailedCommit> {};

TEST_P(FailedCommitTest, LeavesNoShareWithoutItsProof) {
  cell_.disk(4).SetDelays(absl::Milliseconds(5), absl::Milliseconds(1));
  const Scattered values = Scatter(12);
  for (int round = 0; round < 6; ++round) {
    cell_.disk(4).FailCommits(1 + round % 3, absl::UnavailableError("disk"), GetParam());
    for (std::size_t i = 0; i < 4; ++i) {
      Hand(4, {values.deliveries[static_cast<std::size_t>(2 * round) % 12 + i % 2][4]});
    }
    Run(1000);
    // What is there has all it needs, promised or not.
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      const std::string wrong = WrongWith(4, values, i);
      EXPECT_TRUE(wrong.empty() || wrong == "no row") << wrong;
    }
  }
  HandOneByOne(4, values);
  Run(1000);
  ExpectAllWhole(4, values);
}

// Anything in any order: commits and reads of batch rows that fail, readers, a batch driven out of
// memory, other commits, members handed again.
TEST_P(FailedCommitTest, TakesNothingFromWhatWasPromised) {
  TakeAnswers();
  const std::vector<Scattered> others = HandOthers(4);
  SeededEntropy dice(7);
  const auto draw = [&dice](std::size_t below) { return dice.Draw<1>()[0] % below; };
  const std::size_t rounds = NumberFromEnvironment("WORLDB_FAILED_COMMIT_ROUNDS", 40);
  std::size_t promised_early = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    cell_.disk(4).SetDelays(absl::Milliseconds(draw(8)), absl::Milliseconds(draw(3)));
    const Scattered values = Scatter(6);
    for (int step = 0; step < 25; ++step) {
      switch (draw(8)) {
        case 0:
          cell_.disk(4).FailCommits(static_cast<int>(1 + draw(2)), absl::UnavailableError("disk"),
                                    GetParam());
          Hand(4, {values.deliveries[draw(6)][4]});
          if (draw(2) == 0) break;
          Run(20);
          FetchOthers(4, others);
          for (const VersionRef& version : values.versions) Fetch(4, version);
          break;
        case 1:
          cell_.disk(4).FailReadsUnder(BatchRow::kFamilyPrefix, draw(3) == 0
                                                                    ? absl::UnavailableError("disk")
                                                                    : absl::OkStatus());
          break;
        case 2:
          FetchOthers(4, others);
          break;
        case 3:
          Fetch(4, values.versions[draw(6)]);
          break;
        case 4:
          Hand(4, {Scatter(1).deliveries[0][4]});
          break;
        default:
          for (std::size_t count = 1 + draw(2); count > 0; --count) {
            Hand(4, {values.deliveries[draw(6)][4]});
          }
      }
      Run(static_cast<int>(draw(3) * 8));
      ExpectPromisedWhole(4, values);
    }
    Run(300);
    promised_early += ExpectPromisedWhole(4, values);
    cell_.disk(4).FailCommits(0, absl::OkStatus(), GetParam());
    cell_.disk(4).FailReadsUnder("", absl::OkStatus());
    HandOneByOne(4, values);
    Run(300);
    EXPECT_EQ(ExpectPromisedWhole(4, values), 6u) << round;
  }
  EXPECT_GT(promised_early, rounds);
}

INSTANTIATE_TEST_SUITE_P(Fates, FailedCommitTest,
                         ::testing::Values(FailedCommit::kLost, FailedCommit::kThere,
                                           FailedCommit::kLate));

class CrashTest : public ShareCellTest, public ::testing::WithParamInterface<CrashModel> {
 protected:
  static SimCell::Options OptionsOf(CrashModel model) {
    SimCell::Options options;
    options.crash_model = model;
    return options;
  }
  CrashTest() : ShareCellTest(OptionsOf(GetParam())) {}
};

TEST_P(CrashTest, LeavesNoShareWithoutItsProof) {
  TakeAnswers();
  cell_.disk(4).SetDelays(absl::Milliseconds(9), absl::Milliseconds(1));
  std::size_t promised = 0;
  for (int round = 0; round < 12; ++round) {
    const Scattered values = Scatter(9);
    for (std::size_t i = 0; i < values.deliveries.size(); ++i) {
      Hand(4, {values.deliveries[i][4]});
      Run(4);
    }
    Run(round / 2);
    cell_.CrashNode(4, round % 3 == 0 ? Kept::kSynced : round % 3 == 1 ? Kept::kSome : Kept::kAll);
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      const std::string wrong = WrongWith(4, values, i);
      EXPECT_TRUE(wrong.empty() || wrong == "no row") << wrong;
    }
    promised += ExpectPromisedWhole(4, values);
    cell_.StartNode(4);
    Run(1000);
    HandOneByOne(4, values);
    Run(1000);
    EXPECT_EQ(ExpectPromisedWhole(4, values), values.versions.size());
  }
  // The cuts come while the last are on their way.
  EXPECT_GT(promised, 4u * 12);
  EXPECT_LE(promised, 8u * 12);
}

INSTANTIATE_TEST_SUITE_P(Models, CrashTest,
                         ::testing::Values(CrashModel::kSuffix, CrashModel::kSubset));

using FailedReadTest = ShareCellTest;

TEST_F(FailedReadTest, AReadThatFailsIsNoDamage) {
  TakeAnswers();
  const auto first = next_key_;
  const Scattered values = Scatter(3);
  const auto next = std::exchange(next_key_, first);
  const Scattered alone = Scatter(1, 65);
  next_key_ = next;
  ASSERT_TRUE(alone.versions[0] == values.versions[0]);
  HandOneByOne(4, values);
  Run(300);
  const auto offer_another = [&](const char* refused) {
    refusals_.clear();
    HandOneByOne(4, alone);
    Run(300);
    EXPECT_THAT(refusals_, ::testing::HasSubstr(refused));
    EXPECT_FALSE(Promised(4, alone, 0));
    EXPECT_EQ(ExpectPromisedWhole(4, values), 3u);
  };
  const absl::Status error = absl::UnavailableError("the disk is away");
  for (const bool in_memory : {true, false}) {
    cell_.disk(4).FailReadsUnder(BatchRow::kFamilyPrefix, error);
    if (!in_memory) {
      cell_.StopNode(4);
      cell_.StartNode(4);
      Run(300);
    }
    offer_another("the disk is away");
    const engine::RequestId id = Fetch(4, values.versions[0]);
    Run(300);
    EXPECT_EQ(fetched_.at(id), in_memory ? absl::OkStatus() : error);
    EXPECT_EQ(cell_.Status(4).repair.waiting, 0u);
    cell_.disk(4).FailReadsUnder("", absl::OkStatus());
    offer_another("already stored with another value");
  }
}

}  // namespace
}  // namespace worldb::testing
