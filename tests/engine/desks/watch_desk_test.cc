// Goal:   each watcher is told every version it watches, in order and once, at its own pace; and no
//         watcher holds up another.
// Method: the desk over a state fed by hand, on one node alone; the test acknowledges as a gateway would,
//         or does not.
#include "engine/desks/watch_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/desks/desk_test.h"

namespace worldb::testing {
namespace {

using engine::SubscriptionId;
using engine::WatchAck;
using engine::WatchBatch;
using engine::WatchDesk;
using engine::WatchOpen;
using engine::WatchPosition;
using ::testing::ElementsAre;

const NodeIndex kGateway = NodeAt(5);
constexpr WatchPosition kStart;  // before everything

class WatchDeskTest : public DeskTest {
 protected:
  WatchDeskTest() {
    home_.Listen([this](const auto& effects) { desk_.OnEffects(effects); });
  }
  void Watch(SubscriptionId id, const std::string& key, bool prefix,
             std::optional<WatchPosition> after = std::nullopt) {
    desk_.Open(kGateway, {id, 0, ToBytes(AsBytes(key)), prefix, after});
  }
  void Acknowledge(SubscriptionId id, std::uint64_t number) {
    desk_.TakeAck(kGateway, {id, number, /*over=*/false});
  }
  void Show(const std::string& key) {
    Name(key);
    home_.Show(key);
  }
  std::vector<WatchBatch> Batches() {
    std::vector<WatchBatch> batches;
    for (auto& sent : node_.Take<WatchBatch>()) {
      EXPECT_EQ(sent.to, kGateway);
      batches.push_back(std::move(sent.message));
    }
    return batches;
  }
  // "3: a:1 b:2": who, then what.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    for (const WatchBatch& batch : Batches()) {
      told.push_back(absl::StrCat(batch.id, ":"));
      for (const engine::WatchedVersion& change : batch.changes) {
        absl::StrAppend(&told.back(), " ", AsText(change.key), ":", change.version.version.value());
      }
    }
    return told;
  }

  WatchDesk desk_{node_.self(), home_.state(), names_};
};

TEST_F(WatchDeskTest, AWatchStandsAtOnceAndThenTellsWhatBecomesVisible) {
  Show("a");
  Watch(1, "a", false);
  Watch(2, "b", true);
  EXPECT_THAT(Told(), ElementsAre("1:", "2:")) << "nothing yet, and that is said";
  Show("a");
  Show("b/1");
  Show("c");
  home_.Decide("a");
  EXPECT_THAT(Told(), ElementsAre("1: a:2", "2: b/1:1"));
}

TEST_F(WatchDeskTest, BatchesAreNumberedBoundedAndWaitForAcknowledgement) {
  constexpr int kPerBatch = static_cast<int>(WatchDesk::kChangesPerBatchMax);
  home_.ShowAll(NamedKeys("k", 5 * kPerBatch + 1));
  Watch(1, "", true, kStart);
  std::vector<WatchBatch> batches = Batches();
  ASSERT_EQ(batches.size(), WatchDesk::kBatchesUnderWayMax);
  Acknowledge(1, 2);
  for (WatchBatch& batch : Batches()) batches.push_back(std::move(batch));
  ASSERT_EQ(batches.size(), 6u) << "two places, and no more is there";
  for (std::size_t i = 0; i < batches.size(); ++i) {
    EXPECT_EQ(batches[i].number, i + 1);
    EXPECT_EQ(batches[i].changes.size(), i < 5 ? WatchDesk::kChangesPerBatchMax : 1u);
  }
  EXPECT_EQ(batches[0].position.id.key_tag, home_.TagOf(ToString(batches[0].changes.back().key)));
  EXPECT_EQ(batches[5].position, (WatchPosition{home_.state().applied().Next(), {}}));
  Acknowledge(1, 7);  // of what was never sent
  home_.ShowAll(NamedKeys("l", 1));
  EXPECT_TRUE(Batches().empty()) << "four are under way";
  Acknowledge(1, 6);
  EXPECT_THAT(Told(), ElementsAre("1: l-0000:1"));
}

TEST_F(WatchDeskTest, ASlowWatcherMissesNothingAndHoldsUpNobody) {
  Watch(1, "k", true);
  Watch(2, "k", true);
  Told();
  for (int i = 1; i <= 6; ++i) {
    Show("k");
    Acknowledge(2, static_cast<std::uint64_t>(i + 1));
  }
  EXPECT_THAT(Told(), ElementsAre("1: k:1", "2: k:1", "1: k:2", "2: k:2", "1: k:3", "2: k:3",
                                  "2: k:4", "2: k:5", "2: k:6"));
  Acknowledge(1, 1);
  EXPECT_THAT(Told(), ElementsAre("1: k:4 k:5 k:6"));
}

TEST_F(WatchDeskTest, AMissingNameStallsThoseWhoNeedItAlone) {
  Watch(1, "", true);
  Watch(2, "b", false);
  Watch(3, "a", true);
  Told();
  home_.Show("b");  // its name is not known here
  Show("a");
  EXPECT_THAT(Told(), ElementsAre("2: b:1")) << "what a prefix begins with cannot be judged";
  EXPECT_FALSE(names_.complete()) << "it is asked for";
  desk_.Tick();
  EXPECT_THAT(Told(), ElementsAre());
  Name("b");
  desk_.Tick();
  EXPECT_THAT(Told(), ElementsAre("1: b:1 a:1", "3: a:1"));
}

TEST_F(WatchDeskTest, AResumedWatchGoesOnBehindItsPosition) {
  for (int i = 0; i < 3; ++i) home_.ShowAll(NamedKeys("k", 50));
  Watch(1, "k", true, kStart);
  std::vector<WatchBatch> batches = Batches();
  ASSERT_EQ(batches.size(), 3u);
  std::vector<engine::WatchedVersion> all;
  for (const WatchBatch& batch : batches) {
    all.insert(all.end(), batch.changes.begin(), batch.changes.end());
  }
  ASSERT_EQ(all.size(), 150u);
  // At any place in the middle, on a desk that never saw the first one.
  for (const std::size_t told : {1u, 49u, 50u, 77u, 149u, 150u}) {
    desk_.Clear();
    const engine::WatchedVersion& last = all[told - 1];
    Watch(told, "k", true,
          WatchPosition{last.visible_at, {home_.TagOf(ToString(last.key)), last.version.version}});
    std::vector<engine::WatchedVersion> rest;
    for (const WatchBatch& batch : Batches()) {
      rest.insert(rest.end(), batch.changes.begin(), batch.changes.end());
    }
    ASSERT_EQ(rest.size(), 150u - told);
    for (std::size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i].key, all[told + i].key);
  }
}

TEST_F(WatchDeskTest, ASubscriptionTakesThePlaceOfAnEarlierOneOfItsGateway) {
  Watch(1, "k", false);
  desk_.Open(kGateway, {2, 1, ToBytes(AsBytes("k")), false, std::nullopt});
  desk_.Open(kGateway, {2, 0, ToBytes(AsBytes("x")), false, std::nullopt});  // a repeat
  Told();
  Show("k");
  EXPECT_THAT(Told(), ElementsAre("2: k:1"));
  desk_.Open(NodeAt(6), {3, 2, ToBytes(AsBytes("x")), false, std::nullopt});
  node_.Take<WatchBatch>();
  Show("k");
  EXPECT_THAT(Told(), ElementsAre("2: k:2")) << "nobody ends somebody else's";
  desk_.TakeAck(NodeAt(6), {2, 0, /*over=*/true});
  desk_.TakeAck(kGateway, {3, 0, /*over=*/true});
  Show("k");
  EXPECT_THAT(Told(), ElementsAre("2: k:3"));
  desk_.TakeAck(kGateway, {2, 0, /*over=*/true});
  Show("k");
  EXPECT_THAT(Told(), ElementsAre());
}

TEST_F(WatchDeskTest, ASubscriptionThatIsToReplaceItselfStands) {
  desk_.Open(kGateway, {1, 1, ToBytes(AsBytes("k")), false, std::nullopt});
  EXPECT_THAT(Told(), ElementsAre("1:"));
  Show("k");
  EXPECT_THAT(Told(), ElementsAre("1: k:1"));
}

TEST_F(WatchDeskTest, MuchToLookAtIsLookedAtInTurns) {
  for (int i = 0; i < 3; ++i) home_.ShowAll(NamedKeys("other", 2000));
  Show("mine");
  Watch(1, "mine", false, kStart);
  EXPECT_THAT(Told(), ElementsAre("1:")) << "it stands, and is not at the end";
  node_.world().RunReady();
  EXPECT_THAT(Told(), ElementsAre("1: mine:1"));
}

TEST_F(WatchDeskTest, ABeatIsSentToWhoeverAnswersAndASilentWatcherIsForgotten) {
  Watch(1, "k", false);
  Watch(2, "k", false);
  Told();
  for (std::uint64_t second = 1; second <= 11; ++second) {
    node_.RunFor(WatchDesk::kBeatEvery);
    Acknowledge(2, second);
    desk_.Tick();
  }
  std::map<SubscriptionId, int> beats;
  for (const WatchBatch& batch : Batches()) ++beats[batch.id];
  EXPECT_EQ(beats[1], 3) << "as many as may be under way";
  EXPECT_EQ(beats[2], 11);
  Show("k");
  EXPECT_THAT(Told(), ElementsAre("2: k:1"));
}

TEST_F(WatchDeskTest, OneWatcherTooManyIsIgnoredUntilThereIsRoom) {
  for (std::size_t i = 1; i <= WatchDesk::kWatchersMax; ++i) Watch(i, "k", false);
  EXPECT_EQ(Batches().size(), WatchDesk::kWatchersMax);
  const SubscriptionId late = WatchDesk::kWatchersMax + 1;
  Watch(late, "k", false);
  EXPECT_TRUE(Batches().empty());
  desk_.TakeAck(kGateway, {1, 0, /*over=*/true});
  Watch(late, "k", false);
  EXPECT_EQ(Batches().size(), 1u);
}

}  // namespace
}  // namespace worldb::testing
