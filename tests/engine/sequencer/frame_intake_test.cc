// Goal:   frames come out in the order they went in, once each, when they are staged or refused; a
//         stream that sends too much waits.
// Method: one triad node in virtual time; its siblings' disks are answered for by hand.
#include "engine/sequencer/frame_intake.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/home_book.h"
#include "tests/support/seat.h"

namespace worldb::engine {
namespace {

using worldb::testing::HomeBook;
using worldb::testing::Seat;

constexpr NodeIndex kFrom = NodeAt(7);

class FrameIntakeTest : public ::testing::Test {
 protected:
  FrameIntakeTest() { seat_.SetUp(NodeSet()); }

  Frame Void(std::uint64_t number) const { return {FrameNumber(number), std::nullopt, nullptr}; }
  // A write of a key of this home, with its payload.
  Frame Write(std::uint64_t number) {
    PayloadPtr payload;
    do {
      payload = seat_.Seal();
    } while (cell().HomeOf(cell().SlotOf(payload->sealed.core.key_tag)) != DataCenterAt(0));
    arbiter::Candidate c;
    c.op = payload->sealed.core.op_id;
    c.key_tag = payload->sealed.core.key_tag;
    c.slot = cell().SlotOf(c.key_tag);
    c.stamp = {absl::FromUnixSeconds(1'700'000'000), absl::Milliseconds(1), kFrom, StreamEpoch(1),
               FrameNumber(number)};
    c.commitment = payload->commitment;
    c.script = payload->sealed.script;
    c.payload_bytes = payload->sealed.ciphertext.size();
    return {FrameNumber(number), c, payload};
  }
  void Take(std::vector<Frame> frames, std::uint64_t stream_epoch = 1,
            std::uint64_t stream_first = 1) {
    intake_.Take(kFrom, FrameBatch{DataCenterAt(0), StreamEpoch(stream_epoch),
                                   FrameNumber(stream_first), std::move(frames)});
    seat_.RunFor(absl::Milliseconds(10));
  }
  void Sync() {
    for (const auto& put : seat_.node().Take<StagePut>()) {
      stager_.OnStaged(put.to, StagePutReply{put.message.id, absl::OkStatus()});
    }
  }
  // "1 2- 3 ": the numbers that are ready, with a mark where nothing is recorded.
  std::string Ready() {
    std::string words;
    for (const ReadyFrame& frame : intake_.Ready(1000)) {
      words += std::to_string(frame.number.value()) + (frame.candidate == nullptr ? "- " : " ");
    }
    return words;
  }
  const Cell& cell() const { return seat_.node().cell(); }

  Seat seat_{NodeAt(0)};
  HomeBook book_{seat_.node().cell()};
  cryptoscatter::BatchVerifier verifier_;
  TriadStager stager_{seat_.self(), seat_.staging(), seat_.peers()};
  ValueIntake values_{seat_.self(), seat_.staging(), stager_};
  int told_ = 0;
  FrameIntake intake_{seat_.self(), book_.state(), seat_.staging(),    stager_,
                      values_,      verifier_,     [this] { ++told_; }};
};

TEST_F(FrameIntakeTest, NothingOvertakesWhatIsBeingStaged) {
  Take({Void(1), Write(2), Void(3)});
  EXPECT_EQ(Ready(), "1- ") << "3 waits behind 2";
  Sync();
  EXPECT_EQ(Ready(), "1- 2 3- ");
  EXPECT_GE(told_, 2);
  intake_.Consume(2);
  EXPECT_EQ(Ready(), "3- ");
  EXPECT_EQ(intake_.first_sequence(), 2u);
  EXPECT_EQ(intake_.end_sequence(), 3u);
}

TEST_F(FrameIntakeTest, RepeatsAndGapsAreNotTaken) {
  Take({Void(1), Void(2), Void(4)});
  Take({Void(2), Void(3)});
  EXPECT_EQ(Ready(), "1- 2- 3- ");
}

TEST_F(FrameIntakeTest, AnEarlierLifeOfTheSenderIsNotHeard) {
  Take({Void(1)}, 2);
  Take({Void(2)}, 1);
  EXPECT_EQ(Ready(), "1- ");
  Take({Void(1)}, 3);
  EXPECT_EQ(Ready(), "1- 1- ") << "a new life counts anew";
}

TEST_F(FrameIntakeTest, NothingIsTakenUnderAnEpochBelowOneOnRecord) {
  arbiter::LogEntry entry;
  entry.reading = book_.Reading();
  entry.cursors = {{kFrom, StreamEpoch(4), FrameNumber(9)}};
  book_.Apply(entry);
  EXPECT_EQ(intake_.StreamEpochOf(kFrom), StreamEpoch(4));
  EXPECT_EQ(intake_.StreamEpochOf(NodeAt(8)), StreamEpoch());
  Take({Void(1)}, 3);
  EXPECT_EQ(Ready(), "");
  Take({Void(11), Void(12)}, 5, /*stream_first=*/11);
  EXPECT_EQ(Ready(), "11- 12- ") << "a stream may begin where the one before it ended";
  EXPECT_EQ(intake_.StreamEpochOf(kFrom), StreamEpoch(5));
  Take({Void(10)}, 4);
  EXPECT_EQ(Ready(), "11- 12- ");
}

TEST_F(FrameIntakeTest, WhatIsRefusedKeepsItsPlaceAndIsTold) {
  Frame forged = Write(1);
  forged.candidate->commitment.bytes[0] ^= 1;
  Take({forged, Void(2)});
  EXPECT_EQ(Ready(), "1- 2- ");
  EXPECT_TRUE(seat_.node().Take<OpNotices>().empty())
      << "another sequencer might take it in yet: not before the cursor has passed it";
  intake_.Consume(2);
  const auto notices = seat_.node().Take<OpNotices>();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].to, kFrom);
  const auto& refused = std::get<NoticeRefused>(notices[0].message.notices[0].what);
  EXPECT_EQ(refused.number, FrameNumber(1));
  EXPECT_EQ(refused.status.code(), absl::StatusCode::kInvalidArgument);
}

// A candidate of its own that names a rival's payload would drop it when it loses.
TEST_F(FrameIntakeTest, AFrameNamesNoOtherOpsPayload) {
  const Frame rival = Write(1);
  seat_.staging().Put({rival.payload}, [](const absl::Status&) {});
  seat_.RunFor(absl::Milliseconds(10));
  std::vector<Frame> thieves = {Write(1), Write(2), Write(3)};
  for (Frame& thief : thieves) {
    thief.payload = nullptr;
    thief.candidate->commitment = rival.candidate->commitment;
    thief.candidate->script = rival.candidate->script;
  }
  thieves[1].candidate->key_tag = rival.candidate->key_tag;
  thieves[1].candidate->slot = rival.candidate->slot;
  thieves[2].candidate->op = rival.candidate->op;
  Take(thieves);
  EXPECT_EQ(Ready(), "1- 2- 3- ");
  Frame owner = rival;
  owner.number = owner.candidate->stamp.number = FrameNumber(4);
  owner.payload = nullptr;
  Take({owner});
  Sync();
  EXPECT_EQ(Ready(), "1- 2- 3- 4 ");
  intake_.Consume(3);
  const auto notices = seat_.node().Take<OpNotices>();
  ASSERT_EQ(notices.size(), 3u);
  for (const auto& notice : notices) {
    EXPECT_EQ(std::get<NoticeRefused>(notice.message.notices[0].what).status.message(),
              "the payload that was staged belongs to another op");
  }
}

TEST_F(FrameIntakeTest, AStreamThatSendsTooMuchWaitsForWhatIsRecorded) {
  std::vector<Frame> frames;
  for (std::uint64_t i = 1; i <= kFramesUnderWayMax + 10; ++i) frames.push_back(Void(i));
  Take(frames);
  EXPECT_EQ(intake_.end_sequence(), kFramesUnderWayMax);
  intake_.Consume(5);
  Take({frames.end() - 10, frames.end()});
  EXPECT_EQ(intake_.end_sequence(), kFramesUnderWayMax + 5)
      << "sent again, as far as there is room";
}

TEST_F(FrameIntakeTest, ANewTermBeginsAtTheLoggedCursors) {
  Take({Void(1), Write(2)});
  intake_.Clear();
  stager_.Clear();
  Sync();
  EXPECT_EQ(Ready(), "");
  Take({Void(1)});
  EXPECT_EQ(Ready(), "1- ") << "nothing was logged of it";
}

}  // namespace
}  // namespace worldb::engine
