// Goal:   a plan asks the nearest nodes that suffice and none too many, asks others beside those who are
//         overdue or lied, nobody twice, and gives up when nobody who is up has anything to add.
// Method: cases played by hand in made-up time; which nodes are nearest against a plain search of all 512
//         sets, over the shipped and random scripts.
#include "engine/edge/read_plan.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <random>
#include <vector>

#include "engine/cell/levels.h"
#include "tests/support/random_script.h"

namespace worldb::engine {
namespace {

using cryptoscatter::Script;
using cryptoscatter::ScriptBook;

NodeSet Set(std::initializer_list<int> nodes) {
  NodeSet set;
  for (const int node : nodes) set.Add(NodeAt(node));
  return set;
}

constexpr absl::Duration kNow = absl::Seconds(100);

// Everybody is up; the lower the index, the nearer.
Outlook AllUp() {
  Outlook outlook{.reachable = NodeSet::All(), .possibly_reachable = NodeSet::All()};
  for (int i = 0; i < kNodeCount; ++i) outlook.round_trips[i] = absl::Milliseconds(10 * (i + 1));
  return outlook;
}

// ---------------------------------------------------------------- who is nearest

// Of all readable sets with all of `hopeful` and else holders only, the one whose slowest node is the
// quickest, then whose second slowest is, and so on.
NodeSet NearestOfAll(const Script& script, NodeSet holders, const NodeOrder& order,
                     NodeSet hopeful) {
  std::optional<NodeSet> best;
  int least = 0;
  for (int bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(static_cast<std::uint32_t>(bits));
    if (!script.IsReadable(set) || !hopeful.Minus(set).empty()) continue;
    if (!set.Minus(hopeful | holders).empty()) continue;
    int cost = 0;
    for (int rank = 0; rank < kNodeCount; ++rank) cost |= set.Has(order[rank]) ? 1 << rank : 0;
    if (best.has_value() && cost >= least) continue;
    best = set;
    least = cost;
  }
  return best.value_or(NodeSet());
}

TEST(NearestReadableTest, IsReadableAndNothingOfItIsSuperfluous) {
  std::mt19937_64 random(3);
  testing::RandomScripts scripts(3);
  std::vector<std::shared_ptr<const Script>> all = {Script::Nested(), Script::Flat(),
                                                    Script::Copy()};
  for (int i = 0; i < 9; ++i) all.push_back(scripts.Next());
  for (const auto& script : all) {
    for (int bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
      const NodeSet holders = NodeSet::FromBits(static_cast<std::uint32_t>(bits));
      NodeOrder order;
      for (int i = 0; i < kNodeCount; ++i) order[i] = NodeAt(i);
      std::shuffle(order.begin(), order.end(), random);
      const NodeSet hopeful =
          NodeSet::FromBits(static_cast<std::uint32_t>(random() & random() & random()));
      for (const NodeSet counted_on : {NodeSet(), hopeful}) {
        const NodeSet nearest = NearestReadable(*script, holders, order, counted_on);
        EXPECT_EQ(nearest, NearestOfAll(*script, holders, order, counted_on))
            << script->text() << " holders " << bits << " hopeful " << counted_on.bits();
        if (nearest.empty()) continue;
        EXPECT_TRUE(script->IsReadable(nearest));
        for (int i = 0; i < kNodeCount; ++i) {
          NodeSet without = nearest;
          without.Remove(NodeAt(i));
          EXPECT_FALSE(nearest.Has(i) && !counted_on.Has(i) && script->IsReadable(without));
        }
      }
    }
  }
}

TEST(QuickestFirstTest, WhatWasLearntCountsBeforeRoundTripsAndIndices) {
  AnswerTimes times;
  Outlook outlook = AllUp();
  outlook.round_trips[2] = outlook.round_trips[1];
  times.Add(NodeAt(0), absl::Seconds(1), kNow);        // near, and slow
  times.Add(NodeAt(8), absl::Milliseconds(25), kNow);  // far, and quick
  times.Add(NodeAt(7), absl::Milliseconds(25), kNow);  // as quick, and not as far
  const NodeOrder order = QuickestFirst(times, outlook, kNow);
  const NodeOrder expected = {NodeAt(1), NodeAt(2), NodeAt(7), NodeAt(8), NodeAt(3),
                              NodeAt(4), NodeAt(5), NodeAt(6), NodeAt(0)};
  EXPECT_EQ(order, expected);
}

// ---------------------------------------------------------------- what to gather

ListedShare Listed(std::uint32_t epoch, std::uint64_t version, const ScriptId& script) {
  ListedShare share{.slot_epoch = SlotEpoch(epoch), .version = Version(version), .script = script};
  share.core.bytes[0] = static_cast<std::uint8_t>(version);
  return share;
}

TEST(TargetsTest, NewestFirstAndOnlyWhatItsHoldersCanRead) {
  ScriptId unknown;
  unknown.bytes[0] = 1;
  const ScriptId nested = Script::Nested()->id();
  const Holdings holdings = {
      {Listed(1, 7, nested), NodeSet::All()},
      {Listed(2, 3, nested), Set({0, 1, 3, 4, 6, 7})},
      {Listed(2, 4, nested), Set({0, 1, 2})},  // one data center reads nothing
      {Listed(2, 5, unknown), NodeSet::All()},
  };
  const std::vector<ReadTarget> targets = TargetsOf(holdings, *ScriptBook::Shipped());
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_EQ(targets[0].slot_epoch, SlotEpoch(2));
  EXPECT_EQ(targets[0].version, Version(3));
  EXPECT_EQ(targets[0].core, Listed(2, 3, nested).core);
  EXPECT_EQ(targets[0].holders, Set({0, 1, 3, 4, 6, 7}));
  EXPECT_EQ(targets[0].level, LevelOf(*Script::Nested(), Set({0, 1, 3, 4, 6, 7})));
  EXPECT_EQ(targets[1].version, Version(7)) << "of an older epoch of its slot";
  EXPECT_EQ(targets[1].level, arbiter::Level::kFull);
}

TEST(TargetsTest, WhatTheHomeNamedIsKnownByItsCommitment) {
  VersionFacts facts;
  facts.id.version = Version(4);
  facts.slot_epoch = SlotEpoch(2);
  facts.commitment.bytes[0] = 9;
  facts.held = Set({1, 2, 4, 5});
  facts.payload_bytes = 77;
  facts.void_versions = {Version(6), Version(5)};
  const ReadTarget target = TargetOf(facts, Script::Nested());
  EXPECT_EQ(target.version, Version(4));
  EXPECT_EQ(target.commitment, facts.commitment);
  EXPECT_EQ(target.core, std::nullopt);
  EXPECT_EQ(target.holders, facts.held);
  EXPECT_EQ(target.payload_bytes, 77u);
  EXPECT_EQ(target.void_versions, facts.void_versions);
}

// ---------------------------------------------------------------- the plan

class ReadPlanTest : public ::testing::Test {
 protected:
  // After that, unless something is known of them, those asked now are overdue.
  absl::Duration Patience(int node) const {
    return times_.Patience(NodeAt(node), outlook_.round_trips[node], now_);
  }
  void Answer(ReadPlan& plan, std::initializer_list<int> nodes) {
    for (const int node : nodes) plan.TakeAnswer(NodeAt(node), now_);
  }

  AnswerTimes times_;
  Outlook outlook_ = AllUp();
  absl::Duration now_ = kNow;
};

TEST_F(ReadPlanTest, WhoWasAskedOnSpeculationIsCountedOnAndNotAskedAgain) {
  ReadPlan enough(*Script::Nested(), NodeSet::All(), times_);
  const absl::Duration since = now_ - absl::Milliseconds(40);
  EXPECT_EQ(enough.Begin(outlook_, now_, Set({1, 2, 4, 5}), since), NodeSet());
  EXPECT_EQ(enough.asked(), Set({1, 2, 4, 5}));
  enough.TakeSpeculative(NodeAt(1));
  EXPECT_EQ(enough.answered(), Set({1}));
  EXPECT_EQ(enough.NextLook(now_), since + Patience(2)) << "it has waited since then";

  ReadPlan some(*Script::Nested(), NodeSet::All(), times_);
  EXPECT_EQ(some.Begin(outlook_, now_, Set({2, 4}), since), Set({0, 3}));
}

TEST_F(ReadPlanTest, WhoHeldAnotherVersionIsAskedAnewAndIsNotOverdueForThat) {
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  plan.Begin(outlook_, now_, Set({0, 1, 3, 4}), now_ - absl::Seconds(10));
  EXPECT_FALSE(plan.LookAgain(outlook_, now_).ask.empty()) << "they are overdue";
  for (const int node : {0, 1, 3, 4}) plan.AskAnew(NodeAt(node), outlook_, now_);
  EXPECT_GE(plan.NextLook(now_), now_ + absl::Milliseconds(20));
  EXPECT_EQ(plan.answered(), NodeSet());
}

TEST_F(ReadPlanTest, TheNearestHoldersWhoSufficeAreAskedAndNobodyElse) {
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  EXPECT_EQ(plan.Begin(outlook_, now_), Set({0, 1, 3, 4}));
  EXPECT_EQ(plan.asked(), Set({0, 1, 3, 4}));
  now_ += absl::Milliseconds(5);
  Answer(plan, {0, 1});
  const ReadPlan::Step step = plan.GoOn(/*good=*/true, outlook_, now_);
  EXPECT_EQ(step.ask, NodeSet());
  EXPECT_FALSE(step.give_up);
  EXPECT_EQ(times_.Expected(NodeAt(0), absl::ZeroDuration(), now_), absl::Milliseconds(5));
}

TEST_F(ReadPlanTest, WhoIsOutOfReachIsNotAskedWhileOthersSuffice) {
  outlook_.reachable = Set({1, 2, 3, 4, 5, 6, 7, 8});
  ReadPlan plan(*Script::Nested(), Set({0, 1, 3, 4, 6, 7}), times_);
  EXPECT_EQ(plan.Begin(outlook_, now_), Set({3, 4, 6, 7}));
}

TEST_F(ReadPlanTest, TheLogsHeldSetMayLagBehindWhatNodesHave) {
  ReadPlan plan(*Script::Nested(), Set({0, 1}), times_);
  EXPECT_EQ(plan.Begin(outlook_, now_), Set({0, 1, 3, 4})) << "whoever is reachable";
}

TEST_F(ReadPlanTest, EverybodyIsAskedWhenThoseWhoSeemToBeUpAreTooFew) {
  outlook_.reachable = Set({0, 1, 2});
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  EXPECT_EQ(plan.Begin(outlook_, now_), NodeSet::All());
}

TEST_F(ReadPlanTest, TheNextBestIsAskedBesideAnOverdueNode) {
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  plan.Begin(outlook_, now_);
  now_ += absl::Milliseconds(1);
  Answer(plan, {0, 3, 4});
  EXPECT_EQ(plan.NextLook(now_), kNow + Patience(1));
  now_ = plan.NextLook(now_);
  const ReadPlan::Step step = plan.LookAgain(outlook_, now_);
  EXPECT_EQ(step.ask, Set({2})) << "of the data center that lacks one";
  EXPECT_FALSE(step.give_up);
  EXPECT_EQ(times_.Expected(NodeAt(1), absl::ZeroDuration(), now_), now_ - kNow)
      << "it takes at least that long";
  // It is not counted as overdue twice, and the next look is for the one asked now.
  EXPECT_EQ(plan.NextLook(now_), now_ + Patience(2));
  EXPECT_EQ(plan.LookAgain(outlook_, now_).ask, NodeSet());
}

TEST_F(ReadPlanTest, AnOverdueNodeThatAnswersAfterAllIsCountedOnAgain) {
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  plan.Begin(outlook_, now_);
  now_ += absl::Milliseconds(1);
  Answer(plan, {3, 4});
  now_ = kNow + std::max(Patience(0), Patience(1));
  EXPECT_EQ(plan.LookAgain(outlook_, now_).ask, Set({6, 7})) << "a data center for a data center";
  now_ += absl::Milliseconds(1);
  Answer(plan, {0, 1});
  now_ += absl::Seconds(10);
  EXPECT_EQ(plan.LookAgain(outlook_, now_).ask, NodeSet()) << "what has answered would suffice";
}

TEST_F(ReadPlanTest, EverybodyIsAskedWhenHoldersFallSilentAndTheOthersAreTooFew) {
  ReadPlan plan(*Script::Nested(), Set({0, 1, 3, 4}), times_);
  plan.Begin(outlook_, now_);
  now_ = plan.NextLook(now_);
  outlook_.reachable.Remove(NodeAt(0));
  EXPECT_EQ(plan.LookAgain(outlook_, now_).ask, Set({2, 5, 6, 7, 8}));
}

TEST_F(ReadPlanTest, WhoIsOverdueIsNotCountedOnHoweverFarTheOthersAre) {
  for (const int far : {6, 7, 8}) outlook_.round_trips[far] = absl::Milliseconds(400);
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  EXPECT_EQ(plan.Begin(outlook_, now_), Set({0, 1, 3, 4}));
  now_ += absl::Milliseconds(1);
  Answer(plan, {3, 4});
  now_ = kNow + std::max(Patience(0), Patience(1));
  EXPECT_EQ(plan.LookAgain(outlook_, now_).ask, Set({6, 7}));
}

TEST_F(ReadPlanTest, AfterAShareThatWasNoGoodEverybodyElseIsAsked) {
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  plan.Begin(outlook_, now_);
  Answer(plan, {1});
  ReadPlan::Step step = plan.GoOn(/*good=*/false, outlook_, now_);
  EXPECT_EQ(step.ask, Set({2, 5, 6, 7, 8})) << "nobody twice";
  Answer(plan, {2});
  step = plan.GoOn(/*good=*/false, outlook_, now_);
  EXPECT_EQ(step.ask, NodeSet());
  EXPECT_FALSE(step.give_up);
}

TEST_F(ReadPlanTest, WhenNobodyIsLeftItGivesUp) {
  outlook_.reachable = Set({0, 1, 3});
  outlook_.possibly_reachable = Set({0, 1, 3, 8});
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  plan.Begin(outlook_, now_);
  Answer(plan, {0, 1, 3});
  EXPECT_FALSE(plan.GoOn(/*good=*/true, outlook_, now_).give_up)
      << "one of whom nothing is known may be up";
  outlook_.possibly_reachable = outlook_.reachable;
  now_ += absl::Seconds(1);
  const ReadPlan::Step step = plan.LookAgain(outlook_, now_);
  EXPECT_TRUE(step.give_up);
  EXPECT_EQ(step.ask, NodeSet());
}

TEST_F(ReadPlanTest, WithNobodyAwaitedItLooksAgainForThoseWhoComeBack) {
  outlook_.reachable = Set({0, 1, 3, 4});
  outlook_.possibly_reachable = NodeSet::All();
  ReadPlan plan(*Script::Nested(), NodeSet::All(), times_);
  plan.Begin(outlook_, now_);
  Answer(plan, {0, 1, 3, 4});  // of another version, say
  EXPECT_EQ(plan.NextLook(now_), now_ + absl::Milliseconds(250));
}

}  // namespace
}  // namespace worldb::engine
