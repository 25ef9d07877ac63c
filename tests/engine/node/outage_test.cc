// Goal: levels are told honestly while part of a cell is gone, and everything that was promised comes
//       true once it is back; a replica's state outlives the log it came from.
// Method: nine real nodes in virtual time (tests/support/sim_cell.h); every claim is checked from what
//       a caller sees and from the rows on the fake disks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"
#include "engine/rows/checkpoint_rows.h"
#include "engine/rows/staged_rows.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;
using engine::RowFamily;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string TextOf(const engine::GetReply& reply) { return ToString(reply.value.ExposeSecret()); }

std::size_t RowsWith(const MemoryDisk& disk, RowFamily family, absl::string_view prefix) {
  const std::vector<engine::StoreRow> rows = disk.Rows(family);
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(),
      [prefix](const engine::StoreRow& row) { return absl::StartsWith(row.key, prefix); }));
}

std::uint64_t BytesWith(const MemoryDisk& disk, RowFamily family, absl::string_view prefix) {
  std::uint64_t bytes = 0;
  for (const engine::StoreRow& row : disk.Rows(family)) {
    if (absl::StartsWith(row.key, prefix)) bytes += row.value.size();
  }
  return bytes;
}

class OutageTest : public ::testing::Test {
 protected:
  void SetUp() override { cell_.world().RunFor(absl::Seconds(2)); }

  void ExpectOut(const std::vector<DataCenterIndex>& out) {
    for (int node = 0; node < kNodeCount; ++node) {
      if (!cell_.running(node)) continue;
      std::vector<DataCenterIndex> expected = out;
      EXPECT_EQ(cell_.Status(node).home.out, expected) << "node " << node;
    }
  }
  void RunUntil(const SetRecord& set, Level level) {
    cell_.world().RunUntil([&] { return set.level() >= level || set.ended(); }, absl::Seconds(60));
    EXPECT_GE(set.level(), level);
  }

  SimCell cell_;
};

TEST_F(OutageTest, ASilentDataCenterIsOutAfterTenSecondsAndSetsSaySo) {
  const std::string key = cell_.KeyAt(0);
  cell_.StopDataCenter(2);
  cell_.world().RunFor(absl::Seconds(8));
  ExpectOut({});
  cell_.world().RunFor(absl::Seconds(4));
  ExpectOut({DataCenterAt(2)});

  SimCell::SetOptions patient;
  patient.timeout = absl::Seconds(60);
  const auto first = cell_.Set(0, key, "first", patient);
  RunUntil(*first, Level::kHeld);
  EXPECT_THAT(first->accepted()->out, ElementsAre(DataCenterAt(2)));
  EXPECT_EQ(first->accepted()->within_reach, Level::kHeld);
  EXPECT_EQ(first->level(), Level::kHeld);
  // Readable, and said to be HELD.
  const auto held = cell_.Get(4, key);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(TextOf(*held), "first");
  EXPECT_EQ(held->level, Level::kHeld);
  // A second version, and the key is read in order.
  const auto second = cell_.Set(4, key, "second", patient);
  RunUntil(*second, Level::kHeld);
  EXPECT_EQ(TextOf(*cell_.Get(1, key)), "second");

  cell_.StartDataCenter(2);
  RunUntil(*second, Level::kFull);
  RunUntil(*first, Level::kFull);
  cell_.world().RunFor(absl::Seconds(1));  // homes look every half second who is back
  ExpectOut({});
  const auto when = [](const SetRecord& set, Level level) {
    for (std::size_t i = 0; i < set.events.size(); ++i) {
      const auto* reached = std::get_if<engine::SetLevel>(&set.events[i]);
      if (reached != nullptr && reached->level >= level) return set.times[i];
    }
    return absl::InfiniteDuration();
  };
  EXPECT_LE(when(*first, Level::kSafe), when(*second, Level::kSafe)) << "SAFE in version order";
  const auto healthy = cell_.SetAndWait(0, key, "third", Level::kFull);
  EXPECT_THAT(healthy->accepted()->out, IsEmpty());
  EXPECT_EQ(healthy->accepted()->within_reach, Level::kFull);
}

TEST_F(OutageTest, AnOperatorsWordMarksADataCenterOutAtOnce) {
  cell_.StopDataCenter(1);
  cell_.DeclareOut(1);
  cell_.world().RunFor(absl::Seconds(1));
  ExpectOut({DataCenterAt(1)});
  const auto set = cell_.SetAndWait(0, cell_.KeyAt(2), "v", Level::kHeld);
  EXPECT_EQ(set->level(), Level::kHeld);
  EXPECT_EQ(set->accepted()->within_reach, Level::kHeld);
  cell_.StartDataCenter(1);
  cell_.world().RunFor(absl::Seconds(5));
  ExpectOut({});
  EXPECT_GE(cell_.TicketGet(0, set->accepted()->ticket)->level, Level::kSafe);
}

TEST_F(OutageTest, FlatFiveOfNineHasItsOwnLevels) {
  SimCell::SetOptions flat;
  flat.script = cryptoscatter::Script::Flat()->id();
  flat.timeout = absl::Seconds(60);
  const std::string key = cell_.KeyAt(1);
  const auto whole = cell_.Set(1, key, std::string(100'000, 'f'), flat);
  RunUntil(*whole, Level::kFull);

  // With 3 + 2 + 1 flat is HELD, and nested is not: it asks for two data centers after any loss.
  cell_.StopNode(8);
  cell_.StopNode(7);
  cell_.StopNode(5);
  cell_.world().RunFor(absl::Seconds(2));
  const auto held = cell_.Set(1, key, "second", flat);
  RunUntil(*held, Level::kHeld);
  SimCell::SetOptions patient;
  patient.timeout = absl::Seconds(60);
  const auto nested = cell_.Set(1, cell_.KeyAt(1, "nested"), "n", patient);
  cell_.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(held->level(), Level::kHeld);
  EXPECT_TRUE(nested->outcome().has_value());
  EXPECT_LT(nested->level(), Level::kHeld);
  // 2 + 3 + 3 is SAFE for flat; nested asks for 2 + 2 + 2.
  cell_.StartNode(5);
  cell_.StartNode(7);
  RunUntil(*held, Level::kSafe);
  RunUntil(*nested, Level::kSafe);
  const auto reply = cell_.Get(0, key);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(TextOf(*reply), "second");
  cell_.StartNode(8);
  RunUntil(*held, Level::kFull);
  const auto history = cell_.History(3, key, 10);
  ASSERT_TRUE(history.ok()) << history.status();
  for (const engine::VersionRecord& version : history->versions) {
    EXPECT_EQ(version.script, *flat.script);
  }
  EXPECT_EQ(TextOf(*cell_.Get(8, key, engine::ReadMode::kVersion, Version(1))),
            std::string(100'000, 'f'));
}

TEST_F(OutageTest, AVersionWhosePayloadIsGoneEndsVoidAndTheOneBeforeItIsTheLatest) {
  const std::string key = cell_.KeyAt(0);
  ASSERT_EQ(cell_.SetAndWait(0, key, "kept", Level::kFull)->level(), Level::kFull);
  for (const int dc : {1, 2}) {
    cell_.StopDataCenter(dc);
    cell_.DeclareOut(dc);
  }
  cell_.world().RunFor(absl::Seconds(1));
  const auto lost = cell_.SetAndWait(0, key, "lost", Level::kDecided);
  cell_.world().RunUntil([&] { return lost->outcome().has_value(); }, absl::Seconds(5));
  ASSERT_TRUE(lost->outcome().has_value());
  EXPECT_EQ(lost->accepted()->within_reach, Level::kDecided);
  const std::string ticket = lost->accepted()->ticket;
  // Shares lie in one data center alone; then all three staged copies go bad.
  cell_.world().RunFor(absl::Seconds(1));
  for (int node = 0; node < 3; ++node) {
    cell_.StopNode(node);
    for (const engine::StoreRow& row : cell_.disk(node).Rows(RowFamily::kBlobs)) {
      if (engine::IsStagedRow(row.key)) {
        ASSERT_TRUE(cell_.disk(node).Corrupt(RowFamily::kBlobs, row.key).ok());
      }
    }
  }
  cell_.StartDataCenter(0);
  cell_.world().RunFor(absl::Seconds(20));
  auto status = cell_.TicketGet(0, ticket);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->outcome.kind, OutcomeKind::kWon) << "those who are out may hold it";

  cell_.StartDataCenter(1);
  cell_.StartDataCenter(2);
  cell_.world().RunFor(absl::Seconds(5));
  status = cell_.TicketGet(0, ticket);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->outcome.kind, OutcomeKind::kVoid);
  EXPECT_TRUE(status->final);
  const auto latest = cell_.Get(5, key);
  ASSERT_TRUE(latest.ok()) << latest.status();
  EXPECT_EQ(TextOf(*latest), "kept");
  EXPECT_EQ(latest->version, Version(1));
  EXPECT_THAT(latest->void_versions, ElementsAre(Version(2)));
  // The version is used up, and the key goes on.
  const auto next = cell_.SetAndWait(0, key, "next", Level::kFull);
  EXPECT_EQ(next->outcome()->version, Version(3));
  EXPECT_EQ(TextOf(*cell_.Get(5, key)), "next");
  EXPECT_EQ(cell_.TicketGet(7, ticket)->outcome.kind, OutcomeKind::kVoid);
}

TEST_F(OutageTest, ALogIsTrimmedAndANodeBehindItsFloorTakesASiblingsState) {
  const std::string key = cell_.KeyAt(0);
  cell_.StopNode(1);
  std::vector<std::shared_ptr<SetRecord>> sets;
  for (int i = 0; i < 90; ++i) {
    sets.push_back(cell_.Set(i % 2 == 0 ? 0 : 4, cell_.KeyAt(0, absl::StrCat("k", i % 20)),
                             absl::StrCat("value ", i)));
    cell_.world().RunFor(absl::Seconds(1));
  }
  // The log keeps what came after the last checkpoints, no more.
  const std::size_t before = RowsWith(cell_.log_disk(0), RowFamily::kRows, "");
  EXPECT_LT(before, cell_.Status(0).home.applied.value() / 2);
  EXPECT_GT(RowsWith(cell_.disk(0), RowFamily::kRows, engine::CheckpointGeneration::kFamilyPrefix),
            80u);

  cell_.StartNode(1);
  cell_.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(cell_.Status(1).home.applied, cell_.Status(0).home.applied);
  EXPECT_EQ(cell_.Status(1).home.ops, cell_.Status(0).home.ops);
  // It can take over, knows every ticket, and goes on from there.
  cell_.StopNode(0);
  cell_.world().RunFor(absl::Seconds(3));
  for (const auto& set : sets) {
    const auto status = cell_.TicketGet(4, set->accepted()->ticket);
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(status->outcome, *set->outcome());
    EXPECT_GE(status->level, Level::kSafe);
  }
  EXPECT_EQ(TextOf(*cell_.Get(8, cell_.KeyAt(0, "k19"))), "value 79");
  const auto next = cell_.SetAndWait(4, cell_.KeyAt(0, "k19"), "more");
  EXPECT_EQ(next->outcome()->version, Version(5));
  // So does the whole cell after a restart: from checkpoints, not from a log that is gone.
  cell_.StartNode(0);
  cell_.world().RunFor(absl::Seconds(15));
  cell_.CrashProcess();
  cell_.StartAllNodes();
  cell_.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(TextOf(*cell_.Get(2, cell_.KeyAt(0, "k19"))), "more");
  EXPECT_EQ(cell_.TicketGet(2, sets[0]->accepted()->ticket)->outcome, *sets[0]->outcome());
}

TEST_F(OutageTest, ADamagedCheckpointIsReplacedByASiblings) {
  for (int i = 0; i < 30; ++i) {
    cell_.Set(0, cell_.KeyAt(0, absl::StrCat("k", i)), "v");
    cell_.world().RunFor(absl::Seconds(1));
  }
  cell_.StopNode(1);
  for (const engine::StoreRow& row : cell_.disk(1).Rows(RowFamily::kRows)) {
    if (!absl::StartsWith(row.key, engine::CheckpointGeneration::kFamilyPrefix)) continue;
    ASSERT_TRUE(cell_.disk(1).Corrupt(RowFamily::kRows, row.key).ok());
    break;
  }
  cell_.StartNode(1);
  cell_.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(cell_.Status(1).home.halted, "");
  EXPECT_EQ(cell_.Status(1).home.applied, cell_.Status(0).home.applied);
  EXPECT_EQ(cell_.Status(1).home.ops, cell_.Status(0).home.ops);
}

TEST(CheckpointLimitsTest, ACellThatNeverRunsForLongIsCheckpointedAllTheSame) {
  SimCell::Options options;
  options.node.checkpoints.entries = 30;
  SimCell cell(options);
  std::uint64_t longest = 0;  // of what one run applied
  std::uint64_t applied = 0;
  for (int run = 0; run < 12; ++run) {
    cell.world().RunFor(absl::Seconds(2));
    ASSERT_GE(cell.SetAndWait(0, cell.KeyAt(0), "v")->level(), Level::kSafe) << run;
    const std::uint64_t now = cell.Status(0).home.applied.value();
    longest = std::max(longest, now - std::exchange(applied, now));
    cell.CrashProcess(Kept::kSynced);
    cell.StartAllNodes();
  }
  // Neither the count of any run nor its time was reached: all runs together were.
  EXPECT_LT(longest, options.node.checkpoints.entries);
  cell.world().RunFor(absl::Seconds(2));
  for (int node = 0; node < kNodesPerDataCenter; ++node) {
    const engine::HomeStatus home = cell.Status(node).home;
    EXPECT_GT(home.checkpoint, LogIndex()) << node;
    EXPECT_LT(home.applied.value() - home.checkpoint.value(), 2 * longest + 30) << node;
  }
}

TEST(StagingBudgetTest, OverBudgetOnlyWhatNodesAreOwedIsKeptAndTheyMendTheRest) {
  SimCell::Options options;
  options.node.staging_bytes_max = 300'000;
  SimCell cell(options);
  cell.world().RunFor(absl::Seconds(2));
  cell.StopDataCenter(2);
  cell.DeclareOut(2);
  std::vector<std::shared_ptr<SetRecord>> sets;
  const auto value = [](int i) { return std::string(60'000 + i, static_cast<char>('a' + i)); };
  SimCell::SetOptions patient;
  patient.timeout = absl::Minutes(5);
  for (int i = 0; i < 20; ++i) {
    sets.push_back(cell.Set(i % 6, cell.KeyAt(0, absl::StrCat("big", i)), value(i), patient));
    cell.world().RunUntil([&] { return sets.back()->level() >= Level::kHeld; }, absl::Seconds(10));
    ASSERT_EQ(sets.back()->level(), Level::kHeld) << i;
  }
  cell.world().RunFor(absl::Seconds(1));
  for (int node = 0; node < 3; ++node) {
    std::uint64_t bytes = 0;
    for (const char* prefix : engine::kStagedPrefixes) {
      bytes += BytesWith(cell.disk(node), RowFamily::kBlobs, prefix);
    }
    EXPECT_LT(bytes, 420'000u);
    EXPECT_EQ(RowsWith(cell.disk(node), RowFamily::kBlobs, engine::StagedRow::kFamilyPrefix), 20u);
  }
  cell.StartDataCenter(2);
  cell.world().RunUntil(
      [&] {
        return std::all_of(sets.begin(), sets.end(),
                           [](const auto& set) { return set->level() == Level::kFull; });
      },
      absl::Minutes(4));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(sets[i]->level(), Level::kFull) << i;
    const auto reply = cell.Get(7, cell.KeyAt(0, absl::StrCat("big", i)));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_TRUE(TextOf(*reply) == value(i)) << i;
  }
  cell.world().RunFor(absl::Seconds(1));
  for (int node = 0; node < 3; ++node) {
    for (const char* prefix : engine::kStagedPrefixes) {
      EXPECT_EQ(RowsWith(cell.disk(node), RowFamily::kBlobs, prefix), 0u);
    }
  }
}

// The home's log comes back empty, as if another disk had been mounted.
TEST_F(OutageTest, ALogThatLostItsEndStopsTheHome) {
  const std::string key = cell_.KeyAt(0);
  ASSERT_GE(cell_.SetAndWait(0, key, "value")->level(), Level::kSafe);
  cell_.world().RunFor(absl::Seconds(15));
  ASSERT_GE(cell_.SetAndWait(0, key, "value 2")->level(),
            Level::kSafe);  // and a checkpoint with it
  cell_.world().RunFor(absl::Seconds(2));
  cell_.CrashDataCenter(0, Kept::kAll);
  cell_.log_disk(0).Wipe();
  cell_.StartDataCenter(0);
  cell_.world().RunFor(absl::Seconds(10));
  for (int node = 0; node < kNodesPerDataCenter; ++node) {
    EXPECT_FALSE(cell_.Status(node).home.serving);
    EXPECT_THAT(
        cell_.Status(node).home.halted,
        ::testing::AllOf(::testing::HasSubstr("virginia"), ::testing::HasSubstr("lost its end")));
  }
  const auto read = cell_.Get(4, key);
  EXPECT_EQ(engine::ReasonOf(read.status()), engine::reason::kTriadUnavailable) << read.status();
  const auto set = cell_.SetAndWait(4, key, "second history");
  EXPECT_FALSE(set->accepted().has_value());
  EXPECT_EQ(ToString(cell_.Get(4, key, engine::ReadMode::kSurviving)->value.ExposeSecret()),
            "value 2");
}

}  // namespace
}  // namespace worldb::testing
