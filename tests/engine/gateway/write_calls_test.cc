// Goal:   a caller is told what happened to its write in order, each thing once, until the end it
//         waits for; news that was lost is asked for, and a call whose time is up says how far the
//         op came.
// Method: the calls of a lone node in virtual time; what a home might say is said by hand.
#include "engine/gateway/write_calls.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "arbiter/op_id.h"
#include "tests/support/lone_node.h"

namespace worldb::engine {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;
using testing::LoneNode;

constexpr DataCenterIndex kHome = DataCenterAt(1);
constexpr NodeIndex kSequencer = NodeAt(3);

OpId Op(std::uint8_t number) {
  OpId op;
  op.bytes[0] = number;
  return op;
}
arbiter::Outcome Outcome(OutcomeKind kind) {
  arbiter::Outcome outcome;
  outcome.kind = kind;
  outcome.version = Version(1);
  return outcome;
}
NoticeLevel Reached(Level level) { return {level, Version(1), NodeSet::Of(kHome)}; }

class WriteCallsTest : public ::testing::Test {
 protected:
  WriteCallsTest() { Lead(kSequencer, 1); }

  void Lead(NodeIndex node, std::uint64_t epoch) {
    homes_.On(node, SequencerBeat{DataCenterOf(node), LogEpoch(epoch), {}});
  }
  void Begin(CallId call, OpId op, Level until = Level::kFull, DataCenterIndex home = kHome,
             absl::Duration timeout = absl::Hours(1)) {
    AdmittedSet set = std::exchange(next_, {});
    set.call = call;
    set.request.op = op;
    set.request.until = until;
    set.request.timeout = timeout;
    set.home = home;
    set.of_calls = *budget_.TryCharge(0);
    set.observer = [this, call](const SetEvent& event) { Note(call, event); };
    calls_.Begin(set);
  }
  void Note(CallId call, const SetEvent& event) {
    std::string what = "accepted";
    if (const auto* decided = std::get_if<SetDecided>(&event)) {
      what = std::string(arbiter::OutcomeName(decided->outcome.kind));
    } else if (const auto* level = std::get_if<SetLevel>(&event)) {
      what = std::string(arbiter::LevelName(level->level));
    } else if (const auto* failed = std::get_if<SetFailed>(&event)) {
      what = "failed";
      error_ = failed->status;
    }
    told_.push_back(absl::StrCat(call, " ", what));
  }
  void Say(OpId op, decltype(OpNotice::what) what, NodeIndex from = NodeAt(4)) {
    calls_.TakeNotices(from, OpNotices{DataCenterOf(from), {{op, std::move(what)}}});
  }
  // The ids under which the home was asked since the last time.
  std::vector<RequestId> Asked() {
    std::vector<RequestId> ids;
    for (const auto& sent : node_.Take<TicketQuery>()) {
      EXPECT_EQ(sent.to, *homes_.SequencerOf(kHome));
      ids.push_back(sent.message.id);
    }
    return ids;
  }
  TicketReply Story(RequestId id, OutcomeKind kind, Level level) {
    TicketFacts facts;
    facts.outcome = Outcome(kind);
    facts.level = level;
    return {id, true, false, facts};
  }
  std::string Detail(const std::string& name) const {
    for (const auto& [key, value] : DetailsOf(error_)) {
      if (key == name) return value;
    }
    return "none";
  }
  // What callers were told since the last time.
  std::string Told() { return absl::StrJoin(std::exchange(told_, {}), ", "); }

  LoneNode node_{NodeAt(0)};
  HomeDirectory homes_{node_.self()};
  WriteCalls calls_{node_.self(), homes_};
  Budget budget_{100'000, 0};
  std::vector<std::string> told_;
  absl::Status error_;
  AdmittedSet next_;  // what the next call is, beside its op
};

// A second write under an id hears of the first one's end, and is not told that it is its own.
TEST_F(WriteCallsTest, WhatIsOnRecordUnderTheIdIsNoStoryOfAnotherWrite) {
  const ContentTag tag_a{{1}}, tag_b{{2}};
  next_.request.content_tag = tag_a;
  Begin(1, Op(1));
  NoticeAccepted accepted;
  accepted.identity = {KeyTag(), arbiter::OpKind::kSet, tag_a};
  Say(Op(1), accepted);
  Say(Op(1), Outcome(OutcomeKind::kWon));
  EXPECT_EQ(Told(), "1 accepted, 1 WON");
  next_.request.content_tag = tag_b;
  Begin(2, Op(1));  // other content
  next_.request.kind = arbiter::OpKind::kDelete;
  Begin(3, Op(1));  // another kind, without a tag
  next_.key_tag = KeyTag{{7}};
  next_.request.content_tag = tag_a;
  Begin(4, Op(1));  // another key of the home
  Begin(5, Op(1));  // without a tag: the same as far as anybody can tell
  Say(Op(1), Reached(Level::kSafe));
  EXPECT_EQ(Told(), "1 SAFE") << "the others ask first what is on record";
  std::optional<TicketReply> story;
  for (const RequestId id : Asked()) {
    story = Story(id, OutcomeKind::kWon, Level::kSafe);
    story->facts->identity = accepted.identity;
    calls_.TakeTicket(kSequencer, *story);
  }
  EXPECT_EQ(Told(), "2 failed, 3 failed, 4 failed, 5 accepted, 5 WON, 5 SAFE");
  EXPECT_EQ(ReasonOf(error_), "OP_ID_REUSED");
  EXPECT_TRUE(calls_.Has(1));
  Begin(6, Op(1));
  Say(Op(1), accepted);
  next_.request.content_tag = tag_b;
  Begin(7, Op(1));
  Say(Op(1), accepted);
  EXPECT_EQ(Told(), "6 accepted, 7 failed") << "nor when the record is news";
}

TEST_F(WriteCallsTest, ACallerIsToldEachThingOnceUntilTheLevelItWaitsFor) {
  Begin(1, Op(1), Level::kSafe);
  for (int i = 0; i < 2; ++i) Say(Op(1), NoticeAccepted{});
  for (int i = 0; i < 2; ++i) Say(Op(1), Outcome(OutcomeKind::kWon));
  for (int i = 0; i < 2; ++i) Say(Op(1), Reached(Level::kHeld));
  EXPECT_EQ(Told(), "1 accepted, 1 WON, 1 HELD");
  Say(Op(1), Reached(Level::kSafe));
  EXPECT_EQ(Told(), "1 SAFE");
  EXPECT_FALSE(calls_.Has(1));
  EXPECT_EQ(budget_.ops(), 0u);
  Say(Op(1), Reached(Level::kFull));
  EXPECT_EQ(Told(), "");
  EXPECT_TRUE(Asked().empty());
}

TEST_F(WriteCallsTest, ACallEndsWithAnyOutcomeButAWinAndAWinMayStillBeTakenBack) {
  Begin(1, Op(1));
  Say(Op(1), NoticeAccepted{});
  Say(Op(1), Outcome(OutcomeKind::kPending));
  Say(Op(1), Outcome(OutcomeKind::kLost));
  EXPECT_EQ(Told(), "1 accepted, 1 LOST");
  Begin(2, Op(2));
  Say(Op(2), NoticeAccepted{});
  Say(Op(2), Outcome(OutcomeKind::kWon));
  Say(Op(2), Outcome(OutcomeKind::kVoid));
  EXPECT_EQ(Told(), "2 accepted, 2 WON, 2 VOID");
  EXPECT_EQ(calls_.count(), 0u);
}

TEST_F(WriteCallsTest, WhoWaitsForTheTicketAloneIsSoonDone) {
  Begin(1, Op(1), Level::kAccepted);
  Say(Op(1), NoticeAccepted{});
  EXPECT_EQ(calls_.count(), 0u);
}

TEST_F(WriteCallsTest, NewsOutOfOrderMakesItAskForTheWholeStory) {
  Begin(1, Op(1));
  Say(Op(1), Outcome(OutcomeKind::kWon));  // ACCEPTED was lost
  EXPECT_EQ(Told(), "");
  const std::vector<RequestId> asked = Asked();
  ASSERT_EQ(asked.size(), 1u);
  calls_.TakeTicket(kSequencer, Story(asked[0], OutcomeKind::kWon, Level::kHeld));
  EXPECT_EQ(Told(), "1 accepted, 1 WON, 1 HELD");
  Begin(2, Op(2));
  Say(Op(2), NoticeAccepted{});
  Say(Op(2), Reached(Level::kHeld));  // the outcome was lost
  EXPECT_EQ(Told(), "2 accepted");
  EXPECT_EQ(Asked().size(), 1u);
}

TEST_F(WriteCallsTest, OnlyWhomWasAskedMayTellTheStoryAndOnce) {
  Begin(1, Op(1));
  Say(Op(1), Outcome(OutcomeKind::kWon));
  const std::vector<RequestId> asked = Asked();
  ASSERT_EQ(asked.size(), 1u);
  const TicketReply story = Story(asked[0], OutcomeKind::kPending, Level::kAccepted);
  calls_.TakeTicket(NodeAt(4), story);
  calls_.TakeTicket(kSequencer, Story(asked[0] + 1, OutcomeKind::kPending, Level::kAccepted));
  EXPECT_EQ(Told(), "");
  calls_.TakeTicket(kSequencer, story);
  EXPECT_EQ(Told(), "1 accepted");
  EXPECT_EQ(calls_.asked_count(), 0u);
}

TEST_F(WriteCallsTest, NoNodeSpeaksForAnotherHome) {
  Begin(1, Op(1));
  calls_.TakeNotices(NodeAt(8), OpNotices{kHome, {{Op(1), NoticeAccepted{}}}});
  EXPECT_EQ(Told(), "");
  // The same op id under keys of two homes.
  Begin(2, Op(1), Level::kFull, DataCenterAt(2));
  Say(Op(1), NoticeAccepted{}, NodeAt(8));
  EXPECT_EQ(Told(), "2 accepted");
  Begin(3, Op(1));
  Say(Op(1), NoticeAccepted{});
  EXPECT_EQ(Told(), "1 accepted, 3 accepted");
}

TEST_F(WriteCallsTest, ARefusalCountsForTheFrameItNames) {
  Begin(1, Op(1));
  calls_.SetFrame(1, FrameNumber(7));
  Say(Op(1), NoticeRefused{absl::AbortedError("an earlier try"), FrameNumber(6)});
  EXPECT_EQ(Told(), "");
  Say(Op(1), NoticeRefused{absl::AbortedError("BAD_BASE"), FrameNumber(7)});
  EXPECT_EQ(Told(), "1 failed");
  EXPECT_EQ(error_, absl::AbortedError("BAD_BASE"));
}

TEST_F(WriteCallsTest, QuietCallsAreAskedForInTurn) {
  for (CallId call = 1; call <= 500; ++call) Begin(call, Op(1));
  calls_.Start();
  node_.RunFor(WriteCalls::kCallQuietAfter - absl::Milliseconds(1));
  EXPECT_TRUE(Asked().empty());
  node_.RunFor(absl::Milliseconds(1));
  EXPECT_EQ(Asked().size(), WriteCalls::kAsksPerTickMax);
  node_.RunFor(WriteCalls::kTickEvery);
  EXPECT_EQ(Asked().size(), WriteCalls::kAsksPerTickMax);
  node_.RunFor(WriteCalls::kTickEvery);
  EXPECT_EQ(Asked().size(), 100u) << "the others have just been asked for";
}

TEST_F(WriteCallsTest, ANewSequencerIsAskedAboutItsCalls) {
  Begin(1, Op(1));
  Begin(2, Op(2), Level::kFull, DataCenterAt(2));
  Lead(NodeAt(5), 2);
  calls_.AskAbout(kHome);
  EXPECT_EQ(Asked().size(), 1u);
}

TEST_F(WriteCallsTest, QuestionsNobodyAnswersDoNotPileUp) {
  for (CallId call = 1; call <= 100; ++call) Begin(call, Op(1));
  std::vector<RequestId> asked;
  while (asked.size() <= WriteCalls::kAskedMax) {
    calls_.AskAbout(kHome);
    for (const RequestId id : Asked()) asked.push_back(id);
  }
  EXPECT_EQ(calls_.asked_count(), WriteCalls::kAskedMax);
  calls_.TakeTicket(kSequencer, Story(asked.front(), OutcomeKind::kPending, Level::kAccepted));
  EXPECT_EQ(Told(), "") << "the oldest is forgotten";
  calls_.TakeTicket(kSequencer, Story(asked.back(), OutcomeKind::kPending, Level::kAccepted));
  EXPECT_NE(Told(), "");
}

class WriteCallTimeoutTest : public WriteCallsTest {
 protected:
  void TimeOut() {
    Lead(kSequencer, 1);
    node_.RunFor(absl::Seconds(1));
    EXPECT_EQ(told_.back(), "1 failed");
    EXPECT_EQ(calls_.count(), 0u);
  }
  void BeginShort(Level until = Level::kFull) { Begin(1, Op(1), until, kHome, absl::Seconds(1)); }
};

TEST_F(WriteCallTimeoutTest, NotOnRecord) {
  BeginShort();
  TimeOut();
  EXPECT_TRUE(absl::IsDeadlineExceeded(error_));
  EXPECT_EQ(ReasonOf(error_), reason::kOutcomeUnknown);
  EXPECT_EQ(error_.message(),
            "the key's home data center frankfurt had not put the write on record in time; it may "
            "still be recorded: ask with the ticket, or retry with the same op id");
  EXPECT_EQ(Detail("home"), "frankfurt");
  EXPECT_EQ(Detail("wanted"), "FULL");
  EXPECT_EQ(Detail("ticket").substr(0, 4), "wt1_");
}

TEST_F(WriteCallTimeoutTest, ItsHomeSilent) {
  node_.RunFor(absl::Milliseconds(1));
  BeginShort();
  node_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnavailable(error_));
  EXPECT_EQ(ReasonOf(error_), reason::kTriadUnavailable);
  EXPECT_EQ(error_.message(),
            "the key's home data center frankfurt does not answer; it may still be recorded: ask "
            "with the ticket, or retry with the same op id");
}

TEST_F(WriteCallTimeoutTest, NotDecided) {
  BeginShort();
  Say(Op(1), NoticeAccepted{});
  TimeOut();
  EXPECT_TRUE(absl::IsDeadlineExceeded(error_));
  EXPECT_EQ(ReasonOf(error_), reason::kOutcomeUnknown);
  EXPECT_EQ(error_.message(),
            "on record at frankfurt, but its round had not closed when the time was up; the ticket "
            "will tell");
}

TEST_F(WriteCallTimeoutTest, NotFarEnough) {
  BeginShort();
  Say(Op(1), NoticeAccepted{});
  Say(Op(1), Outcome(OutcomeKind::kWon));
  Say(Op(1), Reached(Level::kHeld));
  TimeOut();
  EXPECT_TRUE(absl::IsFailedPrecondition(error_));
  EXPECT_EQ(ReasonOf(error_), reason::kToleranceNotReached);
  EXPECT_EQ(error_.message(),
            "won, but HELD and not FULL when the time was up; shares reported: virginia 0, "
            "frankfurt 3, tokyo 0; the op goes on, its ticket tells how far");
  EXPECT_EQ(Detail("reached"), "HELD");
  EXPECT_EQ(Detail("shares_frankfurt"), "3");
}

TEST_F(WriteCallsTest, AForgottenCallIsToldNothingAndAStoppedOneWhy) {
  Begin(1, Op(1));
  Begin(2, Op(1));
  calls_.Forget(1);
  Say(Op(1), NoticeAccepted{});
  EXPECT_EQ(Told(), "2 accepted");
  Begin(3, Op(3));
  calls_.StopAll();
  EXPECT_EQ(Told(), "2 failed, 3 failed");
  EXPECT_EQ(ReasonOf(error_), "OUTCOME_UNKNOWN") << "its frame may be on its way";
  EXPECT_EQ(Detail("op_id"), arbiter::FormatOpId(Op(3)));
  EXPECT_NE(Detail("ticket"), "none");
  calls_.Fail(2, absl::AbortedError("again"));
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(budget_.ops(), 0u);
}

}  // namespace
}  // namespace worldb::engine
