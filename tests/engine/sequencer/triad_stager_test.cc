// Goal:   a payload counts as staged on two nodes, and on three while they are healthy and quick, unless it is
//         large; a lost answer costs a repeat, a stranger's nothing.
// Method: one node in virtual time; what it sends is answered by hand.
#include "engine/sequencer/triad_stager.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/support/seat.h"

namespace worldb::engine {
namespace {

using worldb::testing::LoneNode;
using worldb::testing::Seat;

class TriadStagerTest : public ::testing::Test {
 protected:
  // Its own disk has it; what is sent to the siblings is in `puts_`.
  void Stage(NodeSet up, PayloadPtr payload = nullptr) {
    synced_.reset();
    seat_.SetUp(up);
    seat_.RunFor(kHeartbeatEvery);
    if (payload == nullptr) payload = seat_.Seal();
    stager_.Stage({std::move(payload)}, [this](NodeSet synced) { synced_ = synced; });
    seat_.RunFor(absl::Milliseconds(10));
    puts_ = Puts();
  }
  std::vector<LoneNode::Sent<StagePut>> Puts() { return seat_.node().Take<StagePut>(); }
  PayloadPtr Large() {
    auto large = std::make_shared<Payload>(*seat_.Seal());
    large->encoded = std::make_shared<const Bytes>(TriadStager::kLargeBytesMin);
    return large;
  }
  void Answer(int node, RequestId id, absl::Status status = absl::OkStatus()) {
    stager_.OnStaged(NodeAt(node), StagePutReply{id, std::move(status)});
  }

  Seat seat_{NodeAt(3)};
  TriadStager stager_{seat_.self(), seat_.staging(), seat_.peers()};
  std::vector<LoneNode::Sent<StagePut>> puts_;
  std::optional<NodeSet> synced_;
};

TEST_F(TriadStagerTest, WaitsForAllThreeWhileTheyAreHealthy) {
  Stage(NodeSet::All());
  ASSERT_EQ(puts_.size(), 2u) << "to both siblings; its own disk needs no message";
  Answer(4, puts_[0].message.id);
  EXPECT_EQ(synced_, std::nullopt);
  Answer(5, puts_[0].message.id);
  EXPECT_EQ(synced_, NodeSet::Of(DataCenterAt(1)));
  EXPECT_EQ(stager_.job_count(), 0u);
}

TEST_F(TriadStagerTest, ButNotForLong) {
  Stage(NodeSet::All());
  Answer(4, puts_[0].message.id);
  seat_.RunFor(TriadStager::kThirdNodePatience);
  EXPECT_EQ(synced_, NodeSet::FromBits(0b011'000));
}

TEST_F(TriadStagerTest, ALostAnswerAtTheSecondRetry) {
  Stage(NodeSet());
  ASSERT_EQ(puts_.size(), 2u);
  for (int retry = 0; retry < 2; ++retry) {
    seat_.RunFor(TriadStager::kAgainAfter);
    const auto again = Puts();
    ASSERT_EQ(again.size(), 2u);
    EXPECT_EQ(again[0].message.id, puts_[0].message.id) << "the same question";
  }
  EXPECT_EQ(synced_, std::nullopt) << "one copy is too few";
  Answer(5, puts_[0].message.id);
  EXPECT_EQ(synced_, NodeSet::FromBits(0b101'000));
  seat_.RunFor(10 * TriadStager::kAgainAfter);
  EXPECT_TRUE(Puts().empty()) << "and not any more";
}

TEST_F(TriadStagerTest, ALargeValueIsForTwoAndNotAlwaysTheSame) {
  NodeSet siblings;
  for (int i = 0; i < 2; ++i) {
    Stage(NodeSet::All(), Large());
    ASSERT_EQ(puts_.size(), 1u);
    siblings.Add(puts_[0].to);
    Answer(puts_[0].to.value(), puts_[0].message.id);
    ASSERT_TRUE(synced_.has_value());
    EXPECT_EQ(synced_->Count(), 2);
    seat_.RunFor(10 * TriadStager::kAgainAfter);
    EXPECT_TRUE(Puts().empty());
  }
  EXPECT_EQ(siblings, NodeSet::FromBits(0b110'000));
}

TEST_F(TriadStagerTest, TheThirdTakesALargeOneIfTheSecondIsSlow) {
  Stage(NodeSet::All(), Large());
  ASSERT_EQ(puts_.size(), 1u);
  seat_.RunFor(TriadStager::kLargePatience);
  const auto more = Puts();
  ASSERT_EQ(more.size(), 1u);
  EXPECT_NE(more[0].to, puts_[0].to);
  Answer(more[0].to.value(), more[0].message.id);
  EXPECT_EQ(synced_->Count(), 2);
}

TEST_F(TriadStagerTest, ALargeOneIsForWhoIsUp) {
  Stage(NodeSet::FromBits(0b101'000), Large());
  ASSERT_EQ(puts_.size(), 1u);
  EXPECT_EQ(puts_[0].to, NodeAt(5));
}

TEST_F(TriadStagerTest, OrForBothWhenNobodyIsKnownToBe) {
  Stage(NodeSet(), Large());
  EXPECT_EQ(puts_.size(), 2u);
}

TEST_F(TriadStagerTest, StrangersAndFailuresDoNotCount) {
  Stage(NodeSet());
  ASSERT_FALSE(puts_.empty());
  Answer(0, puts_[0].message.id);
  Answer(4, puts_[0].message.id, absl::ResourceExhaustedError("disk full"));
  Answer(5, puts_[0].message.id + 1);
  EXPECT_EQ(synced_, std::nullopt);
}

TEST_F(TriadStagerTest, ClearedJobsAreNotHeardOfAgain) {
  Stage(NodeSet());
  ASSERT_FALSE(puts_.empty());
  stager_.Clear();
  Answer(5, puts_[0].message.id);
  seat_.RunFor(absl::Seconds(2));
  EXPECT_EQ(synced_, std::nullopt);
  EXPECT_TRUE(Puts().empty());
}

}  // namespace
}  // namespace worldb::engine
