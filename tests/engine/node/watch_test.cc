// Goal: a watch tells every version once it can be read, in version order per key, whatever happens to
//       the homes meanwhile; and a resume goes on exactly where its token says.
// Method: nine real nodes in virtual time (tests/support/sim_cell.h); what was told is compared with the
//       histories of the keys.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using engine::ReasonOf;

class WatchTest : public ::testing::Test {
 protected:
  void SetUp() override { cell_.world().RunFor(absl::Seconds(2)); }

  std::shared_ptr<WatchRecord> Stand(int node, absl::string_view key, bool prefix,
                                     const std::string& token = "") {
    auto watch = cell_.Watch(node, key, prefix, token);
    EXPECT_TRUE(cell_.world().RunUntil([&] { return !watch->progress.empty(); }, absl::Seconds(5)));
    return watch;
  }
  int Sequencer(int dc) {
    for (int i = 0; i < kNodesPerDataCenter; ++i) {
      const int node = dc * kNodesPerDataCenter + i;
      if (cell_.running(node) && cell_.Status(node).home.sequencer) return node;
    }
    return -1;
  }
  // One more version of each of `count` keys over all homes, through several nodes.
  void Round(absl::string_view prefix, int count, int first_node = 0, int nodes = kNodeCount) {
    for (int i = 0; i < count; ++i) {
      const std::string key = absl::StrCat(prefix, i);
      keys_.insert(key);
      cell_.Set(first_node + i % nodes, key, "v");
    }
  }
  // Every version of every key, and none twice.
  void ExpectAllTold(const std::vector<std::string>& told, absl::string_view prefix) {
    std::map<std::string, std::uint64_t> newest;
    for (const std::string& change : told) {
      const std::size_t colon = change.rfind(':');
      const std::string key = change.substr(0, colon);
      EXPECT_EQ(std::stoull(change.substr(colon + 1)), ++newest[key])
          << "in order, once: " << change;
    }
    for (const std::string& key : keys_) {
      if (!absl::StartsWith(key, prefix)) continue;
      const auto history = cell_.History(0, key, 1000);
      ASSERT_TRUE(history.ok()) << history.status();
      EXPECT_EQ(newest[key], history->versions[0].version.value()) << key;
    }
  }

  SimCell cell_;
  std::set<std::string> keys_;
};

TEST_F(WatchTest, AKeyIsToldVersionByVersionWhenLatestMayAnswerWithIt) {
  const std::string key = cell_.KeyAt(1);
  ASSERT_GE(cell_.SetAndWait(0, key, "before the watch")->level(), Level::kSafe);
  const auto watch = Stand(8, key, false);
  cell_.SetAndWait(3, key, "v2");
  cell_.DeleteAndWait(6, key);
  const auto last = cell_.SetAndWait(0, key, "v4");
  cell_.SetAndWait(0, cell_.KeyAt(1, "another"), "x");
  cell_.world().RunFor(absl::Seconds(1));
  EXPECT_THAT(watch->Told(), ::testing::ElementsAre(key + ":2", key + ":3", key + ":4"));
  EXPECT_EQ(watch->changes[1].version.kind, arbiter::OpKind::kDelete);
  EXPECT_EQ(watch->changes[2].version.op, last->op);
  for (const engine::WatchChange& change : watch->changes) {
    EXPECT_GE(change.version.level, Level::kSafe);
  }
  // While SAFE is out of reach nothing is told; then it is.
  cell_.StopDataCenter(0);
  const auto held = cell_.SetAndWait(3, key, "v5", Level::kHeld);
  cell_.world().RunFor(absl::Seconds(2));
  EXPECT_EQ(watch->changes.size(), 3u);
  cell_.StartDataCenter(0);
  cell_.world().RunUntil([&] { return watch->changes.size() == 4; }, absl::Seconds(10));
  EXPECT_EQ(watch->Told().back(), key + ":5");
  // Progress goes on while nothing happens.
  const std::size_t before = watch->progress.size();
  cell_.world().RunFor(absl::Seconds(11));
  EXPECT_EQ(watch->progress.size(), before + 2);
  cell_.Forget(*watch);
  cell_.SetAndWait(3, key, "v6");
  cell_.world().RunFor(absl::Seconds(1));
  EXPECT_EQ(watch->changes.size(), 4u);
}

TEST_F(WatchTest, APrefixIsWatchedAtAllHomesAndResumedAnywhereWithoutGapOrRepeat) {
  const auto first = Stand(2, "p/", true);
  Round("p/", 12);
  Round("q/", 12);
  cell_.world().RunFor(absl::Seconds(2));
  Round("p/", 12);
  cell_.world().RunUntil([&] { return first->changes.size() == 17; }, absl::Seconds(10));
  cell_.Forget(*first);
  std::vector<std::string> told = first->Told();
  Round("p/", 12);
  cell_.world().RunFor(absl::Seconds(3));
  Round("p/", 12);
  // From a token in the middle: what came before it is not repeated.
  const auto second = Stand(7, "p/", true, first->resume_token);
  cell_.world().RunFor(absl::Seconds(3));
  for (const std::string& change : second->Told()) told.push_back(change);
  ExpectAllTold(told, "p/");
  const auto third = Stand(4, "p/", true, first->changes[5].resume_token);
  cell_.world().RunFor(absl::Seconds(1));
  told = first->Told();
  told.resize(6);
  for (const std::string& change : third->Told()) told.push_back(change);
  ExpectAllTold(told, "p/");
}

TEST_F(WatchTest, CatchingUpTakesManyBatchesAndBoundedSteps) {
  const auto early = Stand(0, "many/", true);
  cell_.Forget(*early);
  for (int burst = 0; burst < 5; ++burst) {
    for (int i = 0; i < 320; ++i) {
      const std::string key = absl::StrCat("many/", burst, "-", i);
      keys_.insert(key);
      cell_.Set(i % kNodeCount, key, "v");
    }
    cell_.world().RunFor(absl::Seconds(2));
  }
  const auto watch = Stand(8, "many/", true, early->resume_token);
  cell_.world().RunFor(absl::Seconds(3));
  EXPECT_EQ(watch->changes.size(), keys_.size());
  ExpectAllTold(watch->Told(), "many/");
}

TEST_F(WatchTest, NothingIsMissedWhenSequencersAndWholeHomesComeAndGo) {
  const auto watch = Stand(8, "s/", true);
  for (int home = 0; home < 2; ++home) {
    Round("s/", 9, 6, 3);
    cell_.world().RunFor(absl::Milliseconds(250));
    const int sequencer = Sequencer(home);
    ASSERT_GE(sequencer, 0);
    cell_.CrashNode(sequencer);
    cell_.world().RunFor(absl::Seconds(4));
    Round("s/", 9, 6, 3);
    cell_.StartNode(sequencer);
    cell_.world().RunFor(absl::Seconds(3));
  }
  cell_.StopDataCenter(1);
  Round("s/", 9, 6, 3);
  cell_.world().RunFor(absl::Seconds(5));
  cell_.StartDataCenter(1);
  cell_.world().RunFor(absl::Seconds(15));
  EXPECT_FALSE(watch->failed.has_value());
  EXPECT_GE(watch->changes.size(), 9u * 4);
  ExpectAllTold(watch->Told(), "s/");
}

TEST_F(WatchTest, ACutLinkIsCaughtUpAfterwards) {
  const std::string key = cell_.KeyAt(0);
  keys_.insert(key);
  const auto watch = Stand(8, key, false);
  const int sequencer = Sequencer(0);
  for (const auto& [from, to] : {std::pair(sequencer, 8), std::pair(8, sequencer)}) {
    for (int i = 0; i < 6; ++i) {
      if (i == 2) cell_.network().SetLinkUp(NodeAt(from), NodeAt(to), false);
      ASSERT_GE(cell_.SetAndWait(4, key, "v")->level(), Level::kSafe);
    }
    cell_.world().RunFor(absl::Seconds(12));
    cell_.network().SetLinkUp(NodeAt(from), NodeAt(to), true);
    cell_.world().RunFor(absl::Seconds(8));
    ExpectAllTold(watch->Told(), key);
  }
}

TEST_F(WatchTest, BadTokensAreRefusedAndAStoppingNodeSaysSo) {
  const auto good = Stand(0, "p/", true);
  for (const auto& [key, prefix, token] : std::vector<std::tuple<std::string, bool, std::string>>{
           {"p", true, good->resume_token},
           {"p/", false, good->resume_token},
           {"p/", true, "AAAA"},
           {"p/", true, good->resume_token.substr(1)}}) {
    const auto watch = cell_.Watch(3, key, prefix, token);
    cell_.world().RunFor(absl::Milliseconds(10));
    ASSERT_TRUE(watch->failed.has_value()) << key;
    EXPECT_EQ(ReasonOf(*watch->failed), "BAD_RESUME_TOKEN") << key;
  }
  const auto empty = cell_.Watch(3, "", false);
  cell_.world().RunFor(absl::Milliseconds(10));
  EXPECT_EQ(ReasonOf(*empty->failed), "BAD_KEY");
  cell_.StopNode(0);
  ASSERT_TRUE(good->failed.has_value());
  EXPECT_EQ(ReasonOf(*good->failed), "NODE_STOPPING");
}

}  // namespace
}  // namespace worldb::testing
