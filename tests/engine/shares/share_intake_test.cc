// Goal:   a share is receipted when it is checked and synced, again when it is handed over again, and never
//         beside another value; a node that hands over too much at a time is told to come again.
// Method: one node with a store in memory; calls put to its intake, replies taken as they are sent.
#include "engine/shares/share_intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/cell/triad.h"
#include "engine/shares/share_store.h"
#include "tests/support/hand_scattered.h"
#include "tests/support/memory_store.h"

namespace worldb::testing {
namespace {

using engine::PutShares;
using engine::PutSharesReply;
using engine::ShareDelivery;
using engine::ShareIntake;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using DeliveryPtr = std::shared_ptr<const ShareDelivery>;

// A store whose reads may be answered late, with what was there when they were asked.
class LateStore final : public engine::Store {
 public:
  explicit LateStore(engine::Store& store) : store_(store) {}

  void Commit(std::vector<engine::StoreWrite> writes, bool sync,
              std::function<void(absl::Status)> done) override {
    store_.Commit(std::move(writes), sync, std::move(done));
  }
  void GetMany(engine::RowFamily family, std::vector<std::string> keys,
               std::function<void(std::vector<absl::StatusOr<Bytes>>)> done) override {
    store_.GetMany(family, std::move(keys),
                   [this, held = holds_, done = std::move(done)](auto rows) {
                     if (!held) return done(std::move(rows));
                     late_.push_back([done, rows = std::move(rows)] { done(rows); });
                   });
  }
  void Scan(engine::RowFamily family, std::string begin, std::string end, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<engine::StoreRow>>)> done) override {
    store_.Scan(family, std::move(begin), std::move(end), count_max, std::move(done));
  }

  // Of those asked from now on.
  void HoldAnswers(bool holds) { holds_ = holds; }
  void Answer() {
    for (const auto& answer : std::exchange(late_, {})) answer();
  }

 private:
  engine::Store& store_;
  bool holds_ = false;
  std::vector<std::function<void()>> late_;
};

class ShareIntakeTest : public ::testing::Test {
 protected:
  // From that node of the key's home.
  void Hand(int from, std::vector<DeliveryPtr> deliveries) {
    const engine::Cell& cell = node_.cell();
    const DataCenterIndex home = cell.HomeOf(cell.SlotOf(cell.KeyTagOf(AsBytes("key"))));
    HandFrom(engine::Triad(home).nodes()[from], std::move(deliveries));
  }
  void HandFrom(NodeIndex from, std::vector<DeliveryPtr> deliveries) {
    shares_.intake().Take(from, PutShares{++last_id_, std::move(deliveries)});
  }
  PutSharesReply HandAndWait(DeliveryPtr delivery) {
    Hand(0, {std::move(delivery)});
    node_.RunFor(absl::Seconds(1));
    auto replies = node_.Take<PutSharesReply>();
    EXPECT_THAT(replies, SizeIs(1));
    EXPECT_EQ(replies.at(0).message.id, last_id_);
    return std::move(replies.at(0).message);
  }
  // How many shares of the calls answered since were refused for being too many.
  std::size_t TooMany() {
    std::size_t count = 0;
    for (const auto& [to, reply] : node_.Take<PutSharesReply>()) {
      for (const engine::ShareRefusal& refusal : reply.refusals) {
        if (refusal.reason.find("offer it again later") != std::string::npos) ++count;
      }
    }
    return count;
  }

  LoneNode node_{NodeAt(4)};
  MemoryDisk disk_;
  SimExecutor executor_{node_.world()};
  MemoryStore memory_{disk_, executor_};
  LateStore store_{memory_};
  cryptoscatter::BatchVerifier verifier_;
  engine::PairwiseKeys keys_{node_.secrets(NodeAt(4)).exchange};
  engine::ShareStore shares_{node_.self(), store_, node_.secrets(NodeAt(4)), keys_, verifier_};
  const HandScattered value_ = ScatterByHand(node_, "key", "a value");
  engine::RequestId last_id_ = 0;
};

TEST_F(ShareIntakeTest, AGoodShareIsReceiptedAndWrittenOnce) {
  for (const bool again : {false, true}) {
    const PutSharesReply reply = HandAndWait(value_.deliveries[4]);
    ASSERT_THAT(reply.receipts, SizeIs(1)) << again;
    const cryptoscatter::ReceiptClaim claim = value_.share(4).Claim();
    EXPECT_TRUE(cryptoscatter::VerifyClaims(node_.cell().node(NodeAt(4)).signing_key,
                                            node_.cell().id(), {&claim, 1}, reply.receipts)
                    .ok());
    EXPECT_THAT(reply.refusals, IsEmpty());
    EXPECT_EQ(shares_.writes().stored_count(), 1u);
  }
}

TEST_F(ShareIntakeTest, AnotherValueUnderTheSameVersionStaysOut) {
  HandAndWait(value_.deliveries[4]);
  const PutSharesReply reply =
      HandAndWait(ScatterByHand(node_, "key", "another value").deliveries[4]);
  EXPECT_THAT(reply.receipts, IsEmpty());
  ASSERT_THAT(reply.refusals, SizeIs(1));
  EXPECT_THAT(reply.refusals[0].reason, HasSubstr("already stored with another value"));
  EXPECT_EQ(shares_.intake().core_conflict_count(), 1u) << "an alarm";
}

TEST_F(ShareIntakeTest, OnlyNodesOfTheKeysHomeHandOutItsShares) {
  const engine::Cell& cell = node_.cell();
  const DataCenterIndex home = cell.HomeOf(cell.SlotOf(cell.KeyTagOf(AsBytes("key"))));
  for (int from = 0; from < kNodeCount; ++from) {
    if (DataCenterOf(NodeAt(from)) == home) continue;
    HandFrom(NodeAt(from), {value_.deliveries[4]});
    node_.RunFor(absl::Seconds(1));
    const auto replies = node_.Take<PutSharesReply>();
    ASSERT_THAT(replies, SizeIs(1));
    EXPECT_THAT(replies[0].message.receipts, IsEmpty()) << from;
    EXPECT_THAT(replies[0].message.refusals.at(0).reason, HasSubstr("the key's home is"));
  }
  EXPECT_EQ(shares_.writes().stored_count(), 0u);
}

TEST_F(ShareIntakeTest, OfTwoValuesAtOnceOneGetsIn) {
  Hand(0, {value_.deliveries[4], ScatterByHand(node_, "key", "another value").deliveries[4]});
  node_.RunFor(absl::Seconds(1));
  const auto replies = node_.Take<PutSharesReply>();
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_THAT(replies[0].message.receipts, SizeIs(1));
  EXPECT_THAT(replies[0].message.refusals, SizeIs(1));
}

// What the first one read is old by the time it is here: the second was written meanwhile, or would have been.
TEST_F(ShareIntakeTest, ASlowReadLetsNoSecondValueIn) {
  store_.HoldAnswers(true);
  Hand(0, {ScatterByHand(node_, "key", "another value").deliveries[4]});
  node_.RunFor(absl::Milliseconds(10));
  store_.HoldAnswers(false);
  Hand(0, {value_.deliveries[4]});
  node_.RunFor(absl::Seconds(1));
  store_.Answer();
  node_.RunFor(absl::Seconds(1));
  const auto replies = node_.Take<PutSharesReply>();
  ASSERT_THAT(replies, SizeIs(2));
  EXPECT_EQ(replies[0].message.receipts.size() + replies[1].message.receipts.size(), 1u);
  EXPECT_EQ(shares_.writes().stored_count(), 1u);
  EXPECT_EQ(shares_.intake().core_conflict_count(), 1u);
}

TEST_F(ShareIntakeTest, WhatFailsACheckIsRefusedAndTheRestOfTheCallStands) {
  auto damaged = std::make_shared<ShareDelivery>(*ScatterByHand(node_, "key", "2").deliveries[4]);
  damaged->share.fragment[0] ^= 1;
  Hand(0, {value_.deliveries[5], damaged, nullptr, value_.deliveries[4]});
  node_.RunFor(absl::Seconds(1));
  const auto replies = node_.Take<PutSharesReply>();
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_THAT(replies[0].message.receipts, SizeIs(1));
  const auto& refusals = replies[0].message.refusals;
  ASSERT_THAT(refusals, SizeIs(3));
  EXPECT_THAT(refusals[0].reason, HasSubstr("was handed to node 4"));
  EXPECT_THAT(refusals[1].reason, HasSubstr("fragment"));
  for (std::uint32_t i = 0; i < refusals.size(); ++i) EXPECT_EQ(refusals[i].delivery, i);
}

TEST_F(ShareIntakeTest, AFailedCommitLeavesNoReceiptAndSaysWhy) {
  disk_.FailCommits(1, absl::ResourceExhaustedError("the disk is full"), FailedCommit::kLost);
  const PutSharesReply reply = HandAndWait(value_.deliveries[4]);
  EXPECT_THAT(reply.receipts, IsEmpty());
  EXPECT_THAT(reply.refusals, SizeIs(1));
  EXPECT_EQ(shares_.writes().store_status().message(), "the disk is full");
  EXPECT_THAT(HandAndWait(value_.deliveries[4]).receipts, SizeIs(1));
  EXPECT_TRUE(shares_.writes().store_status().ok());
}

TEST_F(ShareIntakeTest, MoreDeliveriesAtATimeThanTheBoundAreToComeAgain) {
  disk_.SetDelays(absl::Milliseconds(100), absl::Milliseconds(100));
  // Those of another node: they are refused too, when they have been through.
  const std::vector<DeliveryPtr> half(ShareIntake::kDeliveriesUnderWayMax / 2,
                                      value_.deliveries[5]);
  Hand(0, half);
  Hand(0, half);
  Hand(0, {value_.deliveries[4]});
  EXPECT_EQ(TooMany(), 1u);
  Hand(1, {value_.deliveries[4]});  // each node for itself
  EXPECT_EQ(TooMany(), 0u);
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(TooMany(), 0u);
  Hand(0, {value_.deliveries[4]});
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(node_.Take<PutSharesReply>().at(0).message.receipts.size(), 1u);
}

TEST_F(ShareIntakeTest, CallsWithNothingInThemCountToo) {
  disk_.SetDelays(absl::Milliseconds(100), absl::Milliseconds(100));
  for (std::size_t i = 0; i < ShareIntake::kDeliveriesUnderWayMax; ++i) Hand(0, {});
  Hand(0, {value_.deliveries[4]});
  EXPECT_EQ(TooMany(), 1u);
}

TEST_F(ShareIntakeTest, MoreBytesAtATimeThanTheBoundAreToComeAgain) {
  disk_.SetDelays(absl::Milliseconds(100), absl::Milliseconds(100));
  auto large = std::make_shared<ShareDelivery>(*value_.deliveries[5]);
  large->share.fragment.resize(std::size_t{1} << 20);
  Hand(0, std::vector<DeliveryPtr>(ShareIntake::kBytesUnderWayMax >> 20, large));
  Hand(0, {value_.deliveries[4]});
  EXPECT_EQ(TooMany(), 1u);
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(TooMany(), 0u);
  EXPECT_THAT(HandAndWait(value_.deliveries[4]).receipts, SizeIs(1));
}

}  // namespace
}  // namespace worldb::testing
