// Goal:   what a node lost with its disk is made anew without anybody reading it, and no level counts it
//         meanwhile: "any data center may burn" keeps its premise over the years.
// Method: nine real nodes in virtual time; disks are emptied, or lose single rows, while their node is
//         down. What is there is counted on the fake disks, what is told is asked of the cell.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/script.h"
#include "engine/cell/levels.h"
#include "engine/rows/share_rows.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using engine::RowFamily;

SimCell::Options QuickPasses() {
  SimCell::Options options;
  options.node.checkpoints.every = absl::Seconds(1);
  options.node.scrub.page_every = absl::Milliseconds(100);
  options.node.scrub.rest = absl::Seconds(5);
  return options;
}

class RefillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cell_.world().RunFor(absl::Seconds(2));
    for (int i = 0; i < kValues; ++i) {
      std::string value = absl::StrCat("value-", i, "-");
      if (i % 7 == 0) value.resize(40'000, 'x');
      const std::string key = cell_.KeyAt(i % 3, absl::StrCat("key-", i));
      ASSERT_EQ(cell_.SetAndWait(i % kNodeCount, key, value, Level::kFull)->level(), Level::kFull);
      values_.emplace_back(key, value);
    }
    cell_.world().RunFor(absl::Seconds(5));
  }
  void Replace(int node) {
    cell_.StopNode(node);
    cell_.disk(node).Wipe();
    cell_.StartNode(node);
  }
  std::size_t ShareRows(int node) {
    const std::vector<engine::StoreRow> rows = cell_.disk(node).Rows(RowFamily::kRows);
    return static_cast<std::size_t>(
        std::count_if(rows.begin(), rows.end(), [](const engine::StoreRow& row) {
          return absl::StartsWith(row.key, engine::ShareRow::kFamilyPrefix);
        }));
  }
  // How many are said to be FULL, by history.
  std::size_t ToldFull() {
    std::size_t full = 0;
    for (const auto& [key, value] : values_) {
      const auto history = cell_.History(0, key, 10);
      EXPECT_TRUE(history.ok()) << history.status();
      const engine::VersionRecord& version = history->versions.front();
      EXPECT_EQ(version.level == Level::kFull, version.held == NodeSet::All());
      full += version.level == Level::kFull ? 1 : 0;
    }
    return full;
  }
  void ExpectWhole(int node) {
    cell_.world().RunUntil([&] { return ShareRows(node) == values_.size(); }, absl::Minutes(2));
    EXPECT_EQ(ShareRows(node), values_.size());
    cell_.world().RunFor(absl::Seconds(20));
    EXPECT_EQ(ToldFull(), values_.size());
    const engine::NodeStatus status = cell_.Status(node);
    EXPECT_EQ(status.repair.waiting, 0u);
    EXPECT_EQ(status.repair.lacking, 0u);
  }

  static constexpr int kValues = 40;
  SimCell cell_{QuickPasses()};
  std::vector<std::pair<std::string, std::string>> values_;
};

TEST_F(RefillTest, ANodeWithANewDiskIsWholeAgainWithoutBeingRead) {
  Replace(4);
  cell_.world().RunFor(absl::Seconds(2));
  EXPECT_LT(ToldFull(), values_.size()) << "it counts no more";
  EXPECT_GT(cell_.Status(4).repair.lacking, 0u);
  ExpectWhole(4);
  EXPECT_EQ(cell_.Status(4).repair.missing, values_.size());
  EXPECT_EQ(cell_.Status(4).repair.core_conflicts, 0u);
}

// Both walk the same pages at the same time: what one reports must not be reckoned without the other.
TEST_F(RefillTest, TwoDisksReplacedAtOnceAreCountedTogether) {
  for (const int node : {0, 1}) cell_.StopNode(node);
  for (const int node : {0, 1}) cell_.disk(node).Wipe();
  for (const int node : {0, 1}) cell_.StartNode(node);
  bool both_gone = false;
  for (int i = 0; i < 40; ++i) {
    cell_.world().RunFor(absl::Milliseconds(250));
    for (const auto& [key, value] : values_) {
      const auto history = cell_.History(4, key, 10);
      if (!history.ok()) continue;  // the home of both may be without a sequencer yet
      const engine::VersionRecord& version = history->versions.front();
      const Level truth = engine::LevelOf(*cryptoscatter::Script::Nested(), version.held);
      EXPECT_EQ(version.level, truth) << key;
      both_gone = both_gone || version.held.Count() == 7;
    }
  }
  EXPECT_TRUE(both_gone);
  for (const int node : {0, 1}) ExpectWhole(node);
}

TEST_F(RefillTest, SoIsOneThatLostSomeRows) {
  cell_.StopNode(7);
  int lost = 0;
  for (const engine::StoreRow& row : cell_.disk(7).Rows(RowFamily::kRows)) {
    const bool share = absl::StartsWith(row.key, engine::ShareRow::kFamilyPrefix);
    if (share && ++lost % 3 == 0) cell_.disk(7).Tamper(RowFamily::kRows, row.key, nullptr);
  }
  cell_.StartNode(7);
  ExpectWhole(7);
  EXPECT_EQ(cell_.Status(7).repair.missing, values_.size() / 3);
}

TEST_F(RefillTest, DisksReplacedOneAfterTheOtherLoseNothingToAFire) {
  for (int node = 3; node < 6; ++node) {
    Replace(node);
    ExpectWhole(node);
  }
  cell_.StopDataCenter(0);
  cell_.world().RunFor(absl::Seconds(2));
  for (const auto& [key, value] : values_) {
    const auto read = cell_.Get(8, key, engine::ReadMode::kSurviving);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(ToString(read->value.ExposeSecret()), value);
  }
}

// A share that is being scattered when its node's disk goes is handed over again.
TEST_F(RefillTest, WhatIsStillBeingScatteredIsOfferedAgain) {
  cell_.StopNode(8);
  const std::string key = cell_.KeyAt(0, "late");
  ASSERT_GE(cell_.SetAndWait(0, key, "late")->level(), Level::kSafe);
  cell_.world().RunFor(absl::Seconds(3));
  Replace(5);
  values_.emplace_back(key, "late");
  cell_.world().RunFor(absl::Seconds(30));
  EXPECT_EQ(ShareRows(5), values_.size());
  cell_.StartNode(8);
  ExpectWhole(5);
  ExpectWhole(8);
}

}  // namespace
}  // namespace worldb::testing
