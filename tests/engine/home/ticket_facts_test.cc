// Goal:   a ticket tells what is on record of its op: how it ended, how far its value has spread, and how
//         far it can spread while a data center is OUT.
// Method: a state told in sentences (tests/support/home_book.h), asked after each.
#include "engine/home/ticket_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/home_book.h"
#include "tests/support/lone_node.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;
using engine::TicketFacts;
using engine::TicketReply;

class TicketFactsTest : public ::testing::Test {
 protected:
  std::optional<TicketFacts> FactsOf(const OpId& op) {
    return engine::TicketFactsOf(node_.cell(), book_.state(), op, book_.TagOf("k"));
  }

  LoneNode node_{NodeAt(0)};
  HomeBook book_{node_.cell()};
};

TEST_F(TicketFactsTest, FollowAnOpFromItsRecordToItsLevel) {
  const arbiter::Candidate winner = book_.CandidateFor("k");
  book_.Record(winner);
  EXPECT_EQ(FactsOf(winner.op)->outcome.kind, OutcomeKind::kPending);
  EXPECT_EQ(FactsOf(winner.op)->level, Level::kAccepted);
  EXPECT_EQ(FactsOf(winner.op)->stamp, winner.stamp);
  book_.Wait(absl::Milliseconds(10));
  const arbiter::Candidate loser = book_.CandidateFor("k");
  book_.Record(loser);
  EXPECT_EQ(FactsOf(loser.op)->outcome.kind, OutcomeKind::kLost);
  book_.CloseAll();
  EXPECT_EQ(FactsOf(winner.op)->outcome.kind, OutcomeKind::kWon);
  EXPECT_EQ(FactsOf(winner.op)->level, Level::kDecided);
  EXPECT_TRUE(FactsOf(winner.op)->held.empty());
  const NodeSet held = NodeSet::Of(DataCenterAt(0)) | NodeSet::Of(DataCenterAt(1));
  book_.Reach({winner.key_tag, Version(1)}, Level::kHeld, held);
  EXPECT_EQ(FactsOf(winner.op)->level, Level::kHeld);
  EXPECT_EQ(FactsOf(winner.op)->held, held);
}

TEST_F(TicketFactsTest, SayWhatIsWithinReachWhileADataCenterIsOut) {
  const arbiter::Candidate op = book_.CandidateFor("k");
  book_.Record(op);
  EXPECT_EQ(FactsOf(op.op)->within_reach, Level::kFull);
  EXPECT_THAT(FactsOf(op.op)->out, ::testing::IsEmpty());
  book_.MarkOut(DataCenterAt(2));
  EXPECT_LT(FactsOf(op.op)->within_reach, Level::kSafe);
  EXPECT_THAT(FactsOf(op.op)->out, ::testing::ElementsAre(DataCenterAt(2)));
  EXPECT_EQ(engine::LevelWithinReach(node_.cell(), book_.state(), ScriptId()), Level::kDecided)
      << "of a script that the cell does not know";
  book_.MarkOut(DataCenterAt(2), /*out=*/false);
  EXPECT_EQ(FactsOf(op.op)->within_reach, Level::kFull);
}

TEST_F(TicketFactsTest, WhatIsNotOnRecordHasNone) {
  const TicketReply reply =
      engine::AnswerTicket(node_.cell(), book_.state(), {7, OpId(), {}, {}, {}},
                           /*authoritative=*/true);
  EXPECT_EQ(reply.id, 7u);
  EXPECT_TRUE(reply.authoritative);
  EXPECT_FALSE(reply.facts.has_value());
}

TEST_F(TicketFactsTest, AWinOutlivesTheRecordOfItsOp) {
  const arbiter::Candidate winner = book_.CandidateFor("k");
  book_.Record(winner);
  book_.Wait(absl::Milliseconds(10));
  const arbiter::Candidate loser = book_.CandidateFor("k");
  book_.Record(loser);
  book_.CloseAll();
  book_.Reach({winner.key_tag, Version(1)}, Level::kFull);
  book_.Wait(book_.state().rule().op_memory + absl::Hours(2));
  arbiter::LogEntry entry;
  entry.reading = book_.Reading();
  entry.checkpoint = true;
  book_.Apply(entry);
  ASSERT_EQ(book_.state().FindOp(winner.op), nullptr);
  EXPECT_EQ(FactsOf(winner.op)->outcome.kind, OutcomeKind::kWon);
  EXPECT_EQ(FactsOf(winner.op)->outcome.version, Version(1));
  EXPECT_EQ(FactsOf(winner.op)->level, Level::kFull);
  EXPECT_EQ(FactsOf(winner.op)->identity.key_tag, winner.key_tag);
  EXPECT_FALSE(FactsOf(loser.op).has_value());
  const auto answer = [&](const OpId& op) {
    return engine::AnswerTicket(node_.cell(), book_.state(), {7, op, winner.key_tag, {}, {}}, true);
  };
  EXPECT_FALSE(answer(winner.op).forgotten);
  EXPECT_TRUE(answer(loser.op).forgotten);
  EXPECT_FALSE(answer(book_.CandidateFor("k").op).forgotten) << "it may still come";
}

}  // namespace
}  // namespace worldb::testing
