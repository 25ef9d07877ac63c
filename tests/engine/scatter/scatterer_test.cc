// Goal:   levels are noted from verified receipts of those who were asked; what cannot be delivered is
//         kept and offered again; shares in memory are bounded whatever clients win and peers leave
//         unanswered.
// Method: the sequencer's node in virtual time; the nine nodes are played by the test, their receipts
//         signed with their keys.
#include "engine/scatter/scatterer.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "tests/support/seat.h"

namespace worldb::engine {
namespace {

using arbiter::Level;
using arbiter::LevelReached;
using arbiter::LogRecord;
using arbiter::RoundId;
using cryptoscatter::Signature;
using worldb::testing::Seat;

class ScattererTest : public ::testing::Test {
 protected:
  ScattererTest() {
    notes_.Open([] {});
    seat_.RunFor(absl::Milliseconds(100));
  }

  RoundId Win(std::size_t value_bytes = 100) {
    const PayloadPtr payload = seat_.Seal(value_bytes);
    seat_.Stage(payload);
    const arbiter::ClosedVersion closed = seat_.Closed(*payload);
    scatterer_.Scatter(closed);
    return closed.id;
  }
  // Wins a version whose payload is not here.
  arbiter::ClosedVersion WinElsewhere(const PayloadPtr& payload) {
    const arbiter::ClosedVersion closed = seat_.Closed(*payload);
    scatterer_.Scatter(closed);
    seat_.RunFor(absl::Milliseconds(10));
    return closed;
  }
  // It reads well, and is not what was committed to.
  PayloadPtr StageDamaged(const Payload& payload) {
    auto damaged = std::make_shared<Payload>(payload);
    damaged->sealed.ciphertext[0] ^= 1;
    damaged->encoded = std::make_shared<const Bytes>(damaged->sealed.Encode());
    seat_.Stage(damaged);
    return damaged;
  }
  // What each node is sent now, by node.
  std::map<int, std::vector<PutShares>> Sent() {
    seat_.RunFor(Outbox::kSendEvery + absl::Milliseconds(10));
    std::map<int, std::vector<PutShares>> sent;
    for (auto& put : seat_.node().Take<PutShares>()) {
      sent[put.to.value()].push_back(std::move(put.message));
    }
    return sent;
  }
  std::vector<Signature> ReceiptsFor(int node, const PutShares& put) {
    std::vector<cryptoscatter::ReceiptClaim> claims;
    for (const auto& delivery : put.deliveries) claims.push_back(delivery->share.Claim());
    return cryptoscatter::SignClaims(seat_.node().secrets(NodeAt(node)).signing,
                                     seat_.node().cell().id(), claims);
  }
  void Answer(int node, const PutShares& put) {
    scatterer_.TakeReceipts(NodeAt(node), {put.id, {}, ReceiptsFor(node, put)});
  }
  void Refuse(int node, const PutShares& put) {
    scatterer_.TakeReceipts(NodeAt(node), {put.id, {}, {}});
  }
  void AnswerAll() {
    for (const auto& [node, puts] : Sent()) {
      for (const PutShares& put : puts) Answer(node, put);
    }
  }
  std::vector<LogRecord> Notes() {
    std::vector<LogRecord> records;
    notes_.MoveTo(records, {});
    return records;
  }
  std::optional<LevelReached> NotedLevel() {
    const std::vector<LogRecord> records = Notes();
    if (records.size() != 1 || !std::holds_alternative<LevelReached>(records[0])) {
      return std::nullopt;
    }
    return std::get<LevelReached>(records[0]);
  }

  Seat seat_;
  LogNotes notes_;
  Scatterer scatterer_{seat_.self(), notes_, seat_.staging(), seat_.peers(), seat_.verifier()};
};

TEST_F(ScattererTest, NineReceiptsAreFull) {
  const RoundId id = Win();
  auto sent = Sent();
  ASSERT_EQ(sent.size(), 9u);
  for (int node = 0; node < 9; ++node) Answer(node, sent[node].at(0));
  const auto noted = NotedLevel();
  ASSERT_TRUE(noted.has_value());
  EXPECT_EQ(*noted, (LevelReached{id, Level::kFull, NodeSet::All()}));
  seat_.RunFor(absl::Seconds(30));
  EXPECT_TRUE(Sent().empty());
}

TEST_F(ScattererTest, VersionsThatCloseTogetherTravelTogether) {
  seat_.SetDiskDelays(absl::Milliseconds(1), absl::Milliseconds(100));
  for (int i = 0; i < 3; ++i) Win();
  seat_.RunFor(absl::Milliseconds(200));
  auto sent = Sent();
  std::size_t deliveries = 0;
  for (const PutShares& put : sent[4]) deliveries += put.deliveries.size();
  EXPECT_EQ(deliveries, 3u);
}

TEST_F(ScattererTest, ReceiptsThatProveNothingCountForNothing) {
  Win();
  auto sent = Sent();
  const PutShares& put = sent[4].at(0);
  const std::vector<Signature> receipts = ReceiptsFor(4, put);
  scatterer_.TakeReceipts(NodeAt(5), {put.id, {}, receipts});  // who was not asked
  std::vector<Signature> forged = receipts;
  forged[0].bytes[0] ^= 1;
  scatterer_.TakeReceipts(NodeAt(4), {put.id, {}, forged});
  scatterer_.TakeReceipts(NodeAt(4), {put.id, {}, receipts});  // asked once, answered once
  // Another node's, more than were handed over, and none for a share that is not refused.
  const PutShares& other = sent[8].at(0);
  scatterer_.TakeReceipts(NodeAt(8), {other.id, {}, ReceiptsFor(7, sent[7].at(0))});
  const PutShares& third = sent[2].at(0);
  scatterer_.TakeReceipts(NodeAt(2),
                          {third.id, {{.delivery = 0, .reason = "no"}}, ReceiptsFor(2, third)});
  for (const int node : {0, 1, 3, 5, 6, 7}) Answer(node, sent[node].at(0));
  const auto noted = NotedLevel();
  ASSERT_TRUE(noted.has_value());
  EXPECT_EQ(noted->held, NodeSet::FromBits(0b011101011));
  EXPECT_LT(noted->level, Level::kFull);
}

TEST_F(ScattererTest, WhatANodeDidNotTakeIsOfferedByTheSweep) {
  seat_.SetDiskDelays(absl::Milliseconds(1), absl::Milliseconds(50));
  const RoundId first = Win();
  const RoundId second = Win();
  seat_.RunFor(absl::Milliseconds(100));
  for (auto& [node, puts] : Sent()) {
    for (PutShares& put : puts) {
      const bool skips = node == 7 && put.deliveries.back()->share.Claim().version == Version(1) &&
                         put.deliveries.back()->share.core.key_tag == second.key_tag;
      if (!skips) {
        Answer(node, put);
        continue;
      }
      PutShares half = put;
      half.deliveries.pop_back();
      std::vector<Signature> receipts = ReceiptsFor(node, half);
      if (receipts.empty()) receipts = ReceiptsFor(6, put);  // worthless, but no refusal
      const auto last = static_cast<std::uint32_t>(half.deliveries.size());
      scatterer_.TakeReceipts(NodeAt(node),
                              {put.id, {{.delivery = last, .reason = "later"}}, receipts});
    }
  }
  Notes();
  seat_.RunFor(absl::Seconds(11));
  AnswerAll();
  const auto noted = NotedLevel();
  ASSERT_TRUE(noted.has_value());
  EXPECT_EQ(noted->version, second);
  EXPECT_EQ(noted->level, Level::kFull);
  EXPECT_NE(first, second);
}

TEST_F(ScattererTest, ANodeThatRefusesRestsAndIsTriedWithOneVersion) {
  for (int i = 0; i < 3; ++i) {
    Win();
    for (auto& [node, puts] : Sent()) {
      for (const PutShares& put : puts) node == 8 ? Refuse(8, put) : Answer(node, put);
    }
  }
  std::size_t tried = 0;
  for (int second = 0; second < 20; ++second) {
    seat_.RunFor(absl::Seconds(1));
    for (auto& [node, puts] : Sent()) {
      EXPECT_EQ(node, 8);
      for (const PutShares& put : puts) {
        EXPECT_EQ(put.deliveries.size(), 1u);
        ++tried;
        Refuse(8, put);
      }
    }
  }
  EXPECT_GE(tried, 3u);
  EXPECT_LE(tried, 6u);
  // It takes one: then it gets all.
  std::size_t taken = 0;
  for (int second = 0; second < 60; ++second) {
    seat_.RunFor(absl::Seconds(1));
    for (auto& [node, puts] : Sent()) {
      for (const PutShares& put : puts) {
        taken += put.deliveries.size();
        Answer(node, put);
      }
    }
  }
  EXPECT_EQ(taken, 3u);
}

TEST_F(ScattererTest, ANodeThatReturnsIsOfferedWhatItLacks) {
  seat_.SetUp(NodeSet::FromBits(0b011111111));
  seat_.RunFor(absl::Seconds(2));
  const RoundId id = Win();
  AnswerAll();
  EXPECT_EQ(NotedLevel()->held, NodeSet::FromBits(0b011111111));
  scatterer_.OnNodeReturned(NodeAt(8));
  seat_.SetUp(NodeSet::All());
  seat_.RunFor(absl::Milliseconds(10));
  AnswerAll();
  EXPECT_EQ(*NotedLevel(), (LevelReached{id, Level::kFull, NodeSet::All()}));
}

TEST_F(ScattererTest, APayloadThatIsNotHereIsTakenFromASiblingThatWasAsked) {
  const PayloadPtr payload = seat_.Seal();
  WinElsewhere(payload);
  auto asks = seat_.node().Take<StageGet>();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_EQ(asks[0].to, NodeAt(1));
  const RequestId request = asks[0].message.id;
  scatterer_.TakePayload(NodeAt(2), {request, absl::OkStatus(), payload});
  scatterer_.TakePayload(NodeAt(1), {request, absl::OkStatus(), seat_.Seal()});
  EXPECT_TRUE(Sent().empty()) << "from somebody else, or something else";
  seat_.RunFor(absl::Seconds(1));
  asks = seat_.node().Take<StageGet>();
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_EQ(asks[0].to, NodeAt(2)) << "the other one's turn";
  scatterer_.TakePayload(NodeAt(2), {asks[0].message.id, absl::OkStatus(), payload});
  EXPECT_EQ(Sent().size(), 9u);
}

// It reads well, but is not what was committed to: this node's copy would be read so for ever.
TEST_F(ScattererTest, ADamagedPayloadIsTakenFromASibling) {
  const PayloadPtr payload = seat_.Seal();
  const PayloadPtr damaged = StageDamaged(*payload);
  WinElsewhere(payload);
  auto asks = seat_.node().Take<StageGet>();
  ASSERT_EQ(asks.size(), 1u);
  scatterer_.TakePayload(asks[0].to, {asks[0].message.id, absl::OkStatus(), damaged});
  seat_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(seat_.node().Take<StageGet>().empty()) << "no better: not at once again";
  seat_.RunFor(absl::Minutes(1));
  asks = seat_.node().Take<StageGet>();
  ASSERT_FALSE(asks.empty()) << "the sweep asks again";
  scatterer_.TakePayload(asks.back().to, {asks.back().message.id, absl::OkStatus(), payload});
  EXPECT_EQ(Sent().size(), 9u);
}

// It was what was committed to when it came, and went bad since: what is made of it is refused once.
TEST_F(ScattererTest, ACheckedPayloadIsCheckedAgainWhenItsSharesAreRefused) {
  const PayloadPtr payload = seat_.Seal();
  const PayloadPtr damaged = StageDamaged(*payload);
  seat_.staging().NoteChecked(damaged->commitment);
  WinElsewhere(payload);
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 9u);
  for (const auto& [node, puts] : sent) Refuse(node, puts.at(0));
  EXPECT_TRUE(seat_.node().Take<StageGet>().empty());
  seat_.RunFor(absl::Minutes(1));
  const auto asks = seat_.node().Take<StageGet>();
  ASSERT_FALSE(asks.empty());
  scatterer_.TakePayload(asks.back().to, {asks.back().message.id, absl::OkStatus(), payload});
  EXPECT_FALSE(Sent().empty());
}

TEST_F(ScattererTest, WhatNobodyHasEndsVoidAndAnAnswerAfterThatIsNone) {
  const arbiter::ClosedVersion closed = WinElsewhere(seat_.Seal());
  for (const int sibling : {1, 2}) {
    const auto asks = seat_.node().Take<StageGet>();
    ASSERT_EQ(asks.size(), 1u);
    scatterer_.TakePayload(NodeAt(sibling),
                           {asks[0].message.id, absl::NotFoundError("not staged"), nullptr});
    seat_.RunFor(absl::Seconds(1));
  }
  // Receipts may have been given to somebody who could not log them: all nine are asked.
  EXPECT_TRUE(Notes().empty());
  auto probes = seat_.node().Take<ProbeShare>();
  ASSERT_EQ(probes.size(), 9u);
  for (const auto& probe : probes) {
    EXPECT_EQ(probe.message.commitment, closed.commitment);
    if (probe.to.value() < 4) scatterer_.TakeProbe(probe.to, {probe.message.id, true, {}});
  }
  scatterer_.TakeProbe(NodeAt(6), {probes[5].message.id, true, {}});
  EXPECT_TRUE(Notes().empty()) << "five could still read it, and node 6 was not asked for node 5's";
  seat_.RunFor(LastLook::kAgainAfter);
  probes = seat_.node().Take<ProbeShare>();
  ASSERT_EQ(probes.size(), 9u) << "answers of one round count together";
  for (const auto& probe : probes) scatterer_.TakeProbe(probe.to, {probe.message.id, true, {}});
  const std::vector<LogRecord> expected = {
      arbiter::VersionVoid{closed.id, NodeSet::Of(DataCenterAt(0))}};
  EXPECT_EQ(Notes(), expected);
  const auto asks = seat_.node().Take<StageGet>();
  ASSERT_FALSE(asks.empty()) << "it asks until the log has said so";
  scatterer_.Forget(closed.id);
  scatterer_.TakePayload(asks.back().to,
                         {asks.back().message.id, absl::NotFoundError("not staged"), nullptr});
  seat_.RunFor(absl::Seconds(5));
  EXPECT_TRUE(seat_.node().Take<StageGet>().empty());
}

// Its shares were stored and receipted, and the sequencer that had the receipts died before it could log them.
TEST_F(ScattererTest, WhatNodesHoldIsNotLostThoughNobodyHasThePayload) {
  const PayloadPtr payload = seat_.Seal();
  const arbiter::ClosedVersion closed = WinElsewhere(payload);
  for (const int sibling : {1, 2}) {
    const auto asks = seat_.node().Take<StageGet>();
    ASSERT_EQ(asks.size(), 1u);
    scatterer_.TakePayload(NodeAt(sibling),
                           {asks[0].message.id, absl::NotFoundError("not staged"), nullptr});
    seat_.RunFor(absl::Seconds(1));
  }
  EXPECT_EQ(scatterer_.StandingOf(closed.id, NodeAt(5)), Scatterer::Standing::kNone);
  for (const auto& probe : seat_.node().Take<ProbeShare>()) {
    const cryptoscatter::ReceiptClaim claim{closed.slot,
                                            seat_.node().cell().slot_epoch(),
                                            closed.id.version,
                                            payload->sealed.core.Id(),
                                            0,
                                            probe.to};
    const auto receipt = cryptoscatter::SignReceipts(seat_.node().secrets(probe.to).signing,
                                                     seat_.node().cell().id(), {&claim, 1});
    scatterer_.TakeProbe(probe.to, {probe.message.id, false, receipt.front()});
  }
  const std::vector<LogRecord> notes = Notes();
  ASSERT_EQ(notes.size(), 1u);
  const auto* level = std::get_if<arbiter::LevelReached>(&notes[0]);
  ASSERT_NE(level, nullptr);
  EXPECT_GE(level->level, arbiter::Level::kHeld)
      << "enough to be never given up; the rest tell by themselves";
  // They are counted by what the log says, while a sibling is still being asked for the payload.
  scatterer_.NoteHeld(closed.id, NodeSet::All());
  seat_.RunFor(absl::Seconds(5));
  EXPECT_EQ(scatterer_.StandingOf(closed.id, NodeAt(0)), Scatterer::Standing::kNone)
      << "settled, and forgotten";
}

// A gateway sealed key shares that do not open. They won: only nodes could see it.
TEST_F(ScattererTest, WhatNodesCanNeverHoldEndsVoidByTheirWord) {
  const PayloadPtr payload = seat_.Seal();
  seat_.Stage(payload);
  const arbiter::ClosedVersion closed = seat_.Closed(*payload);
  scatterer_.Scatter(closed);
  const RoundId id = closed.id;
  auto sent = Sent();
  const auto refuse = [&](int node, int signer, bool of_another) {
    const PutShares& put = sent[node].at(0);
    const ShareDelivery& delivery = *put.deliveries.at(0);
    Hash256 delivered =
        cryptoscatter::DeliveredHash(delivery.writer_exchange_key, delivery.key_share);
    if (of_another) delivered.bytes[0] ^= 1;
    const cryptoscatter::Refusal refusal =
        cryptoscatter::SignRefusal(seat_.node().secrets(NodeAt(signer)).signing,
                                   seat_.node().cell().id(), {delivery.share.Claim(), delivered});
    scatterer_.TakeReceipts(
        NodeAt(node),
        {put.id, {{.delivery = 0, .reason = "its key share", .writers_fault = refusal}}, {}});
  };
  for (const int node : {0, 1, 2}) refuse(node, node, false);
  refuse(3, 4, false);
  refuse(4, 4, true);
  Refuse(5, sent[5].at(0));
  EXPECT_TRUE(seat_.node().Take<StageGet>().empty())
      << "one data center cannot keep the others from reading, nor do forged words count, nor "
         "those of "
         "what was changed on the way";
  for (const int node : {6, 7}) refuse(node, node, false);
  EXPECT_TRUE(Notes().empty()) << "this copy of the payload may be the bad one";
  auto asks = seat_.node().Take<StageGet>();
  ASSERT_EQ(asks.size(), 1u);
  scatterer_.TakePayload(asks[0].to, {asks[0].message.id, absl::OkStatus(), payload});
  // Who gave no receipt rests before it is tried again.
  NodeSet again;
  for (int i = 0; i < 200 && Notes().empty() && again.Count() < 5; ++i) {
    seat_.RunFor(absl::Seconds(1));
    sent = Sent();
    for (const int node : {0, 1, 2, 6, 7}) {
      if (sent[node].empty()) continue;
      again.Add(NodeAt(node));
      if (again.Count() < 5) refuse(node, node, false);
    }
  }
  ASSERT_EQ(again.Count(), 5);
  for (const int node : {0, 1, 2, 6, 7}) {
    if (!sent[node].empty()) refuse(node, node, false);
  }
  const std::vector<LogRecord> expected = {
      arbiter::VersionVoid{id, NodeSet(), NodeSet::FromBits(0b11000111)}};
  EXPECT_EQ(Notes(), expected);
}

TEST_F(ScattererTest, OnlyFromThoseAskedIsACopyNoted) {
  const PayloadPtr payload = seat_.Seal();
  seat_.Stage(payload);
  arbiter::ClosedVersion closed = seat_.Closed(*payload);
  closed.staged = NodeSet::FromBits(0b001);
  scatterer_.Scatter(closed);
  seat_.RunFor(absl::Seconds(11));
  const auto puts = seat_.node().Take<StagePut>();
  ASSERT_EQ(puts.size(), 2u);
  scatterer_.TakeStaged(NodeAt(5), {puts[0].message.id, absl::OkStatus()});
  EXPECT_TRUE(Notes().empty());
  scatterer_.TakeStaged(puts[0].to, {puts[0].message.id, absl::OkStatus()});
  NodeSet staged;
  staged.Add(puts[0].to);
  EXPECT_EQ(Notes(), std::vector<LogRecord>{(arbiter::Restaged{closed.id, staged})});
}

TEST_F(ScattererTest, SharesInMemoryAreBoundedAndTheRestWaitsAsNames) {
  constexpr std::size_t kValueBytes = std::size_t{1} << 20;
  constexpr std::size_t kWins = 80;
  std::size_t share_bytes = 0;
  for (std::size_t i = 0; i < kWins; ++i) Win(kValueBytes);
  std::map<int, std::vector<PutShares>> sent;
  const auto collect = [&] {
    for (auto& [node, puts] : Sent()) {
      for (PutShares& put : puts) {
        for (const auto& delivery : put.deliveries) share_bytes += BytesOf(*delivery);
        sent[node].push_back(std::move(put));
      }
    }
  };
  collect();
  const std::size_t of_one = share_bytes / (sent[0].size() * kNodeCount) * kNodeCount;
  EXPECT_LE(share_bytes, Scatterer::kUnderWayBytesMax + of_one);
  std::size_t answered = 0;
  while (!sent.empty()) {
    for (const auto& [node, puts] : std::exchange(sent, {})) {
      for (const PutShares& put : puts) {
        answered += put.deliveries.size();
        Answer(node, put);
      }
    }
    collect();
  }
  EXPECT_EQ(answered, kWins * kNodeCount) << "each has its turn";
}

TEST_F(ScattererTest, SharesOfPayloadsBeingReadCountAndOfThoseAskedForDoNot) {
  constexpr std::size_t kValueBytes = std::size_t{1} << 20;
  std::vector<arbiter::ClosedVersion> closed;
  for (int i = 0; i < 30; ++i) closed.push_back(seat_.Closed(*seat_.Seal(kValueBytes)));
  for (int i = 0; i < 30; ++i) {
    const PayloadPtr payload = seat_.Seal(kValueBytes);
    seat_.Stage(payload);
    closed.push_back(seat_.Closed(*payload));
  }
  seat_.SetDiskDelays(absl::ZeroDuration(), absl::Seconds(1));
  for (const arbiter::ClosedVersion& version : closed) scatterer_.Scatter(version);
  // All are read at the same time; those that are not here must not hold up the others.
  seat_.RunFor(absl::Seconds(5));
  std::size_t bytes = 0;
  for (const auto& [node, puts] : Sent()) {
    for (const PutShares& put : puts) {
      for (const auto& delivery : put.deliveries) bytes += BytesOf(*delivery);
    }
  }
  const std::size_t of_one =
      BytesOfNine(*cryptoscatter::Script::Nested(), closed.back().payload_bytes);
  EXPECT_GT(bytes, Scatterer::kUnderWayBytesMax / 2);
  EXPECT_LE(bytes, Scatterer::kUnderWayBytesMax + of_one);
}

TEST_F(ScattererTest, WhoStepsDownForgets) {
  Win();
  auto sent = Sent();
  scatterer_.StepDown();
  Answer(4, sent[4].at(0));
  EXPECT_TRUE(Notes().empty());
  seat_.RunFor(absl::Seconds(30));
  EXPECT_TRUE(Sent().empty());
}

}  // namespace
}  // namespace worldb::engine
