// Goal:   a question is answered once, from a state that includes a mark taken after it came in; and one
//         that has to wait is told when there is something to tell, or its patience ended.
// Method: the desk over a state fed by hand, on one node alone; marks are taken and lost as the test says.
#include "engine/desks/read_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/cell/errors.h"
#include "tests/engine/desks/desk_test.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using arbiter::RoundId;
using engine::ReadQuery;
using engine::ReadReply;
using engine::TicketQuery;
using engine::TicketReply;

const NodeIndex kAsker = NodeAt(5);

class ReadDeskTest : public DeskTest {
 protected:
  ReadDeskTest() {
    home_.Listen([this](const auto& effects) { desk_.OnEffects(effects); });
  }
  ReadQuery Latest(const std::string& key, engine::RequestId id,
                   absl::Duration patience = absl::Seconds(5)) {
    return {id, home_.TagOf(key), std::nullopt, patience};
  }
  // An entry with a mark is written and applied.
  void Mark() {
    desk_.MarkTaken();
    desk_.MarkApplied();
  }
  std::vector<engine::RequestId> Answered() {
    std::vector<engine::RequestId> ids;
    for (const auto& reply : Replies()) ids.push_back(reply.message.id);
    return ids;
  }
  std::vector<LoneNode::Sent<ReadReply>> Replies() {
    std::vector<LoneNode::Sent<ReadReply>> replies;
    for (const auto& sent : node_.Take<engine::ReadReplies>()) {
      for (const ReadReply& reply : sent.message.replies) replies.push_back({sent.to, reply});
    }
    return replies;
  }

  engine::KeyLister lister_{home_.state(), names_};
  engine::WatchDesk watches_{node_.self(), home_.state(), names_};
  engine::ReadDesk desk_{node_.self(), home_.state(), lister_, watches_};
};

TEST_F(ReadDeskTest, OneMarkServesAllWhoWaitAndALostOneIsTakenAgain) {
  home_.Show("k");
  EXPECT_FALSE(desk_.wants_mark());
  desk_.Take(kAsker, Latest("k", 1));
  desk_.Take(NodeAt(8), Latest("k", 2));
  EXPECT_TRUE(desk_.wants_mark());
  desk_.MarkTaken();
  EXPECT_FALSE(desk_.wants_mark());
  desk_.Take(kAsker, Latest("k", 3));  // too late for this one
  desk_.MarkLost();
  EXPECT_TRUE(desk_.wants_mark());
  desk_.MarkTaken();
  desk_.Take(kAsker, Latest("k", 4));
  desk_.MarkApplied();
  EXPECT_THAT(Answered(), ::testing::UnorderedElementsAre(1, 2, 3));
  Mark();
  EXPECT_THAT(Answered(), ::testing::ElementsAre(4));
}

TEST_F(ReadDeskTest, WhatOneMarkAnswersToOneAskerTravelsTogether) {
  home_.Show("k");
  EXPECT_EQ(desk_.TakeAll(kAsker, {{Latest("k", 1), Latest("none", 2), Latest("k", 1)}}), 2u);
  EXPECT_EQ(desk_.TakeAll(NodeAt(8), {{Latest("k", 1)}}), 1u);
  Mark();
  const auto sent = node_.Take<engine::ReadReplies>();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].to, kAsker);
  ASSERT_EQ(sent[0].message.replies.size(), 2u);
  EXPECT_TRUE(sent[0].message.replies[0].facts.has_value());
  EXPECT_TRUE(absl::IsNotFound(sent[0].message.replies[1].status)) << "each for itself";
  EXPECT_EQ(sent[1].to, NodeAt(8));
  EXPECT_EQ(sent[1].message.replies.size(), 1u);
}

TEST_F(ReadDeskTest, OfAMessageAboveTheBoundTheRestIsNotAnswered) {
  engine::ReadQueries message;
  for (std::size_t i = 0; i <= engine::ReadQueries::kQueriesMax; ++i) {
    message.queries.push_back(Latest("k", i));
  }
  EXPECT_EQ(desk_.TakeAll(kAsker, message), engine::ReadQueries::kQueriesMax);
}

TEST_F(ReadDeskTest, AQuestionRepeatedUnderItsIdIsTheSameQuestion) {
  home_.Show("k");
  EXPECT_TRUE(desk_.Take(kAsker, Latest("k", 1)));
  EXPECT_FALSE(desk_.Take(kAsker, Latest("k", 1)));
  EXPECT_TRUE(desk_.Take(NodeAt(8), Latest("k", 1))) << "an id is its asker's own";
  desk_.MarkTaken();
  EXPECT_FALSE(desk_.Take(kAsker, Latest("k", 1)));
  desk_.MarkApplied();
  EXPECT_THAT(Answered(), ::testing::ElementsAre(1, 1));
  EXPECT_TRUE(desk_.Take(kAsker, Latest("k", 1))) << "once answered it may be asked again";
}

TEST_F(ReadDeskTest, AVersionThatIsNotVisibleIsWaitedFor) {
  const RoundId id = home_.Decide("k");
  desk_.Take(kAsker, Latest("k", 1));
  Mark();
  EXPECT_EQ(node_.sent_count(), 0u);
  EXPECT_FALSE(desk_.Take(kAsker, Latest("k", 1))) << "it waits still";
  home_.Announce(id, Level::kHeld);
  EXPECT_EQ(node_.sent_count(), 0u);
  home_.Announce(id, Level::kSafe);
  const auto replies = Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].to, kAsker);
  EXPECT_EQ(replies[0].message.facts->id, id);
}

TEST_F(ReadDeskTest, WhoeverWaitsForAVersionThatEndsVoidIsToldTheOneBelow) {
  home_.Show("k");
  const RoundId second = home_.Decide("k");
  desk_.Take(kAsker, Latest("k", 1));
  Mark();
  home_.Void(second);
  const auto replies = Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].message.facts->id.version, Version(1));
  EXPECT_THAT(replies[0].message.facts->void_versions, ::testing::ElementsAre(Version(2)));
}

// A key that is written all the time always has a version that is not visible yet.
TEST_F(ReadDeskTest, NoNewerVersionIsWaitedForInstead) {
  const RoundId first = home_.Decide("k");
  desk_.Take(kAsker, Latest("k", 1));
  Mark();
  const RoundId second = home_.Decide("k");
  home_.Announce(first);
  const auto replies = Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].message.facts->id, first);
  desk_.Take(kAsker, Latest("k", 2));
  Mark();
  EXPECT_EQ(node_.sent_count(), 0u) << "asked since, it waits for what was the newest then";
  home_.Announce(second);
  EXPECT_EQ(Replies().at(0).message.facts->id, second);
}

TEST_F(ReadDeskTest, BelowAVersionThatEndsVoidNothingNewerIsWaitedForEither) {
  home_.Show("k");
  const RoundId second = home_.Decide("k");
  desk_.Take(kAsker, Latest("k", 1));
  Mark();
  home_.Decide("k");
  home_.Void(second);
  const auto replies = Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].message.facts->id.version, Version(1));
  EXPECT_THAT(replies[0].message.facts->void_versions, ::testing::ElementsAre(Version(2)));
}

TEST_F(ReadDeskTest, PatienceCountsFromTheArrivalOfTheQuestion) {
  const RoundId id = home_.Decide("k");
  desk_.Take(kAsker, Latest("k", 1, absl::Milliseconds(500)));
  desk_.Take(kAsker, Latest("k", 2, absl::Milliseconds(900)));
  node_.RunFor(absl::Milliseconds(400));
  Mark();
  desk_.Expire();
  EXPECT_EQ(node_.sent_count(), 0u);
  node_.RunFor(absl::Milliseconds(100));
  desk_.Expire();
  const auto replies = Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].message.id, 1u);
  EXPECT_TRUE(absl::IsUnavailable(replies[0].message.status));
  EXPECT_EQ(engine::ReasonOf(replies[0].message.status), "VERSION_NOT_READABLE");
  home_.Announce(id);
  EXPECT_THAT(Answered(), ::testing::ElementsAre(2)) << "the other one waits on";
}

TEST_F(ReadDeskTest, ATicketIsHeldUntilItsLevel) {
  const OpId op = home_.Write("k");
  desk_.Take(kAsker, TicketQuery{1, op, KeyTag(), Level::kSafe, absl::Minutes(1)});
  Mark();
  auto replies = node_.Take<TicketReply>();
  ASSERT_EQ(replies.size(), 1u) << "what is known now";
  EXPECT_TRUE(replies[0].message.authoritative);
  EXPECT_EQ(replies[0].message.facts->outcome.kind, arbiter::OutcomeKind::kPending);
  home_.Close();
  const RoundId id = home_.NewestOf("k");
  home_.Announce(id, Level::kHeld);
  EXPECT_EQ(node_.sent_count(), 0u);
  home_.Announce(id, Level::kSafe);
  replies = node_.Take<TicketReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].message.id, 1u);
  EXPECT_EQ(replies[0].message.facts->level, Level::kSafe);
  EXPECT_EQ(replies[0].message.facts->held, NodeSet::FromBits(0xff));
  home_.Announce(id, Level::kFull);
  EXPECT_EQ(node_.sent_count(), 0u) << "told, and forgotten";
}

TEST_F(ReadDeskTest, ATicketThatNeedsNoWaitIsNotHeld) {
  const OpId op = home_.Write("k");
  desk_.Hold(kAsker, {1, op, KeyTag(), std::nullopt, absl::Minutes(1)});  // wants what is known now
  desk_.Hold(kAsker, {2, OpId(), KeyTag(), Level::kSafe, absl::Minutes(1)});  // not on record
  desk_.Hold(kAsker, {3, op, KeyTag(), Level::kSafe, absl::Milliseconds(200)});
  node_.RunFor(absl::Milliseconds(200));
  desk_.Expire();
  home_.Close();
  home_.Announce(home_.NewestOf("k"));
  EXPECT_EQ(node_.sent_count(), 0u);
  desk_.Take(kAsker, TicketQuery{4, OpId(), KeyTag(), Level::kSafe, absl::Minutes(1)});
  Mark();
  const auto replies = node_.Take<TicketReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_TRUE(replies[0].message.authoritative);
  EXPECT_FALSE(replies[0].message.facts.has_value()) << "it is on record nowhere";
}

TEST_F(ReadDeskTest, ListingsHistoriesAndWatchesWaitForTheirMarkToo) {
  Name("k");
  home_.Show("k");
  desk_.Take(kAsker, engine::ListQuery{1, {}, {}, 10});
  desk_.Take(kAsker, engine::HistoryQuery{2, home_.TagOf("k"), Version(), 10});
  desk_.Take(kAsker, engine::WatchOpen{3, 0, {}, /*prefix=*/true, std::nullopt});
  EXPECT_EQ(node_.sent_count(), 0u);
  Mark();
  EXPECT_EQ(node_.Take<engine::ListQueryReply>().at(0).message.keys.size(), 1u);
  EXPECT_EQ(node_.Take<engine::HistoryQueryReply>().at(0).message.versions.size(), 1u);
  EXPECT_EQ(node_.Take<engine::WatchBatch>().at(0).message.id, 3u);
}

TEST_F(ReadDeskTest, AListingIsSilentWhileANameIsMissingAndMayBeAskedForAgain) {
  names_.Need(home_.Show("k").key_tag);
  EXPECT_TRUE(desk_.Take(kAsker, engine::ListQuery{1, {}, {}, 10}));
  Mark();
  EXPECT_EQ(node_.sent_count(), 0u);
  Name("k");
  EXPECT_TRUE(desk_.Take(kAsker, engine::ListQuery{1, {}, {}, 10}));
  Mark();
  EXPECT_EQ(node_.Take<engine::ListQueryReply>().size(), 1u);
}

TEST_F(ReadDeskTest, OneQuestionTooManyIsIgnoredUntilThereIsRoom) {
  const OpId op = home_.Write("k");
  for (std::size_t i = 1; i < engine::ReadDesk::kReadsMax; ++i) {
    ASSERT_TRUE(desk_.Take(kAsker, Latest("k", i)));
  }
  desk_.Hold(NodeAt(8), {1, op, KeyTag(), Level::kSafe, absl::Minutes(1)});  // the last place
  EXPECT_FALSE(desk_.Take(NodeAt(8), Latest("k", 2)));
  desk_.Hold(NodeAt(8), {3, op, KeyTag(), Level::kSafe, absl::Minutes(1)});
  home_.Close();
  home_.Announce(home_.NewestOf("k"));
  const auto replies = node_.Take<TicketReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].message.id, 1u);
  EXPECT_TRUE(desk_.Take(NodeAt(8), Latest("k", 2)));
  desk_.Clear();
  EXPECT_FALSE(desk_.wants_mark());
  EXPECT_TRUE(desk_.Take(kAsker, Latest("k", 1))) << "nothing is known any more";
}

}  // namespace
}  // namespace worldb::testing
