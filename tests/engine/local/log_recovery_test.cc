// Goal:   recovery takes a log that is dense and says what it holds, durably; whatever contradicts itself,
//         or what was durable before, it refuses.
// Method: rows by hand on the fake disk, one hard case each; power cut after the answer.
#include "engine/local/log_recovery.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/memory_store.h"
#include "tests/support/sim_executor.h"

namespace worldb::engine {
namespace {

using worldb::testing::FailedCommit;
using worldb::testing::Kept;

class LogRecoveryTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    store_.reset();
    store_ = std::make_unique<worldb::testing::MemoryStore>(disk_, executor_);
  }
  // Behind the log's back: a meta row, and entries from `first` to `last`.
  void PutMeta(std::uint64_t tail, std::uint64_t floor = 0, std::uint64_t fence = 1) {
    Put(LogMeta{LogEpoch(fence), LogIndex(tail), LogIndex(floor)}.Put());
  }
  void PutEntries(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i <= last; ++i) {
      const std::string text = absl::StrCat("entry ", i);
      Put(LogEntryRow::Put(LogIndex(i), LogEpoch(1), ToBytes(AsBytes(text))));
    }
  }
  void Put(StoreWrite write) { disk_.Tamper(write.family, write.key, write.value); }
  void Remove(std::uint64_t index) {
    disk_.Tamper(RowFamily::kRows, LogEntryRow::Key(LogIndex(index)), nullptr);
  }
  // "tail/floor: entries found", or what is wrong.
  std::string Recover(std::optional<LogMeta> known = std::nullopt, std::size_t entries_max = 8) {
    std::optional<absl::StatusOr<RecoveredLog>> answer;
    LogRecovery::Start(*store_, known, entries_max, [&answer](absl::StatusOr<RecoveredLog> found) {
      answer = std::move(found);
    });
    world_.RunFor(absl::Seconds(1));
    if (!answer.has_value()) return "no answer";
    if (!answer->ok()) {
      return absl::StrCat(absl::StatusCodeToString(answer->status().code()), ": ",
                          answer->status().message());
    }
    last_ = (*answer)->meta;
    std::string text = absl::StrCat(last_.tail.value(), "/", last_.floor.value(), ":");
    for (const SharedBytes& entry : (*answer)->newest) {
      absl::StrAppend(&text, " ", AsText(*entry).substr(6));
    }
    return text;
  }

  worldb::testing::SimWorld world_;
  worldb::testing::SimExecutor executor_{world_};
  worldb::testing::MemoryDisk disk_;
  std::unique_ptr<worldb::testing::MemoryStore> store_;
  LogMeta last_;
};

TEST_F(LogRecoveryTest, ALogThatWasNeverWrittenToIsEmpty) {
  EXPECT_EQ(Recover(), "0/0:");
  EXPECT_EQ(disk_.call_count(), 0u) << "and nothing is written";
}

TEST_F(LogRecoveryTest, ADenseLogIsTakenFromItsFloorToItsTail) {
  PutMeta(600, 2);
  PutEntries(3, 600);
  EXPECT_EQ(Recover(std::nullopt, 3), "600/2: 598 599 600");
}

TEST_F(LogRecoveryTest, OnlyWhatIsAboveTheKnownTailIsRead) {
  PutMeta(5);
  PutEntries(4, 5);  // 1 to 3 are not looked at again
  EXPECT_EQ(Recover(LogMeta{LogEpoch(1), LogIndex(3), LogIndex(0)}), "5/0: 4 5");
}

TEST_F(LogRecoveryTest, AGapIsDataLoss) {
  PutMeta(5);
  PutEntries(1, 5);
  Remove(3);
  EXPECT_EQ(Recover().substr(0, 41), "DATA_LOSS: after entry 2 of 5 stands row ");
}

TEST_F(LogRecoveryTest, AMissingNewestEntryIsDataLoss) {
  PutMeta(5);
  PutEntries(1, 3);
  EXPECT_EQ(Recover(), "DATA_LOSS: entries after 3 are missing; the tail is 5");
}

TEST_F(LogRecoveryTest, AnEntryBeyondTheTailIsDataLoss) {
  PutMeta(3);
  PutEntries(1, 4);
  EXPECT_EQ(Recover().substr(0, 41), "DATA_LOSS: after entry 3 of 3 stands row ");
}

TEST_F(LogRecoveryTest, ATornEntryIsDataLoss) {
  PutMeta(2);
  PutEntries(1, 2);
  Bytes torn = *LogEntryRow::Put(LogIndex(2), LogEpoch(1), Bytes(50, 'x')).value;
  torn.resize(torn.size() - 20);
  disk_.Tamper(RowFamily::kRows, LogEntryRow::Key(LogIndex(2)),
               std::make_shared<const Bytes>(std::move(torn)));
  EXPECT_EQ(Recover().substr(0, 18), "DATA_LOSS: entry 2");
}

TEST_F(LogRecoveryTest, ADamagedMetaRowIsDataLoss) {
  PutMeta(2);
  PutEntries(1, 2);
  ASSERT_TRUE(disk_.Corrupt(RowFamily::kRows, LogMeta::kKey).ok());
  EXPECT_EQ(Recover().substr(0, 10), "DATA_LOSS:");
  disk_.Tamper(RowFamily::kRows, LogMeta::kKey, std::make_shared<const Bytes>(Bytes{1, 2, 3}));
  EXPECT_EQ(Recover().substr(0, 10), "DATA_LOSS:");
}

TEST_F(LogRecoveryTest, ALogNeverGoesBack) {
  PutMeta(3);
  PutEntries(1, 3);
  EXPECT_EQ(Recover(LogMeta{LogEpoch(1), LogIndex(4), LogIndex(0)}).substr(0, 10), "DATA_LOSS:");
  EXPECT_EQ(Recover(LogMeta{LogEpoch(2), LogIndex(3), LogIndex(0)}).substr(0, 10), "DATA_LOSS:");
  EXPECT_EQ(Recover(LogMeta{LogEpoch(1), LogIndex(3), LogIndex(0)}), "3/0:");
}

TEST_F(LogRecoveryTest, WhatIsNewIsDurableBeforeAnyoneHearsOfIt) {
  std::vector<StoreWrite> writes;
  writes.push_back(LogEntryRow::Put(LogIndex(1), LogEpoch(1), ToBytes(AsBytes("entry 1"))));
  writes.push_back(LogMeta{LogEpoch(1), LogIndex(1), LogIndex(0)}.Put());
  disk_.FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kThere);
  store_->Commit(std::move(writes), true, [](const absl::Status& s) { EXPECT_FALSE(s.ok()); });
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Recover(LogMeta()), "1/0: 1");
  disk_.Crash(Kept::kSynced);
  Open();
  EXPECT_EQ(Recover(), "1/0: 1");
}

TEST_F(LogRecoveryTest, EachStepsErrorIsToldAndTheNextOneStartsAnew) {
  PutMeta(2);
  PutEntries(1, 2);
  const LogMeta known{LogEpoch(1), LogIndex(1), LogIndex(0)};
  disk_.FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLost);  // the one that settles
  EXPECT_EQ(Recover(known), "UNAVAILABLE: EIO");
  disk_.SetFull(true);  // for the one that makes durable
  EXPECT_EQ(Recover().substr(0, 19), "RESOURCE_EXHAUSTED:");
  disk_.SetFull(false);
  disk_.FailReads(1, absl::UnavailableError("EIO"));
  EXPECT_EQ(Recover(known), "UNAVAILABLE: EIO");
  EXPECT_EQ(Recover(known), "2/0: 2");
}

}  // namespace
}  // namespace worldb::engine
