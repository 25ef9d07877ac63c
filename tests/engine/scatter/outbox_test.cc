// Goal:   a node gets what it is offered in bounded batches; what it does not take comes back; a node
//         that takes nothing rests, is tried with one version, and rests longer each time.
// Method: transcripts of the core: versions are numbers, shares are sizes, time is an argument.
#include "engine/scatter/outbox.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/seeded_entropy.h"

namespace worldb::engine {
namespace {

using worldb::testing::SeededEntropy;

arbiter::RoundId VersionNumber(std::uint64_t number) { return {KeyTag(), Version(number)}; }

std::string TextOf(const Outbox::Versions& versions) {
  std::string text;
  for (const arbiter::RoundId& id : versions) {
    text += (text.empty() ? "" : " ") + std::to_string(id.version.value());
  }
  return text;
}

cryptoscatter::ReceiptClaim ClaimOf(std::uint64_t number) {
  cryptoscatter::ReceiptClaim claim;
  claim.version = VersionNumber(number).version;
  return claim;
}

class OutboxTest : public ::testing::Test {
 protected:
  bool Offer(std::uint64_t number, std::size_t bytes = 1000, bool owed = false) {
    return outbox_.Offer({VersionNumber(number), ClaimOf(number), nullptr, bytes, owed});
  }
  // The next batch as it is sent: "1 2 3", "owed 4", or "nothing".
  std::string Send() {
    const auto batch = outbox_.NextBatch(now_);
    if (!batch.has_value()) return "nothing";
    last_ = batch->id;
    EXPECT_EQ(batch->patience, batch->owed ? Outbox::kRebuildPatience : Outbox::kAnswerPatience);
    const Outbox::Sent& sent = *outbox_.UnderWay(batch->id);
    EXPECT_EQ(batch->shares.size(), sent.versions.size());
    EXPECT_EQ(batch->shares.size(), sent.claims.size());
    for (std::size_t i = 0; i < sent.claims.size(); ++i) {
      EXPECT_EQ(sent.claims[i].version, sent.versions[i].version);
    }
    return (batch->owed ? "owed " : "") + TextOf(sent.versions);
  }
  // What follows: "back 1 2", "look 1s", "woke", or "".
  std::string Told(const Outbox::Effects& effects) {
    std::string text;
    if (!effects.taken_back.empty()) text += "back " + TextOf(effects.taken_back) + ";";
    if (effects.look_after) text += "look " + absl::FormatDuration(*effects.look_after) + ";";
    if (effects.woke) text += "woke;";
    return text;
  }
  std::string Hold(RequestId batch, std::initializer_list<std::uint64_t> numbers) {
    Outbox::Versions held;
    for (const std::uint64_t number : numbers) held.push_back(VersionNumber(number));
    return Told(outbox_.TakeAnswer(batch, held, /*gave_receipts=*/!held.empty(), now_));
  }
  std::string RefuseAll(RequestId batch) { return Hold(batch, {}); }
  std::string StaySilent(RequestId batch) { return Told(outbox_.TakeSilence(batch, now_)); }
  void Wait(int seconds) { now_ += absl::Seconds(seconds); }

  SeededEntropy entropy_{1};
  RequestIds ids_{entropy_};
  Outbox outbox_{NodeAt(4), ids_};
  RequestId last_ = 0;
  absl::Duration now_ = absl::Hours(5);
};

TEST_F(OutboxTest, WhatIsOfferedGoesTogetherAndIsAnsweredOnce) {
  for (const int number : {1, 2, 3}) EXPECT_TRUE(Offer(number));
  EXPECT_EQ(Send(), "1 2 3");
  EXPECT_EQ(Send(), "nothing");
  EXPECT_EQ(Hold(last_, {1, 2, 3}), "");
  EXPECT_EQ(outbox_.UnderWay(last_), nullptr);
  EXPECT_EQ(Hold(last_, {}), "") << "an answer again";
  EXPECT_EQ(StaySilent(last_), "") << "its patience runs out, and it was answered";
  EXPECT_FALSE(outbox_.resting());
}

TEST_F(OutboxTest, AfterABatchMoreGathersBeforeTheNext) {
  EXPECT_FALSE(outbox_.waits());
  Offer(1);
  EXPECT_TRUE(outbox_.waits());
  EXPECT_EQ(outbox_.PauseBeforeSend(now_), absl::ZeroDuration()) << "nothing was sent of late";
  EXPECT_EQ(Send(), "1");
  Offer(2);
  EXPECT_EQ(outbox_.PauseBeforeSend(now_), Outbox::kSendEvery);
  now_ += Outbox::kSendEvery / 4;
  EXPECT_EQ(outbox_.PauseBeforeSend(now_), Outbox::kSendEvery * 3 / 4);
  now_ += Outbox::kSendEvery;
  EXPECT_EQ(outbox_.PauseBeforeSend(now_), absl::ZeroDuration());
  EXPECT_EQ(Send(), "2");
  Offer(3, 1000, /*owed=*/true);
  EXPECT_EQ(outbox_.PauseBeforeSend(now_), absl::ZeroDuration()) << "nothing gathers with it";
}

TEST_F(OutboxTest, AfterALargeBatchMoreGathersForTheNext) {
  for (std::size_t i = 0; i < Outbox::kBusyBatch; ++i) Offer(i + 1);
  Send();
  Offer(100);
  EXPECT_EQ(outbox_.PauseBeforeSend(now_), Outbox::kSendEveryWhenBusy);
  Send();
  Offer(101);
  EXPECT_EQ(outbox_.PauseBeforeSend(now_), Outbox::kSendEvery) << "that was one alone";
}

TEST_F(OutboxTest, OfWhatItTakesHalfTheOtherHalfComesBack) {
  for (const int number : {1, 2, 3, 4}) Offer(number);
  EXPECT_EQ(Send(), "1 2 3 4");
  Offer(5);
  EXPECT_EQ(Hold(last_, {2, 4}), "back 1 3;");
  EXPECT_FALSE(outbox_.resting()) << "it takes something";
  EXPECT_EQ(Send(), "5");
}

TEST_F(OutboxTest, ReceiptsThatProveNothingBringTheBatchBackAndNoRest) {
  Offer(1);
  Send();
  EXPECT_EQ(Told(outbox_.TakeAnswer(last_, {}, /*gave_receipts=*/true, now_)), "back 1;");
  EXPECT_FALSE(outbox_.resting());
}

TEST_F(OutboxTest, ANodeThatTakesNothingRestsAndIsTriedWithOne) {
  for (const int number : {1, 2}) Offer(number);
  Send();
  Offer(3);
  EXPECT_EQ(RefuseAll(last_), "back 1 2 3;look 1s;") << "what waits comes back too";
  EXPECT_TRUE(outbox_.resting());
  EXPECT_FALSE(outbox_.IsToBeTried(now_));
  for (const char* look : {"2s", "4s", "8s", "16s", "30s", "30s"}) {
    Wait(30);
    ASSERT_TRUE(outbox_.IsToBeTried(now_));
    outbox_.TryWith(VersionNumber(1));
    EXPECT_FALSE(outbox_.IsToBeTried(now_)) << "one at a time";
    EXPECT_TRUE(outbox_.IsTriedWith(VersionNumber(1)));
    EXPECT_FALSE(outbox_.IsTriedWith(VersionNumber(2)));
    Offer(1);
    EXPECT_EQ(Send(), "1");
    EXPECT_EQ(RefuseAll(last_), std::string("back 1;look ") + look + ";");
  }
  Wait(30);
  outbox_.TryWith(VersionNumber(2));
  Offer(2);
  Send();
  EXPECT_EQ(Hold(last_, {2}), "woke;");
  EXPECT_FALSE(outbox_.resting());
  Offer(3);
  Send();
  EXPECT_EQ(RefuseAll(last_), "back 3;look 1s;") << "its rests begin short again";
}

TEST_F(OutboxTest, ABatchThatGoesUnansweredComesBackWithAllThatWaits) {
  Offer(1);
  Send();
  const RequestId first = last_;
  Offer(2);
  Send();
  const RequestId second = last_;
  Offer(3);
  EXPECT_EQ(StaySilent(first), "back 1 3;look 1s;");
  EXPECT_EQ(StaySilent(second), "back 2;") << "one rest, and one look";
  EXPECT_EQ(Hold(first, {1}), "") << "too late: it is offered again";
  EXPECT_TRUE(outbox_.resting());
}

TEST_F(OutboxTest, ALateReceiptForWhatIsStillUnderWayEndsTheRest) {
  Offer(1);
  Send();
  const RequestId first = last_;
  Offer(2);
  Send();
  StaySilent(first);
  EXPECT_EQ(Hold(last_, {2}), "woke;");
}

TEST_F(OutboxTest, AnOwedShareGoesAloneAndIsWaitedForLonger) {
  Offer(1);
  Offer(2, 1000, /*owed=*/true);
  Offer(3, 1000, /*owed=*/true);
  Offer(4);
  Offer(5);
  EXPECT_EQ(Send(), "1");
  EXPECT_EQ(Send(), "owed 2");
  EXPECT_EQ(Hold(last_, {2}), "");
  EXPECT_EQ(Send(), "owed 3");
  EXPECT_EQ(Send(), "4 5");
}

TEST_F(OutboxTest, ANodeThatReturnsInTheMiddleRestsNoLongerAndItsOldBatchesStillCount) {
  Offer(1);
  Send();
  const RequestId first = last_;
  Offer(2);
  Send();
  EXPECT_EQ(StaySilent(first), "back 1;look 1s;");
  outbox_.Wake();
  EXPECT_FALSE(outbox_.resting());
  Wait(1);
  EXPECT_FALSE(outbox_.IsToBeTried(now_)) << "the look finds nothing to do";
  EXPECT_EQ(Hold(last_, {2}), "");
  Offer(1);
  EXPECT_EQ(Send(), "1");
}

TEST_F(OutboxTest, ALookOfAnEarlierRestDoesNotShortenThePresentOne) {
  Offer(1);
  Send();
  EXPECT_EQ(RefuseAll(last_), "back 1;look 1s;");
  outbox_.Wake();
  now_ += absl::Milliseconds(900);
  Offer(1);
  Send();
  EXPECT_EQ(RefuseAll(last_), "back 1;look 1s;");
  now_ += absl::Milliseconds(100);
  EXPECT_FALSE(outbox_.IsToBeTried(now_));
  now_ += absl::Milliseconds(900);
  EXPECT_TRUE(outbox_.IsToBeTried(now_));
}

TEST_F(OutboxTest, ABatchIsBoundedInNumberAndInBytes) {
  for (std::size_t i = 0; i <= Outbox::kDeliveriesPerBatchMax; ++i) Offer(i + 1, 1);
  Send();
  EXPECT_EQ(outbox_.UnderWay(last_)->versions.size(), Outbox::kDeliveriesPerBatchMax);
  EXPECT_EQ(Send(), std::to_string(Outbox::kDeliveriesPerBatchMax + 1));
  Offer(1001, Outbox::kBatchBytesMax - 1);
  Offer(1002, 5);
  Offer(1003, 5);
  EXPECT_EQ(Send(), "1001 1002") << "full with the second";
  EXPECT_EQ(Send(), "1003");
}

TEST_F(OutboxTest, SoManyBatchesAreUnderWayAndTheNextGoesWhenOneIsAnswered) {
  std::vector<RequestId> sent;
  for (std::size_t i = 1; i <= Outbox::kBatchesUnderWayMax; ++i) {
    Offer(i, 1000, /*owed=*/true);
    EXPECT_NE(Send(), "nothing");
    sent.push_back(last_);
  }
  Offer(100);
  EXPECT_EQ(Send(), "nothing");
  EXPECT_EQ(Hold(sent.front(), {1}), "");
  EXPECT_EQ(Send(), "100");
  EXPECT_NE(outbox_.UnderWay(sent.back()), nullptr) << "none is dropped for another";
}

TEST_F(OutboxTest, MoreThanSoManyDoNotWait) {
  for (std::size_t i = 1; i <= Outbox::kWaitingMax; ++i) ASSERT_TRUE(Offer(i));
  EXPECT_FALSE(Offer(Outbox::kWaitingMax + 1));
  Send();
  EXPECT_TRUE(Offer(Outbox::kWaitingMax + 1)) << "there is room again";
}

TEST_F(OutboxTest, ClearedItKnowsNothing) {
  Offer(1);
  Send();
  Offer(2);
  RefuseAll(last_);
  Offer(3);
  outbox_.Clear();
  EXPECT_EQ(Send(), "nothing");
  EXPECT_EQ(Hold(last_, {1}), "");
  EXPECT_FALSE(outbox_.resting());
}

}  // namespace
}  // namespace worldb::engine
