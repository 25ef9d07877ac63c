// Goal:   checkpoints come by number, bytes or time, and the log is trimmed to what two of three nodes
//         could start from, never beyond the last sum it has.
// Method: a state, entries and reports by hand.
#include "engine/sequencer/log_trimmer.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

constexpr CheckpointLimits kLimits = {.entries = 10, .bytes = 1000, .every = absl::Seconds(10)};

arbiter::LogEntry EntryWithSum(std::uint64_t at) {
  arbiter::LogEntry entry;
  entry.records = {arbiter::StateSum{LogIndex(at), {}}};
  return entry;
}
arbiter::LogEntry CheckpointEntry() {
  arbiter::LogEntry entry;
  entry.checkpoint = true;
  return entry;
}

class LogTrimmerTest : public ::testing::Test {
 protected:
  LogTrimmerTest() { trimmer_.Begin(state_, absl::ZeroDuration()); }
  void Append(int count, std::size_t bytes) {
    for (int i = 0; i < count; ++i) trimmer_.NoteAppended(bytes);
  }

  arbiter::HomeState state_{DataCenterAt(1), arbiter::ContestRule()};
  LogTrimmer trimmer_{kLimits};
};

TEST_F(LogTrimmerTest, ACheckpointIsOverdueByNumberOrBytes) {
  Append(9, 1);
  EXPECT_FALSE(trimmer_.Overdue(absl::Seconds(2)));
  Append(1, 1);
  EXPECT_TRUE(trimmer_.Overdue(absl::Seconds(2)));
  trimmer_.NoteApplied(CheckpointEntry(), absl::Seconds(1));
  EXPECT_FALSE(trimmer_.Overdue(absl::Seconds(2)));
  Append(1, 1000);
  EXPECT_TRUE(trimmer_.Overdue(absl::Seconds(2)));
}

TEST_F(LogTrimmerTest, AndDueByTimeOnceAnythingWasWritten) {
  EXPECT_FALSE(trimmer_.Due(absl::Seconds(100)));
  Append(1, 1);
  EXPECT_FALSE(trimmer_.Due(absl::Seconds(9)));
  EXPECT_TRUE(trimmer_.Due(absl::Seconds(10)));
  EXPECT_FALSE(trimmer_.Overdue(absl::Seconds(10)))
      << "it waits for an entry with something to say";
  trimmer_.Want();
  EXPECT_FALSE(trimmer_.Overdue(absl::Seconds(9)));
  EXPECT_TRUE(trimmer_.Overdue(absl::Seconds(10))) << "unless somebody waits for it";
  trimmer_.NoteApplied(CheckpointEntry(), absl::Seconds(10));
  Append(1, 1);
  EXPECT_FALSE(trimmer_.Overdue(absl::Seconds(30)));
}

TEST_F(LogTrimmerTest, TrimsToWhatTwoOfThreeHave) {
  trimmer_.NoteApplied(EntryWithSum(50), absl::Seconds(1));
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(3), LogIndex(30)), std::nullopt) << "one alone";
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(3), LogIndex(40)), std::nullopt);
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(5), LogIndex(20)), LogIndex(20));
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(5), LogIndex(20)), std::nullopt) << "said once";
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(4), LogIndex(35)), LogIndex(35));
}

TEST_F(LogTrimmerTest, ANodeWithANewDiskHasWhatItSaysNow) {
  trimmer_.NoteApplied(EntryWithSum(50), absl::Seconds(1));
  trimmer_.NoteSynced(NodeAt(3), LogIndex(40));
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(4), LogIndex(20)), LogIndex(20));
  trimmer_.NoteSynced(NodeAt(3), LogIndex());
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(4), LogIndex(45)), std::nullopt) << "one alone has it now";
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(5), LogIndex(30)), LogIndex(30));
}

TEST_F(LogTrimmerTest, NotBeyondTheLastSumInTheLog) {
  trimmer_.NoteSynced(NodeAt(3), LogIndex(30));
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(4), LogIndex(30)), std::nullopt);
  trimmer_.NoteApplied(EntryWithSum(30), absl::Seconds(1));
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(4), LogIndex(30)), LogIndex(30));
}

TEST_F(LogTrimmerTest, WhatCouldNotBeTrimmedIsTriedWithTheNextReport) {
  trimmer_.NoteApplied(EntryWithSum(30), absl::Seconds(1));
  trimmer_.NoteSynced(NodeAt(3), LogIndex(30));
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(4), LogIndex(30)), LogIndex(30));
  trimmer_.NoteNotTrimmed(LogIndex(30));
  EXPECT_EQ(trimmer_.NoteSynced(NodeAt(4), LogIndex(30)), LogIndex(30));
}

}  // namespace
}  // namespace worldb::engine
