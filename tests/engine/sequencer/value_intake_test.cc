// Goal:   a large value is staged once, answered for when it is, and refused when no writer of the cell
//         signed it; what comes beyond the bound is left to be asked for again.
// Method: one triad node in virtual time; its siblings' disks are answered for by hand.
#include "engine/sequencer/value_intake.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/seat.h"

namespace worldb::engine {
namespace {

using worldb::testing::Seat;

class ValueIntakeTest : public ::testing::Test {
 protected:
  ValueIntakeTest() { seat_.SetUp(NodeSet()); }
  void Take(const PayloadPtr& payload, RequestId id = 1) {
    intake_.Take(NodeAt(7), StageValue{id, payload});
    seat_.RunFor(absl::Milliseconds(10));
  }
  // Every job under way is synced by a sibling.
  void Sync() {
    for (const auto& put : seat_.node().Take<StagePut>()) {
      stager_.OnStaged(put.to, StagePutReply{put.message.id, absl::OkStatus()});
    }
  }
  std::vector<std::string> Replies() {
    std::vector<std::string> replies;
    for (const auto& sent : seat_.node().Take<StageValueReply>()) {
      replies.push_back(std::to_string(sent.message.id) + " " +
                        std::string(absl::StatusCodeToString(sent.message.status.code())));
    }
    return replies;
  }
  using Words = std::vector<std::string>;

  Seat seat_{NodeAt(0)};
  TriadStager stager_{seat_.self(), seat_.staging(), seat_.peers()};
  ValueIntake intake_{seat_.self(), seat_.staging(), stager_};
};

TEST_F(ValueIntakeTest, AnsweredOnceItIsStaged) {
  const PayloadPtr payload = seat_.Seal();
  Take(payload);
  EXPECT_EQ(Replies(), Words());
  Take(payload, 2);  // a repeat meanwhile
  Sync();
  EXPECT_EQ(Replies(), Words({"1 OK"}));
  Take(payload, 3);
  EXPECT_EQ(Replies(), Words({"3 OK"})) << "it is there already";
  const auto staged = intake_.Extract(payload->commitment);
  ASSERT_TRUE(staged.has_value());
  EXPECT_EQ(staged->script, payload->sealed.script);
  EXPECT_EQ(staged->nodes.Count(), 2);
  EXPECT_EQ(intake_.Find(payload->commitment), nullptr);
  EXPECT_TRUE(seat_.staging().WasChecked(payload->commitment));
  // A sibling's word for the same is not this node's.
  seat_.staging().TakePut(NodeAt(1), {9, {payload}});
  seat_.RunFor(absl::Milliseconds(10));
  EXPECT_TRUE(seat_.staging().Has(payload->commitment));
  EXPECT_FALSE(seat_.staging().WasChecked(payload->commitment));
}

TEST_F(ValueIntakeTest, WhatNoWriterSignedIsRefused) {
  auto forged = std::make_shared<Payload>(*seat_.Seal());
  forged->sealed.proof = seat_.Seal()->sealed.proof;
  Take(forged);
  EXPECT_EQ(Replies(), Words({"1 INVALID_ARGUMENT"}));
  EXPECT_EQ(intake_.under_way_count(), 0u);
  Take(nullptr);
  EXPECT_EQ(Replies(), Words());
}

// An ingress may die between a value and its frame, again and again, in one long term.
TEST_F(ValueIntakeTest, ValuesWhoseFramesNeverComeAreBounded) {
  ValueIntake intake(seat_.self(), seat_.staging(), stager_, 3);
  for (RequestId id = 1; id <= 8; ++id) {
    intake.Take(NodeAt(7), StageValue{id, seat_.Seal()});
    seat_.RunFor(absl::Milliseconds(10));
    Sync();
    EXPECT_EQ(Replies(), Words({std::to_string(id) + " OK"}));
    EXPECT_LE(intake.staged_count(), 3u);
  }
  EXPECT_EQ(intake.staged_count(), 3u);
}

TEST_F(ValueIntakeTest, BytesUnderWayAreBounded) {
  // Nothing is looked at before there is room, so one large value may stand for many.
  const auto large = std::make_shared<const Bytes>(std::size_t{4} << 20);
  const std::size_t fit = ValueIntake::kUnderWayBytesMax / large->size();
  for (std::size_t i = 0; i < fit + 10; ++i) {
    auto payload = std::make_shared<Payload>();
    payload->commitment.bytes[0] = static_cast<std::uint8_t>(i);
    payload->commitment.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    payload->encoded = large;
    intake_.Take(NodeAt(7), StageValue{i + 1, payload});
  }
  EXPECT_EQ(intake_.under_way_count(), fit);
  seat_.RunFor(absl::Milliseconds(10));
  EXPECT_EQ(Replies().size(), fit) << "refused, each; the others are asked for again";
  EXPECT_EQ(intake_.under_way_count(), 0u);
}

TEST_F(ValueIntakeTest, AnotherTermKnowsNothing) {
  const PayloadPtr payload = seat_.Seal();
  Take(payload);
  intake_.Clear();
  stager_.Clear();
  Sync();
  EXPECT_EQ(Replies(), Words());
  EXPECT_EQ(intake_.Find(payload->commitment), nullptr);
}

}  // namespace
}  // namespace worldb::engine
