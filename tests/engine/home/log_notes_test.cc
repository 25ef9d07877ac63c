// Goal:   what is noted is logged once, in as few records as say it, and comes back when the entry that
//         carried it was not written.
// Method: notes and records by hand.
#include "engine/home/log_notes.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace worldb::engine {
namespace {

using arbiter::Level;
using arbiter::LevelReached;
using arbiter::LogRecord;
using arbiter::OutageChange;
using arbiter::Restaged;
using arbiter::RoundId;
using arbiter::VersionVoid;

RoundId VersionNumber(std::uint64_t number) { return {KeyTag(), Version(number)}; }

class LogNotesTest : public ::testing::Test {
 protected:
  LogNotesTest() {
    notes_.Open([this] { ++woken_; });
  }
  std::vector<LogRecord> Take(const std::set<DataCenterIndex>& out = {}) {
    std::vector<LogRecord> records;
    notes_.MoveTo(records, out);
    return records;
  }

  LogNotes notes_;
  int woken_ = 0;
};

TEST_F(LogNotesTest, AreTakenOnce) {
  notes_.NoteVoid({VersionNumber(1), NodeSet::FromBits(7)});
  notes_.NoteRestaged({VersionNumber(2), NodeSet::FromBits(2)});
  notes_.NoteLevel({VersionNumber(3), Level::kSafe, NodeSet::All()});
  notes_.NoteOutage(DataCenterAt(2), true);
  EXPECT_EQ(woken_, 4);
  const std::vector<LogRecord> expected = {
      OutageChange{DataCenterAt(2), true}, VersionVoid{VersionNumber(1), NodeSet::FromBits(7)},
      Restaged{VersionNumber(2), NodeSet::FromBits(2)},
      LevelReached{VersionNumber(3), Level::kSafe, NodeSet::All()}};
  EXPECT_EQ(Take(), expected);
  EXPECT_TRUE(Take().empty());
}

TEST_F(LogNotesTest, LevelsOfOneVersionAreOneRecord) {
  notes_.NoteLevel({VersionNumber(1), Level::kSafe, NodeSet::FromBits(0b011)});
  notes_.NoteLevel({VersionNumber(1), Level::kHeld, NodeSet::FromBits(0b110)});
  const std::vector<LogRecord> expected = {
      LevelReached{VersionNumber(1), Level::kSafe, NodeSet::FromBits(0b111)}};
  EXPECT_EQ(Take(), expected);
}

TEST_F(LogNotesTest, OfOutagesTheLastWordCountsUnlessTheLogSaysSoAlready) {
  notes_.NoteOutage(DataCenterAt(1), true);
  notes_.NoteOutage(DataCenterAt(1), false);
  notes_.NoteOutage(DataCenterAt(2), true);
  EXPECT_TRUE(Take({DataCenterAt(2)}).empty());
}

TEST_F(LogNotesTest, WhatWasNotWrittenWaitsAgain) {
  notes_.NoteVoid({VersionNumber(1), {}});
  notes_.NoteLevel({VersionNumber(2), Level::kHeld, NodeSet::FromBits(1)});
  notes_.NoteOutage(DataCenterAt(1), true);
  const std::vector<LogRecord> lost = Take();
  // Seen while the entry was under way.
  notes_.NoteLevel({VersionNumber(2), Level::kSafe, NodeSet::FromBits(2)});
  notes_.NoteOutage(DataCenterAt(1), false);
  notes_.TakeBack(lost);
  const std::vector<LogRecord> expected = {
      VersionVoid{VersionNumber(1), {}},
      LevelReached{VersionNumber(2), Level::kSafe, NodeSet::FromBits(3)}};
  EXPECT_EQ(Take(), expected) << "the data center is back, and the log never heard that it was not";
}

TEST_F(LogNotesTest, WhoDoesNotWriteTheLogNotesNothing) {
  notes_.NoteLevel({VersionNumber(1), Level::kHeld, NodeSet::FromBits(1)});
  notes_.Close();
  EXPECT_FALSE(notes_.open());
  notes_.NoteVoid({VersionNumber(1), {}});
  notes_.NoteOutage(DataCenterAt(1), true);
  EXPECT_TRUE(Take().empty());
  EXPECT_EQ(woken_, 1);
}

TEST_F(LogNotesTest, ALossThatIsNotedAgainAndAgainTakesOnePlace) {
  for (int i = 0; i < 1000; ++i) notes_.NoteVoid({VersionNumber(1), {}});
  EXPECT_EQ(Take().size(), 1u);
  notes_.NoteVoid({VersionNumber(1), {}});
  EXPECT_EQ(Take().size(), 1u) << "once it is logged it may be noted anew";
}

TEST_F(LogNotesTest, AnEntryCarriesABoundedNumber) {
  const std::size_t levels = LogNotes::kLevelsPerEntryMax + 1;
  const std::size_t losses = LogNotes::kNotesPerEntryMax + 1;
  for (std::size_t i = 1; i <= levels; ++i) {
    notes_.NoteLevel({VersionNumber(i), Level::kHeld, NodeSet::FromBits(1)});
  }
  for (std::size_t i = 1; i <= losses; ++i) notes_.NoteVoid({VersionNumber(i), {}});
  EXPECT_EQ(Take().size(), LogNotes::kLevelsPerEntryMax + LogNotes::kNotesPerEntryMax);
  EXPECT_EQ(Take().size(), 2u);
}

}  // namespace
}  // namespace worldb::engine
