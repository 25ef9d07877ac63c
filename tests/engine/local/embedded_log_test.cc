// Goal: the embedded log keeps the contract of an accept log, loses nothing it answered for when
// the disk fails or power goes, and refuses to go on from rows that contradict each other.
// Method: the contract suite over the fake store; each store failure by hand; then random histories
// of appends, trims, disk errors and crashes, checked against the list of what was acknowledged.
#include "engine/local/embedded_log.h"

#include <map>
#include <random>

#include "tests/support/embedded_log_harness.h"
#include "tests/support/memory_store.h"

namespace worldb::testing {
namespace {

using Kind = arbiter::AppendResult::Kind;
using engine::RowFamily;
using Options = engine::EmbeddedLogCore::Options;

EmbeddedLogHarness::OpenStore OnDisk(std::shared_ptr<MemoryDisk> disk) {
  return [disk = std::move(disk)](engine::Executor& executor) {
    return std::make_unique<MemoryStore>(*disk, executor);
  };
}

std::vector<AcceptLogHarnessFactory> Factories() {
  std::vector<AcceptLogHarnessFactory> factories;
  for (WorldKind kind : {WorldKind::kSim, WorldKind::kShuffledSim, WorldKind::kStrand}) {
    factories.push_back({WorldName(kind), [kind] {
                           return std::make_unique<EmbeddedLogHarness>(
                               kind, OnDisk(std::make_shared<MemoryDisk>()));
                         }});
  }
  // A cache of two entries, so that most reads go to the store.
  factories.push_back({"SmallCache", [] {
                         return std::make_unique<EmbeddedLogHarness>(
                             WorldKind::kShuffledSim, OnDisk(std::make_shared<MemoryDisk>()),
                             Options{.cached_entries_max = 2});
                       }});
  return factories;
}

INSTANTIATE_TEST_SUITE_P(EmbeddedMemory, AcceptLogContract, ::testing::ValuesIn(Factories()),
                         [](const auto& info) { return info.param.name; });

class EmbeddedLogTest : public ::testing::Test {
 protected:
  AcceptLogDriver Log(int node = 0) { return {harness_.world(), harness_.log(node)}; }
  // Entries "1" to "count" under log epoch 1.
  void Fill(int count) {
    ASSERT_TRUE(Log().Fence(1).ok());
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(Log().Append(1, i, absl::StrCat(i + 1)).kind, Kind::kOk);
    }
  }
  std::string EntryKey(int index) {
    return absl::StrCat("e", absl::string_view("\0\0\0\0\0\0\0", 7),
                        std::string(1, static_cast<char>(index)));
  }
  absl::Status DeleteRow(const std::string& key) {
    harness_.Stop();
    absl::Status status;
    {
      auto executor = harness_.world().MakeExecutor();
      MemoryStore store(*disk_, *executor);
      status = harness_.world().Await<absl::Status>([&](auto done) {
        store.Commit({engine::StoreWrite::Delete(RowFamily::kRows, key)}, true, done);
      });
    }
    harness_.Start();
    return status;
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  EmbeddedLogHarness harness_{WorldKind::kShuffledSim, OnDisk(disk_)};
};

TEST_F(EmbeddedLogTest, RefusesAppendsWhileFewerThanTwoNodesRun) {
  Fill(1);
  harness_.core().SetRunning(NodeAt(3), false);
  EXPECT_EQ(Log().Append(1, 1, "2").kind, Kind::kOk);
  harness_.core().SetRunning(NodeAt(4), false);
  arbiter::AppendResult refused = Log().Append(1, 2, "3");
  EXPECT_EQ(refused.kind, Kind::kRefused);
  EXPECT_EQ(refused.why.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Log().Append(1, 1, "2").kind, Kind::kOk);  // it is there, whoever runs
  harness_.core().SetRunning(NodeAt(3), true);
  EXPECT_EQ(Log().Append(1, 2, "3").kind, Kind::kOk);
  EXPECT_EQ(Log().Read(1).value(), "1:1 2:2 3:3");
}

TEST_F(EmbeddedLogTest, AStoreErrorLeavesTheAppendUnknownAndTheSameAppendResolvesIt) {
  Fill(2);
  int woken = 0;
  harness_.log(1).SetWake([&] { ++woken; });
  int tail = 2;
  for (FailedCommit fate : {FailedCommit::kThere, FailedCommit::kLost, FailedCommit::kLate}) {
    disk_->FailCommits(1, absl::UnavailableError("EIO"), fate);
    arbiter::AppendResult result = Log().Append(1, tail, "x");
    EXPECT_EQ(result.kind, Kind::kUnknown);
    EXPECT_EQ(result.why.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(Log().Append(1, tail, "x").kind, Kind::kOk);
    ++tail;
  }
  EXPECT_EQ(Log().Read(1).value(), "1:1 2:2 3:x 4:x 5:x");
  harness_.world().Flush(harness_.executor(1));
  EXPECT_GE(woken, 2);  // also for the entry nobody was told of
}

TEST_F(EmbeddedLogTest, AnotherEntryAfterAnUnknownOneIsTakenOrOkByWhatTheStoreHolds) {
  Fill(1);
  disk_->FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kThere);
  EXPECT_EQ(Log(0).Append(1, 1, "x").kind, Kind::kUnknown);
  arbiter::AppendResult taken = Log(1).Append(1, 1, "y");
  EXPECT_EQ(taken.kind, Kind::kTaken);
  EXPECT_EQ(AsText(*taken.entry), "x");
  disk_->FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLost);
  EXPECT_EQ(Log(0).Append(1, 2, "x").kind, Kind::kUnknown);
  EXPECT_EQ(Log(1).Append(1, 2, "y").kind, Kind::kOk);
}

// Otherwise the meta row would say less than the rows, and the log would be lost at its next
// opening.
TEST_F(EmbeddedLogTest, AFailedEntryThatTurnsUpLateDoesNotContradictALaterFence) {
  Fill(1);
  disk_->FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLate);
  EXPECT_EQ(Log().Append(1, 1, "x").kind, Kind::kUnknown);
  EXPECT_EQ(Log().Fence(2).value(), "2/2");
  harness_.Restart();
  EXPECT_EQ(Log().Tail().value(), "2/2");
  EXPECT_EQ(Log().Append(1, 1, "x").kind, Kind::kOk);
}

TEST_F(EmbeddedLogTest, AFullDiskHeals) {
  Fill(1);
  disk_->SetFull(true);
  arbiter::AppendResult result = Log().Append(1, 1, "x");
  EXPECT_EQ(result.kind, Kind::kUnknown);
  EXPECT_EQ(result.why.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(Log().Fence(2).ok());
  EXPECT_FALSE(Log().Trim(1).ok());
  EXPECT_EQ(Log().Tail().value(), "1/1");
  disk_->SetFull(false);
  EXPECT_EQ(Log().Append(1, 1, "x").kind, Kind::kOk);
}

TEST_F(EmbeddedLogTest, WhileTheTailCannotBeReadAppendsAreRefusedAndNothingIsWritten) {
  Fill(1);
  disk_->FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLost);
  EXPECT_EQ(Log().Append(1, 1, "x").kind, Kind::kUnknown);
  disk_->FailReads(1, absl::UnavailableError("EIO"));
  EXPECT_EQ(Log().Append(1, 1, "x").kind, Kind::kRefused);
  EXPECT_EQ(Log().Tail().value(), "1/1");
  EXPECT_EQ(Log().Read(1).value(), "1:1");
  EXPECT_EQ(Log().Append(1, 1, "x").kind, Kind::kOk);
}

TEST_F(EmbeddedLogTest, RowsThatContradictEachOtherAreDataLossForEveryCall) {
  Fill(9);
  ASSERT_TRUE(DeleteRow(EntryKey(4)).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Log().Tail().status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Log().Read(9).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Log().Fence(2).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Log().Append(1, 9, "x").why.code(), absl::StatusCode::kDataLoss);
  }
}

TEST_F(EmbeddedLogTest, AMissingNewestEntryIsDataLoss) {
  Fill(3);
  ASSERT_TRUE(DeleteRow(EntryKey(3)).ok());
  EXPECT_EQ(Log().Tail().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(EmbeddedLogTest, EntriesWithoutAMetaRowAreDataLoss) {
  Fill(3);
  ASSERT_TRUE(DeleteRow("m").ok());
  EXPECT_EQ(Log().Tail().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(EmbeddedLogTest, AMetaRowDamagedMeanwhileIsDataLoss) {
  Fill(3);
  disk_->FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLost);
  EXPECT_EQ(Log().Append(1, 3, "x").kind, Kind::kUnknown);
  ASSERT_TRUE(disk_->Corrupt(RowFamily::kRows, "m").ok());
  arbiter::AppendResult result = Log().Append(1, 3, "x");
  EXPECT_EQ(result.kind, Kind::kRefused);
  EXPECT_EQ(result.why.code(), absl::StatusCode::kDataLoss);
}

// Found by the histories below: a commit that failed can be visible and still go with the power.
TEST_F(EmbeddedLogTest, AnEntryFoundAfterAnErrorIsDurableBeforeAnyoneHearsOfIt) {
  for (CrashModel model : {CrashModel::kSuffix, CrashModel::kSubset}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      auto disk = std::make_shared<MemoryDisk>(seed, model);
      EmbeddedLogHarness harness(WorldKind::kSim, OnDisk(disk));
      AcceptLogDriver log(harness.world(), harness.log(0));
      ASSERT_TRUE(log.Fence(1).ok());
      disk->FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kThere);
      ASSERT_EQ(log.Append(1, 0, "x").kind, Kind::kUnknown);
      ASSERT_EQ(log.Append(1, 0, "x").kind, Kind::kOk);
      disk->Crash();
      harness.Restart();
      AcceptLogDriver after(harness.world(), harness.log(0));
      EXPECT_EQ(after.Read(1).value(), "1:x");
    }
  }
}

TEST_F(EmbeddedLogTest, ADamagedEntryOnlyHurtsThoseWhoReadIt) {
  Fill(4);
  ASSERT_TRUE(Log().Trim(1).ok());
  ASSERT_TRUE(disk_->Corrupt(RowFamily::kRows, EntryKey(2)).ok());
  EXPECT_EQ(Log().Read(2).value(), "2:2 3:3 4:4");  // still in memory
  EXPECT_EQ(Log().Append(1, 4, "5").kind, Kind::kOk);
  harness_.Restart();
  EXPECT_EQ(Log().Tail().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(EmbeddedLogTest, AnEntryAboveTheCapIsRefused) {
  EmbeddedLogHarness small(WorldKind::kSim, OnDisk(std::make_shared<MemoryDisk>()),
                           Options{.entry_bytes_max = 4});
  AcceptLogDriver log(small.world(), small.log(0));
  ASSERT_TRUE(log.Fence(1).ok());
  EXPECT_EQ(log.Append(1, 0, "12345").why.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(log.Append(1, 0, "1234").kind, Kind::kOk);
}

TEST_F(EmbeddedLogTest, APageFromTheDiskIsNoLongerThanOneFromMemory) {
  ASSERT_TRUE(Log().Fence(1).ok());
  const std::string third(arbiter::AcceptLog::kReadBytesMax / 3 + 1, 'x');
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(Log().Append(1, static_cast<std::uint64_t>(i), third).kind, Kind::kOk);
  }
  const auto in_memory = Log().Read(1);
  harness_.Restart();
  EXPECT_EQ(Log().Read(1).value(), *in_memory);
  EXPECT_EQ(Log().Read(1).value(), absl::StrCat("1:", third, " 2:", third, " 3:", third));
}

TEST_F(EmbeddedLogTest, ALongTrimLeavesADenseLogWhereverItEnds) {
  Fill(3000);
  Tally done;
  harness_.log(0).Trim(LogIndex(2900), [&](const absl::Status&) { done.Add(); });
  disk_->FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLost);
  ASSERT_TRUE(harness_.world().Await(done, 1));
  EXPECT_EQ(Log().Read(1, 1).value(), "1:1");
  ASSERT_TRUE(Log().Trim(2900).ok());
  EXPECT_EQ(disk_->Rows(RowFamily::kRows).size(), 101u);
  harness_.Restart();
  EXPECT_EQ(Log().Read(2901, 1).value(), "2901:2901");
}

TEST_F(EmbeddedLogTest, AHandleDestroyedWithCallsOutstandingDropsTheirAnswers) {
  auto store_executor = harness_.world().MakeExecutor();
  MemoryDisk disk;
  MemoryStore store(disk, *store_executor);
  auto core = engine::EmbeddedLogCore::Create(DataCenterAt(0), store, *store_executor);
  auto node = harness_.world().MakeExecutor();
  auto handle = std::make_unique<engine::EmbeddedLogHandle>(core, *node);
  handle->SetWake([] { ADD_FAILURE(); });
  handle->Fence(LogEpoch(1), [](auto) { ADD_FAILURE(); });
  handle->Tail([](auto) { ADD_FAILURE(); });
  handle.reset();
  node.reset();
  for (int i = 0; i < 10; ++i) harness_.world().Flush(*store_executor);
  auto other_node = harness_.world().MakeExecutor();
  engine::EmbeddedLogHandle other(core, *other_node);
  EXPECT_EQ(AcceptLogDriver(harness_.world(), other).Tail().value(), "1/0");
  store_executor->Shutdown();
}

// What a sequencer may rely on through errors, crashes and restarts: an acknowledged entry stays
// under its index with its bytes, and the log never holds an entry nobody sent.
TEST(EmbeddedLogHistoryTest, AcknowledgedEntriesStayThroughErrorsAndCrashes) {
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 random(seed);
    auto disk = std::make_shared<MemoryDisk>(
        seed, seed % 2 == 0 ? CrashModel::kSuffix : CrashModel::kSubset);
    EmbeddedLogHarness harness(WorldKind::kShuffledSim, OnDisk(disk),
                               Options{.cached_entries_max = 4});
    std::map<std::uint64_t, std::string> acknowledged;
    std::uint64_t floor = 0;
    std::uint64_t epoch = 0;
    for (int step = 0; step < 150; ++step) {
      AcceptLogDriver log(harness.world(), harness.log(static_cast<int>(random() % 3)));
      const std::uint64_t tail = acknowledged.empty() ? 0 : acknowledged.rbegin()->first;
      const std::uint64_t dice = random() % 20;
      if (dice < 12) {
        if (epoch == 0 && log.Fence(1).ok()) epoch = 1;
        const std::string entry = absl::StrCat("s", step);
        arbiter::AppendResult result = log.Append(epoch, tail, entry);
        if (result.kind == Kind::kOk) {
          acknowledged[tail + 1] = entry;
        } else if (result.kind == Kind::kTaken) {
          ASSERT_NE(result.entry, nullptr);
          acknowledged[tail + 1] = std::string(AsText(*result.entry));
        }
      } else if (dice < 14) {
        disk->FailCommits(1 + static_cast<int>(random() % 2), absl::UnavailableError("EIO"),
                          static_cast<FailedCommit>(random() % 3));
      } else if (dice == 14) {
        disk->FailReads(1, absl::UnavailableError("EIO"));
      } else if (dice == 15 && tail > floor) {
        const std::uint64_t target = floor + 1 + random() % (tail - floor);
        if (log.Trim(target).ok()) floor = target;
      } else if (dice == 16) {
        // Power goes with an append on its way.
        harness.log(0).Append(LogEpoch(epoch), LogIndex(tail), EntryBytes("lost?"), [](auto) {});
        static_cast<SimTestWorld&>(harness.world())
            .sim()
            .RunUntil([n = random() % 6]() mutable { return n-- == 0; }, absl::Seconds(1));
        disk->Crash();
        harness.Restart();
      } else if (dice == 17) {
        harness.Restart();
      }
    }
    disk->FailCommits(0, absl::OkStatus(), FailedCommit::kLost);
    disk->FailReads(0, absl::OkStatus());
    AcceptLogDriver log(harness.world(), harness.log(0));
    for (const auto& [index, entry] : acknowledged) {
      absl::StatusOr<std::string> read = log.Read(index, 1);
      // A trim is not synced, so after a crash the floor may lie lower, never higher, than
      // answered; one that failed may have happened.
      if (!read.ok() && absl::IsOutOfRange(read.status())) continue;
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(*read, absl::StrCat(index, ":", entry));
    }
    if (!acknowledged.empty()) {
      const std::uint64_t last = acknowledged.rbegin()->first;
      EXPECT_TRUE(log.Append(epoch, last, "final").kind != Kind::kRefused);
    }
  }
}

}  // namespace
}  // namespace worldb::testing
