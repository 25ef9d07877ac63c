// Goal:   whoever holds a ticket is told how its op ends, by any replica that knows, once.
// Method: the reader on one node alone; the test answers as replicas of the home would, or does not.
#include "engine/gateway/ticket_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "arbiter/op_id.h"
#include "engine/cell/errors.h"
#include "tests/engine/gateway/gateway_test.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;
using engine::ReasonOf;
using engine::TicketFacts;
using engine::TicketQuery;
using engine::TicketReader;
using engine::TicketStatus;
using ::testing::ElementsAre;

class TicketReaderTest : public GatewayTest {
 protected:
  using Answer = std::shared_ptr<std::optional<absl::StatusOr<TicketStatus>>>;
  TicketReaderTest() {
    ticket_.home = DataCenterAt(2);
    ticket_.op = arbiter::MakeOpId(absl::FromUnixSeconds(1'700'000'000), node_.entropy());
  }
  Answer Get(std::optional<Level> until, const std::string& text) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<TicketStatus>>>();
    reader_.Get(text, until, absl::Seconds(10), [answer](absl::StatusOr<TicketStatus> status) {
      EXPECT_FALSE(answer->has_value()) << "twice";
      *answer = std::move(status);
    });
    return answer;
  }
  Answer Get(std::optional<Level> until = std::nullopt) {
    return Get(until, arbiter::FormatTicket(ticket_, node_.cell().id(), node_.cell().ticket_key()));
  }
  std::vector<NodeIndex> Asked() {
    std::vector<NodeIndex> asked;
    for (const auto& sent : node_.Take<TicketQuery>()) {
      EXPECT_EQ(sent.message.op, ticket_.op);
      asked.push_back(sent.to);
      id_ = sent.message.id;
    }
    return asked;
  }
  void Tell(NodeIndex from, OutcomeKind outcome, Level level) {
    TicketFacts facts;
    facts.identity.key_tag = ticket_.key_tag;
    facts.outcome.kind = outcome;
    facts.level = level;
    reader_.TakeReply(from, {id_, /*authoritative=*/false, /*forgotten=*/false, facts});
  }
  void TellNothing(NodeIndex from, bool authoritative, bool forgotten = false) {
    reader_.TakeReply(from, {id_, authoritative, forgotten, std::nullopt});
  }

  arbiter::Ticket ticket_;
  engine::RequestId id_ = 0;  // of the question asked last
  TicketReader reader_{node_.self(), homes_};
};

TEST_F(TicketReaderTest, TheSequencerIsAskedFirstTheWholeTriadThen) {
  const Answer answer = Get();
  EXPECT_THAT(Asked(), ElementsAre(NodeAt(6)));
  const engine::RequestId id = id_;
  node_.RunFor(absl::Milliseconds(500));
  EXPECT_THAT(Asked(), ElementsAre(NodeAt(6), NodeAt(7), NodeAt(8)));
  EXPECT_EQ(id_, id) << "the same question";
  Tell(NodeAt(5), OutcomeKind::kWon, Level::kSafe);
  EXPECT_FALSE(answer->has_value()) << "of another home";
  Tell(NodeAt(8), OutcomeKind::kWon, Level::kSafe);
  ASSERT_TRUE(answer->has_value() && (*answer)->ok());
  EXPECT_EQ((**answer)->op, ticket_.op);
  EXPECT_TRUE((**answer)->final);
  Tell(NodeAt(6), OutcomeKind::kWon, Level::kFull);
  node_.RunFor(absl::Seconds(20));
  EXPECT_EQ(node_.sent_count(), 0u);
}

TEST_F(TicketReaderTest, WhoeverWaitsForALevelIsToldThenAndRemindsTheSequencerUntilThen) {
  const Answer answer = Get(Level::kSafe);
  Asked();
  Tell(NodeAt(6), OutcomeKind::kPending, Level::kAccepted);
  EXPECT_FALSE(answer->has_value());
  node_.RunFor(absl::Milliseconds(500));
  EXPECT_THAT(Asked(), ElementsAre(NodeAt(6))) << "it is there";
  node_.RunFor(absl::Milliseconds(900));
  EXPECT_THAT(Asked(), ElementsAre());
  node_.RunFor(absl::Milliseconds(100));
  EXPECT_THAT(Asked(), ElementsAre(NodeAt(6)));
  Tell(NodeAt(6), OutcomeKind::kWon, Level::kSafe);
  EXPECT_EQ((**answer)->level, Level::kSafe);
}

TEST_F(TicketReaderTest, ALaggingReplicaTakesNothingBackAndWhatIsKnownIsToldInTheEnd) {
  const Answer answer = Get(Level::kFull);
  Asked();
  Tell(NodeAt(6), OutcomeKind::kWon, Level::kHeld);
  Tell(NodeAt(7), OutcomeKind::kPending, Level::kAccepted);
  TellNothing(NodeAt(8), /*authoritative=*/false);
  node_.RunFor(absl::Seconds(10));
  ASSERT_TRUE(answer->has_value() && (*answer)->ok());
  EXPECT_EQ((**answer)->level, Level::kHeld);
  EXPECT_EQ((**answer)->outcome.kind, OutcomeKind::kWon);
}

TEST_F(TicketReaderTest, OnlyAMarkedReadSaysThatAnOpIsNotOnRecord) {
  const Answer answer = Get();
  Asked();
  TellNothing(NodeAt(7), /*authoritative=*/false);
  EXPECT_FALSE(answer->has_value());
  TellNothing(NodeAt(6), /*authoritative=*/true);
  EXPECT_EQ(ReasonOf((*answer)->status()), "UNKNOWN_TICKET");
}

TEST_F(TicketReaderTest, ASilentHomeIsNamedAndABadTicketAsksNobody) {
  const Answer answer = Get();
  node_.RunFor(absl::Seconds(10));
  EXPECT_EQ(ReasonOf((*answer)->status()), "TRIAD_UNAVAILABLE");
  EXPECT_THAT(engine::DetailsOf((*answer)->status()), ElementsAre(std::pair("home", "tokyo")));
  Asked();
  EXPECT_EQ(ReasonOf((*Get(std::nullopt, "wt1_no"))->status()), "BAD_TICKET");
  EXPECT_EQ(node_.sent_count(), 0u);
}

TEST_F(TicketReaderTest, AnOpThatIsForgottenIsNotSaidToBeUnderWay) {
  const Answer answer = Get();
  Asked();
  TellNothing(NodeAt(7), /*authoritative=*/false, /*forgotten=*/true);
  EXPECT_FALSE(answer->has_value()) << "a replica that lags may have forgotten less";
  TellNothing(NodeAt(6), /*authoritative=*/true, /*forgotten=*/true);
  EXPECT_TRUE(absl::IsNotFound((*answer)->status()));
  EXPECT_EQ(ReasonOf((*answer)->status()), "OP_EXPIRED");
}

TEST_F(TicketReaderTest, FactsOfAnotherKeysOpAreNotTheTickets) {
  const Answer answer = Get();
  Asked();
  ticket_.key_tag.bytes[0] ^= 1;
  Tell(NodeAt(6), OutcomeKind::kWon, Level::kSafe);
  EXPECT_EQ(ReasonOf((*answer)->status()), "UNKNOWN_TICKET");
}

TEST_F(TicketReaderTest, OneQuestionTooManyIsShedUntilThereIsRoom) {
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < TicketReader::kTicketCallsMax; ++i) answers.push_back(Get());
  const auto asked = node_.Take<TicketQuery>();
  ASSERT_EQ(asked.size(), TicketReader::kTicketCallsMax);
  const Answer shed = Get();
  EXPECT_TRUE(absl::IsResourceExhausted((*shed)->status()));
  EXPECT_EQ(ReasonOf((*shed)->status()), "SHED");
  EXPECT_EQ(node_.sent_count(), 0u);
  id_ = asked[0].message.id;
  Tell(NodeAt(6), OutcomeKind::kWon, Level::kSafe);
  EXPECT_TRUE((*answers[0])->ok()) << "the oldest is still known";
  EXPECT_FALSE(Get()->has_value());
  reader_.StopAll(absl::UnavailableError("stopping"));
  for (const Answer& answer : answers) ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*answers.back())->status()));
}

}  // namespace
}  // namespace worldb::testing
