// Goal:   the log gets each thing once, in one entry at a time, whatever it answers.
// Method: the builder over a home's state; the log's answers by hand.
#include "engine/sequencer/entry_builder.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "tests/support/home_book.h"
#include "tests/support/lone_node.h"

namespace worldb::engine {
namespace {

using Fate = EntryBuilder::Fate;
using Kind = arbiter::AppendResult::Kind;
using arbiter::Level;
using arbiter::LevelReached;
using worldb::testing::HomeBook;
using worldb::testing::LoneNode;

class EntryBuilderTest : public ::testing::Test {
 protected:
  EntryBuilderTest() {
    notes_.Open([] {});
    builder_.Begin(LogEpoch(3));
    // The window at the beginning of a term; not what these tests are about.
    Build();
    Settle(Kind::kOk);
  }
  EntryBuilder::Inputs Inputs() const { return {.reading = book_.Reading()}; }
  const EntryBuilder::Entry* Build() { return builder_.Build(book_.state(), Inputs()); }
  // The answer's meaning; what was written is applied.
  Fate Settle(Kind kind) {
    if (!builder_.under_way()) return Fate::kWritten;
    const Fate fate = builder_.Settle(kind);
    if (fate == Fate::kWritten) book_.Apply(builder_.TakeWritten(absl::ZeroDuration()).entry);
    return fate;
  }
  static int Levels(const arbiter::LogEntry& entry) {
    int count = 0;
    for (const auto& record : entry.records) count += std::holds_alternative<LevelReached>(record);
    return count;
  }

  LoneNode node_{NodeAt(0)};
  HomeBook book_{node_.cell()};
  LogNotes notes_;
  EntryBuilder builder_{NodeAt(0), notes_, arbiter::WindowLimits()};
  const std::string key_ = book_.KeyOfHome("a");
};

TEST_F(EntryBuilderTest, NothingToSayIsNoEntry) {
  EXPECT_EQ(Build(), nullptr);
  EntryBuilder::Inputs overdue = Inputs();
  overdue.checkpoint = overdue.checkpoint_overdue = true;
  const EntryBuilder::Entry* entry = builder_.Build(book_.state(), overdue);
  ASSERT_NE(entry, nullptr);
  EXPECT_TRUE(entry->entry.checkpoint);
}

TEST_F(EntryBuilderTest, AnAppendThatStaysUnknownWhileALevelWaits) {
  const arbiter::RoundId version = book_.Win(key_);
  notes_.NoteLevel({version, Level::kHeld, NodeSet::FromBits(0x1f)});
  const SharedBytes bytes = Build()->bytes;
  EXPECT_EQ(Settle(Kind::kUnknown), Fate::kAppendAgain);
  notes_.NoteLevel({version, Level::kSafe, NodeSet::FromBits(0x7f)});
  // A refusal settles nothing now: only the same bytes find out.
  EXPECT_EQ(Settle(Kind::kRefused), Fate::kAppendAgain);
  EXPECT_EQ(Settle(Kind::kUnknown), Fate::kAppendAgain);
  EXPECT_EQ(builder_.entry().bytes, bytes);
  EXPECT_EQ(Settle(Kind::kOk), Fate::kWritten);
  EXPECT_EQ(book_.state().FindVersion(version)->announced, Level::kHeld);
  // What waited is in the next one.
  ASSERT_NE(Build(), nullptr);
  EXPECT_EQ(Levels(builder_.entry().entry), 1);
  EXPECT_EQ(Settle(Kind::kOk), Fate::kWritten);
  EXPECT_EQ(book_.state().FindVersion(version)->announced, Level::kSafe);
}

TEST_F(EntryBuilderTest, ARefusedEntryIsTakenApartAndBuiltAnew) {
  const arbiter::RoundId version = book_.Win(key_);
  notes_.NoteLevel({version, Level::kHeld, NodeSet::FromBits(0x0f)});
  Build();
  EXPECT_EQ(Settle(Kind::kRefused), Fate::kBuildAgain);
  EXPECT_FALSE(builder_.under_way());
  notes_.NoteLevel({version, Level::kSafe, NodeSet::FromBits(0x70)});
  ASSERT_NE(Build(), nullptr);
  const auto& level = std::get<LevelReached>(builder_.entry().entry.records.back());
  EXPECT_EQ(level.level, Level::kSafe);
  EXPECT_EQ(level.held, NodeSet::FromBits(0x7f)) << "both say who holds it";
}

TEST_F(EntryBuilderTest, FramesBecomeCandidatesAndCursors) {
  const arbiter::Candidate first = book_.CandidateFor(key_, NodeAt(4));
  EntryBuilder::Inputs inputs = Inputs();
  inputs.frames = {{NodeAt(4), StreamEpoch(1), FrameNumber(1), &first, NodeSet::FromBits(3)},
                   {NodeAt(4), StreamEpoch(1), FrameNumber(2), nullptr, {}},
                   {NodeAt(7), StreamEpoch(9), FrameNumber(5), nullptr, {}}};
  const EntryBuilder::Entry* entry = builder_.Build(book_.state(), inputs);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->frame_count, 3u);
  const std::vector<arbiter::StreamCursor> cursors = {{NodeAt(4), StreamEpoch(1), FrameNumber(2)},
                                                      {NodeAt(7), StreamEpoch(9), FrameNumber(5)}};
  EXPECT_EQ(entry->entry.cursors, cursors);
  ASSERT_EQ(entry->entry.records.size(), 1u);
  EXPECT_EQ(std::get<arbiter::Candidate>(entry->entry.records[0]).staged, NodeSet::FromBits(3));
}

TEST_F(EntryBuilderTest, ACloseComesBeforeWhatArrivedAfterIt) {
  book_.Record(book_.CandidateFor(key_));
  book_.Wait(absl::Seconds(5));
  const arbiter::Candidate late = book_.CandidateFor(key_, NodeAt(4));
  EntryBuilder::Inputs inputs = Inputs();
  inputs.close_at = book_.Reading().Earliest();
  inputs.frames = {{NodeAt(4), StreamEpoch(1), FrameNumber(1), &late, NodeSet::FromBits(3)}};
  const EntryBuilder::Entry* entry = builder_.Build(book_.state(), inputs);
  ASSERT_NE(entry, nullptr);
  ASSERT_EQ(entry->entry.records.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<arbiter::Close>(entry->entry.records[0]));
}

TEST_F(EntryBuilderTest, WhoIsDeposedForgetsWhatWasUnderWay) {
  notes_.NoteOutage(DataCenterAt(2), true);
  Build();
  EXPECT_EQ(Settle(Kind::kFenced), Fate::kDeposed);
  builder_.Clear();
  EXPECT_FALSE(builder_.under_way());
}

TEST_F(EntryBuilderTest, NumbersRiseByOneWithEachEntryBuilt) {
  notes_.NoteOutage(DataCenterAt(2), true);
  const std::uint64_t first = Build()->entry.author_number;
  Settle(Kind::kOk);
  notes_.NoteOutage(DataCenterAt(2), false);
  EXPECT_EQ(Build()->entry.author_number, first + 1);
  EXPECT_EQ(builder_.entry().previous, book_.state().applied());
}

}  // namespace
}  // namespace worldb::engine
