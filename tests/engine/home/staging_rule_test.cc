// Goal:   a staged payload stays whole until its value is HELD, and goes when its op has ended or all
//         nodes have their shares.
// Method: one op of a home through its life.
#include "engine/home/staging_rule.h"

#include <gtest/gtest.h>

#include "tests/support/home_book.h"
#include "tests/support/lone_node.h"

namespace worldb::engine {
namespace {

using arbiter::Level;
using worldb::testing::HomeBook;
using worldb::testing::LoneNode;

class StagingRuleTest : public ::testing::Test {
 protected:
  StagingWish WishFor(const arbiter::Candidate& c) {
    return engine::WishFor(book_.state(), c.op, c.commitment);
  }

  LoneNode node_{NodeAt(0)};
  HomeBook book_{node_.cell()};
  const std::string key_ = book_.KeyOfHome("a");
};

TEST_F(StagingRuleTest, FollowsTheOpThroughItsLife) {
  const arbiter::Candidate c = book_.CandidateFor(key_);
  EXPECT_EQ(WishFor(c), StagingWish::kUnknown);
  book_.Record(c);
  EXPECT_EQ(WishFor(c), StagingWish::kWanted);
  book_.CloseAll();
  EXPECT_EQ(WishFor(c), StagingWish::kWanted) << "DECIDED: nobody else has it yet";
  const arbiter::RoundId version{c.key_tag, Version(1)};
  book_.Reach(version, Level::kHeld, NodeSet::FromBits(0x1f));
  EXPECT_EQ(WishFor(c), StagingWish::kHeld);
  book_.Reach(version, Level::kSafe, NodeSet::FromBits(0x7f));
  EXPECT_EQ(WishFor(c), StagingWish::kSafe);
  book_.Reach(version, Level::kFull);
  EXPECT_EQ(WishFor(c), StagingWish::kUnwanted);
}

TEST_F(StagingRuleTest, LosersGo) {
  const arbiter::Candidate winner = book_.CandidateFor(key_);
  book_.Wait(absl::Milliseconds(10));
  const arbiter::Candidate loser = book_.CandidateFor(key_, NodeAt(4));
  book_.Record(winner);
  book_.Record(loser);
  EXPECT_EQ(WishFor(loser), StagingWish::kUnwanted);
  EXPECT_EQ(WishFor(winner), StagingWish::kWanted);
}

TEST_F(StagingRuleTest, AnotherPayloadOfTheSameOpGoes) {
  arbiter::Candidate c = book_.CandidateFor(key_);
  book_.Record(c);
  c.commitment.bytes[0] ^= 1;
  EXPECT_EQ(WishFor(c), StagingWish::kUnwanted);
}

TEST_F(StagingRuleTest, AVoidVersionKeepsNothing) {
  const arbiter::Candidate c = book_.CandidateFor(key_);
  book_.Record(c);
  book_.CloseAll();
  book_.Lose({c.key_tag, Version(1)});
  EXPECT_EQ(WishFor(c), StagingWish::kUnwanted);
}

TEST(StagingRule, LevelsInOrder) {
  EXPECT_EQ(WishAt(Level::kAccepted), StagingWish::kWanted);
  EXPECT_EQ(WishAt(Level::kDecided), StagingWish::kWanted);
  EXPECT_EQ(WishAt(Level::kHeld), StagingWish::kHeld);
  EXPECT_EQ(WishAt(Level::kSafe), StagingWish::kSafe);
  EXPECT_EQ(WishAt(Level::kFull), StagingWish::kUnwanted);
}

}  // namespace
}  // namespace worldb::engine
