// Goal: a replica whose road to the log is slow or broken takes nothing back, lets go of nothing, and
//       holds nobody up.
// Method: nine real nodes in virtual time; one of them reads its log in small late pages, or as bytes
//       that are none (tests/support/charged_ports.h).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/rows/staged_rows.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;

// Of home 0's triad, and not its sequencer in a cell that just started.
constexpr int kReplica = 2;
constexpr absl::Duration kStrandHeldMax = absl::Milliseconds(50);

class ReplicaLogTest : public ::testing::Test {
 protected:
  void SetUp() override { cell_.world().RunFor(absl::Seconds(2)); }

  std::size_t StagedAt(int node) {
    const auto rows = cell_.disk(node).Rows(engine::RowFamily::kBlobs);
    return static_cast<std::size_t>(
        std::count_if(rows.begin(), rows.end(),
                      [](const engine::StoreRow& row) { return engine::IsStagedRow(row.key); }));
  }

  SimCell cell_;
};

TEST_F(ReplicaLogTest, WhileItReplaysItTakesNothingBack) {
  const std::string key = cell_.KeyAt(0);
  std::vector<std::shared_ptr<SetRecord>> sets;
  for (int i = 0; i < 5; ++i) sets.push_back(cell_.SetAndWait(0, key, "value", Level::kFull));
  cell_.StopNode(kReplica);
  cell_.SetLogFaults(kReplica, {.page_entries = 1, .page_delay = absl::Milliseconds(20)});
  cell_.StartNode(kReplica);
  // The sequencer is too far to be heard in time: what the replica says is all the caller gets.
  for (const int other : {0, 1}) cell_.network().SetLinkUp(NodeAt(other), NodeAt(kReplica), false);
  int asked = 0;
  int judged = 0;
  while (!cell_.Status(kReplica).home.serving && ++asked < 200) {
    for (const auto& set : sets) {
      const auto told = cell_.TicketGet(kReplica, set->accepted()->ticket);
      if (!told.ok()) continue;  // nobody there who knows
      ++judged;
      EXPECT_TRUE(told->final);
      EXPECT_EQ(told->level, Level::kFull);
    }
  }
  EXPECT_GT(asked, 5) << "it replayed too fast to be asked";
  const auto told = cell_.TicketGet(kReplica, sets.front()->accepted()->ticket);
  judged += told.ok() && told->level == Level::kFull ? 1 : 0;
  EXPECT_GT(judged, 0);
  for (const int other : {0, 1}) cell_.network().SetLinkUp(NodeAt(other), NodeAt(kReplica), true);
}

TEST_F(ReplicaLogTest, HaltedItLetsGoOfNothing) {
  cell_.SetAndWait(0, cell_.KeyAt(0), "value", Level::kFull);
  const LogIndex applied = cell_.Status(kReplica).home.applied;
  cell_.StopNode(kReplica);
  cell_.SetLogFaults(kReplica, {.damaged_from = applied.Next()});
  cell_.StartNode(kReplica);
  cell_.world().RunFor(absl::Seconds(2));
  // Large enough to be staged, on the halted replica too.
  const auto set = cell_.SetAndWait(0, cell_.KeyAt(0, "large"), std::string(60'000, 'x'));
  ASSERT_GE(set->level(), Level::kSafe);
  ASSERT_THAT(cell_.Status(kReplica).home.halted, ::testing::Not(::testing::IsEmpty()));
  const std::size_t staged = StagedAt(kReplica);
  ASSERT_GT(staged, 0u);
  cell_.world().RunFor(absl::Minutes(12));
  EXPECT_EQ(StagedAt(0), 0u) << "decided and scattered long ago";
  EXPECT_EQ(StagedAt(kReplica), staged) << "it cannot know what became of it";
}

TEST_F(ReplicaLogTest, CatchingUpItGoesOnWithAllElse) {
  cell_.StopNode(kReplica);
  cell_.world().RunFor(absl::Seconds(3));
  SimCell::SetOptions patient;
  patient.timeout = absl::Minutes(1);
  std::vector<std::shared_ptr<SetRecord>> sets;
  for (int i = 0; i < 5000; ++i) {
    sets.push_back(cell_.Set(0, cell_.KeyAt(0, absl::StrCat("k", i)), "v", patient));
    if (i % 250 == 249) cell_.world().RunFor(absl::Milliseconds(50));
  }
  ASSERT_TRUE(cell_.world().RunUntil(
      [&] {
        return std::all_of(sets.begin(), sets.end(),
                           [](const auto& set) { return set->level() >= Level::kSafe; });
      },
      absl::Minutes(1)));
  ASSERT_LT(cell_.world().longest_task(), kStrandHeldMax);
  cell_.StartNode(kReplica);
  ASSERT_TRUE(cell_.world().RunUntil([&] { return cell_.Status(kReplica).home.serving; },
                                     absl::Seconds(30)));
  EXPECT_LT(cell_.world().longest_task(), kStrandHeldMax);
}

}  // namespace
}  // namespace worldb::testing
