// Goal:   frames reach the home in order of number and without gaps, whoever leads it and whatever
//         is lost on the way, and a home that does not answer is not flooded.
// Method: a stream by itself, as transcripts: what it is told, and which numbers it sends then.
#include "engine/gateway/home_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace worldb::engine {
namespace {

constexpr DataCenterIndex kHome = DataCenterAt(2);
constexpr StreamEpoch kEpoch(5);

HomeDirectory::Leader Leader(int node, std::uint64_t epoch) {
  return {NodeAt(node), LogEpoch(epoch)};
}

class HomeStreamTest : public ::testing::Test {
 protected:
  void Keep(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i <= last; ++i) {
      Frame frame;
      frame.number = FrameNumber(i);
      stream_.Keep(std::move(frame), *budget_.TryCharge(10));
    }
  }
  // The leader's beat; true if it is a new one.
  bool Beat(std::uint64_t cursor, HomeDirectory::Leader leader = Leader(6, 1)) {
    const HomeStream::Heard heard =
        stream_.Hear(leader, {NodeAt(0), epoch_, FrameNumber(cursor)}, now_);
    EXPECT_FALSE(heard.outdated);
    return heard.new_leader;
  }
  // Such as "1-256 257-300"; a batch with a gap shows as "!".
  std::string Sent() {
    std::string text;
    while (const std::optional<FrameBatch> batch = stream_.NextBatch(now_)) {
      EXPECT_EQ(batch->home, kHome);
      EXPECT_EQ(batch->stream_epoch, epoch_);
      first_ = batch->stream_first.value();
      const std::uint64_t first = batch->frames.front().number.value();
      const std::uint64_t last = batch->frames.back().number.value();
      const bool dense = last - first + 1 == batch->frames.size();
      absl::StrAppend(&text, text.empty() ? "" : " ", first, dense ? "-" : "!", last);
    }
    return text;
  }
  // The next beat finds nothing recorded since the last one.
  std::string SentAfter(absl::Duration silence) {
    now_ += silence;
    Beat(0);
    return Sent();
  }

  Budget budget_{100'000, 1'000'000'000};
  HomeStream stream_{kHome, kEpoch};
  StreamEpoch epoch_ = kEpoch;  // of the stream, as far as the test knows
  std::uint64_t first_ = 0;     // the number it begins with, as the last batch said
  absl::Duration now_ = absl::Seconds(100);
};

TEST_F(HomeStreamTest, NothingIsSentBeforeSomebodyLeads) {
  Keep(1, 3);
  EXPECT_EQ(Sent(), "");
  EXPECT_TRUE(Beat(0));
  EXPECT_EQ(Sent(), "1-3");
  EXPECT_EQ(Sent(), "") << "once is enough";
}

TEST_F(HomeStreamTest, AFrameThatIsNotReadyHoldsBackTheLaterOnes) {
  Beat(0);
  Keep(1, 1);
  Keep(3, 4);
  EXPECT_EQ(Sent(), "1-1");
  Keep(2, 2);
  EXPECT_EQ(Sent(), "2-4");
}

TEST_F(HomeStreamTest, SoManyAreUnderWayAndNoMore) {
  Beat(0);
  Keep(1, 20'000);
  const std::string sent = Sent();
  EXPECT_EQ(sent.substr(0, 13), "1-256 257-512");
  EXPECT_EQ(sent.substr(sent.rfind(' ') + 1), "16129-16384");
  EXPECT_FALSE(Beat(100));
  EXPECT_EQ(Sent(), "16385-16484");
  Beat(16'484);
  Sent();
  Beat(20'000);
  EXPECT_EQ(Sent(), "");
  Keep(20'001, 20'001);
  EXPECT_EQ(Sent(), "20001-20001");
}

TEST_F(HomeStreamTest, ANewLeaderIsSentAllTheLogLacks) {
  Beat(0);
  Keep(1, 10);
  Sent();
  Beat(4);
  EXPECT_TRUE(Beat(6, Leader(7, 2)));
  EXPECT_EQ(Sent(), "7-10");
  EXPECT_FALSE(Beat(6, Leader(7, 2)));
  EXPECT_EQ(Sent(), "");
  EXPECT_TRUE(Beat(6, Leader(7, 3))) << "the same node, but it has led and lost and leads again";
  EXPECT_EQ(Sent(), "7-10");
}

TEST_F(HomeStreamTest, AStuckStreamIsSentAgainWithMoreAndMorePatience) {
  Beat(0);
  Keep(1, 2);
  EXPECT_EQ(Sent(), "1-2");
  const absl::Duration instant = absl::Milliseconds(1);
  for (const int seconds : {1, 2, 4, 8, 10, 10}) {
    EXPECT_EQ(SentAfter(absl::Seconds(seconds)), "") << seconds;
    EXPECT_EQ(SentAfter(instant), "1-2") << seconds;
  }
  Beat(1);  // it moves: patience is short again
  EXPECT_EQ(SentAfter(HomeStream::kStuckAfter), "");
  EXPECT_EQ(SentAfter(instant), "2-2");
}

TEST_F(HomeStreamTest, PatienceBeginsWithTheFirstFrameUnderWay) {
  Beat(0);
  EXPECT_EQ(SentAfter(absl::Hours(1)), "") << "an idle stream is not stuck";
  Keep(1, 1);
  EXPECT_EQ(Sent(), "1-1");
  EXPECT_EQ(SentAfter(HomeStream::kStuckAfter), "");
}

TEST_F(HomeStreamTest, ACursorOfAnEarlierLifeMovesNothing) {
  Beat(0);
  Keep(1, 3);
  Sent();
  stream_.Hear(Leader(6, 1), {NodeAt(0), StreamEpoch(4), FrameNumber(3)}, now_);
  EXPECT_EQ(stream_.kept_count(), 3u);
  EXPECT_TRUE(Beat(0, Leader(8, 2)));
  EXPECT_EQ(Sent(), "1-3");
}

// A new disk under an old node: the home has frames 1 to 7 of a life under this epoch, or of one above it.
TEST_F(HomeStreamTest, AnEpochThatTheHomeKnowsIsNotSentUnder) {
  for (const std::uint64_t known : {5u, 9u}) {
    HomeStream stream(kHome, kEpoch);
    const arbiter::StreamCursor cursor{NodeAt(0), StreamEpoch(known), FrameNumber(7)};
    EXPECT_TRUE(stream.Hear(Leader(6, 1), cursor, now_).outdated);
    stream.Keep({FrameNumber(1), std::nullopt, nullptr}, *budget_.TryCharge(0));
    EXPECT_EQ(stream.NextBatch(now_), std::nullopt);
    EXPECT_TRUE(stream.Hear(Leader(6, 1), cursor, now_).outdated) << "until it is raised";
    stream.Raise(StreamEpoch(known + 1));
    EXPECT_FALSE(stream.Hear(Leader(6, 1), cursor, now_).outdated);
    const std::optional<FrameBatch> batch = stream.NextBatch(now_);
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(batch->stream_epoch, StreamEpoch(known + 1));
    EXPECT_EQ(batch->stream_first, FrameNumber(1));
  }
}

TEST_F(HomeStreamTest, ARaisedStreamGoesOnWithWhatTheLogLacks) {
  Beat(0);
  Keep(1, 5);
  Sent();
  Beat(2);
  EXPECT_TRUE(
      stream_.Hear(Leader(6, 1), {NodeAt(0), StreamEpoch(8), FrameNumber(1)}, now_).outdated);
  Frame frame;
  frame.number = FrameNumber(6);
  frame.candidate.emplace().stamp.stream_epoch = kEpoch;
  stream_.Keep(frame, *budget_.TryCharge(10));
  epoch_ = StreamEpoch(9);
  stream_.Raise(epoch_);
  frame.number = FrameNumber(7);  // stamped before, ready after
  stream_.Keep(frame, *budget_.TryCharge(10));
  const std::optional<FrameBatch> batch = stream_.NextBatch(now_);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->stream_epoch, epoch_);
  EXPECT_EQ(batch->stream_first, FrameNumber(3));
  ASSERT_EQ(batch->frames.size(), 5u);
  EXPECT_EQ(batch->frames[3].candidate->stamp.stream_epoch, epoch_);
  EXPECT_EQ(batch->frames[4].candidate->stamp.stream_epoch, epoch_);
  Beat(7);
  EXPECT_EQ(stream_.kept_count(), 0u);
}

TEST_F(HomeStreamTest, ACursorBeyondWhatWasSentIsAnothersUnderTheSameEpoch) {
  Beat(0);
  Keep(1, 3);
  Sent();
  Keep(5, 5);
  EXPECT_TRUE(stream_.Hear(Leader(6, 1), {NodeAt(0), kEpoch, FrameNumber(4)}, now_).outdated);
  EXPECT_EQ(stream_.kept_count(), 4u) << "nothing of it counts as recorded";
}

TEST_F(HomeStreamTest, TheCursorGivesTheBudgetBack) {
  Beat(0);
  Keep(1, 5);
  Sent();
  EXPECT_EQ(budget_.ops(), 5u);
  Beat(3);
  EXPECT_EQ(budget_.ops(), 2u);
  EXPECT_EQ(budget_.bytes(), 20u);
  Beat(2);
  EXPECT_EQ(stream_.kept_count(), 2u) << "an old beat takes nothing back";
}

}  // namespace
}  // namespace worldb::engine
