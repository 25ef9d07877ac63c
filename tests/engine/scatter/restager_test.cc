// Goal:   while a version is watched, two of its staged copies are kept alive; answers count from those
//         who were asked; a loss is told once all who could have a copy deny it.
// Method: one triad node in virtual time, whose siblings are played by the test.
#include "engine/scatter/restager.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/seat.h"

namespace worldb::engine {
namespace {

using worldb::testing::Seat;

NodeSet Nodes(std::uint32_t bits) { return NodeSet::FromBits(bits); }

class RestagerTest : public ::testing::Test {
 protected:
  arbiter::RoundId Watch(NodeSet staged, bool here = true) {
    const PayloadPtr payload = seat_.Seal();
    if (here) seat_.Stage(payload);
    const arbiter::RoundId id = seat_.Closed(*payload).id;
    restager_.Watch(id, payload->commitment, staged);
    last_ = payload;
    return id;
  }
  auto Sweep() {
    restager_.Sweep();
    seat_.RunFor(absl::Milliseconds(100));
    return seat_.node().Take<StagePut>();
  }

  Seat seat_;
  PayloadPtr last_;  // watched
  Restager restager_{seat_.self(), seat_.staging(), seat_.peers()};
};

TEST_F(RestagerTest, ACopyIsMadeWhereOneIsMissingOnceFewerThanTwoAreAlive) {
  const arbiter::RoundId id = Watch(Nodes(0b011));
  EXPECT_TRUE(Sweep().empty()) << "both are up";
  seat_.SetUp(Nodes(0b111111101));
  seat_.RunFor(absl::Seconds(2));
  const auto puts = Sweep();
  ASSERT_EQ(puts.size(), 1u);
  EXPECT_EQ(puts[0].to, NodeAt(2));
  EXPECT_EQ(puts[0].message.payloads.at(0)->sealed.core.key_tag, id.key_tag);
  const RequestId request = puts[0].message.id;
  EXPECT_EQ(restager_.TakeStaged(NodeAt(1), {request, absl::OkStatus()}), std::nullopt)
      << "it was not asked";
  EXPECT_EQ(restager_.TakeStaged(NodeAt(2), {request + 1, absl::OkStatus()}), std::nullopt);
  EXPECT_EQ(restager_.TakeStaged(NodeAt(2), {request, absl::OkStatus()}), id);
  EXPECT_EQ(restager_.TakeStaged(NodeAt(2), {request, absl::OkStatus()}), std::nullopt) << "again";
  EXPECT_TRUE(Sweep().empty()) << "two are alive";
}

TEST_F(RestagerTest, ANodeThatCouldNotStageItIsAskedAgain) {
  Watch(Nodes(0b001));
  const auto puts = Sweep();
  ASSERT_EQ(puts.size(), 2u);
  for (const auto& put : puts) {
    EXPECT_EQ(restager_.TakeStaged(put.to, {put.message.id, absl::UnavailableError("full")}),
              std::nullopt);
  }
  EXPECT_EQ(Sweep().size(), 2u);
}

// Who took the chair has it not, as a large value is staged on two.
TEST_F(RestagerTest, WhatIsNotHereIsFetchedFromTheOneThatHasIt) {
  const arbiter::RoundId id = Watch(Nodes(0b100), /*here=*/false);
  EXPECT_TRUE(Sweep().empty());
  const auto asks = seat_.node().Take<StageGet>();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_EQ(asks[0].to, NodeAt(2));
  EXPECT_EQ(asks[0].message.commitment, last_->commitment);
  EXPECT_FALSE(restager_.TakePayload(NodeAt(1), {asks[0].message.id, absl::OkStatus(), last_}));
  EXPECT_TRUE(restager_.TakePayload(NodeAt(2), {asks[0].message.id, absl::OkStatus(), last_}));
  NodeSet asked;
  for (const auto& put : seat_.node().Take<StagePut>()) {
    EXPECT_EQ(put.message.payloads, std::vector<PayloadPtr>({last_}));
    asked.Add(put.to);
    EXPECT_EQ(restager_.TakeStaged(put.to, {put.message.id, absl::OkStatus()}), id);
  }
  EXPECT_EQ(asked, Nodes(0b011));
  EXPECT_TRUE(Sweep().empty());
}

TEST_F(RestagerTest, SomethingElseIsNotStagedInItsPlace) {
  Watch(Nodes(0b100), /*here=*/false);
  EXPECT_TRUE(Sweep().empty());
  const auto asks = seat_.node().Take<StageGet>();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_TRUE(
      restager_.TakePayload(NodeAt(2), {asks[0].message.id, absl::OkStatus(), seat_.Seal()}));
  EXPECT_TRUE(seat_.node().Take<StagePut>().empty());
  EXPECT_TRUE(Sweep().empty());
  EXPECT_EQ(seat_.node().Take<StageGet>().size(), 1u) << "it is asked for again";
}

TEST_F(RestagerTest, WhatIsHeldOrGoneIsLeftAlone) {
  const arbiter::RoundId held = Watch(Nodes(0b001));
  const auto puts = Sweep();
  restager_.Unwatch(held);
  EXPECT_TRUE(Sweep().empty());
  EXPECT_EQ(restager_.TakeStaged(puts.at(0).to, {puts[0].message.id, absl::OkStatus()}), held)
      << "a copy is a copy";
  EXPECT_EQ(restager_.TakeMissing(held, NodeAt(0), false), std::nullopt);
  Watch(Nodes(0b001));
  restager_.Sweep();
  restager_.StepDown();
  seat_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(seat_.node().Take<StagePut>().empty());
}

TEST_F(RestagerTest, ItIsLostWhenTheLastOneDeniesIt) {
  const arbiter::RoundId id = Watch(Nodes(0b111), /*here=*/false);
  seat_.RunFor(absl::Milliseconds(100));
  EXPECT_EQ(restager_.TakeMissing(id, NodeAt(0), false), std::nullopt);
  EXPECT_EQ(restager_.TakeMissing(id, NodeAt(1), false), std::nullopt);
  EXPECT_EQ(restager_.TakeMissing(id, NodeAt(2), true), std::nullopt) << "its shares can read";
  EXPECT_EQ(restager_.TakeMissing(id, NodeAt(2), false), Nodes(0b111));
}

TEST_F(RestagerTest, ALongBacklogIsReadAFewAtATimeAndToTheEnd) {
  const std::size_t count = 3 * Restager::kLoadsMax + 7;
  for (std::size_t i = 0; i < count; ++i) Watch(Nodes(0b001));
  seat_.SetDiskDelays(absl::Milliseconds(1), absl::Milliseconds(100));
  restager_.Sweep();
  std::size_t puts = 0;
  for (int round = 0; round < 10; ++round) {
    seat_.RunFor(absl::Milliseconds(100));
    const std::size_t now = seat_.node().Take<StagePut>().size();
    EXPECT_LE(now, 2 * Restager::kLoadsMax);
    puts += now;
  }
  EXPECT_EQ(puts, 2 * count);
}

TEST_F(RestagerTest, AnswersThatNeverComeDoNotPileUp) {
  const arbiter::RoundId id = Watch(Nodes(0b001));
  const auto first = Sweep();
  ASSERT_EQ(first.size(), 2u);
  for (std::size_t i = 0; i < Restager::kAsksMax / 2; ++i) EXPECT_EQ(Sweep().size(), 2u);
  EXPECT_EQ(restager_.TakeStaged(first[0].to, {first[0].message.id, absl::OkStatus()}),
            std::nullopt);
  const auto last = Sweep();
  EXPECT_EQ(restager_.TakeStaged(last.at(0).to, {last[0].message.id, absl::OkStatus()}), id);
}

}  // namespace
}  // namespace worldb::engine
