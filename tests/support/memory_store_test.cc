// Goal: the fake store keeps the contract of a store and fails as a disk does.
// Method: the contract suite over virtual time and threads; then crashes, with the outcome checked
// against what was synced and answered, over many seeds.
#include "tests/support/memory_store.h"

#include <algorithm>
#include <set>

#include "tests/support/store_contract.h"

namespace worldb::testing {
namespace {

using engine::RowFamily;
using engine::StoreWrite;

class MemoryStoreHarness final : public StoreHarness {
 public:
  explicit MemoryStoreHarness(WorldKind kind) : world_(MakeTestWorld(kind)) { Open(); }

  TestWorld& world() override { return *world_; }
  engine::Executor& executor() override { return *executor_; }
  engine::Store& store() override { return *store_; }
  void Reopen() override {
    executor_->Shutdown();
    store_.reset();
    Open();
  }

 private:
  void Open() {
    executor_ = world_->MakeExecutor();
    store_ = std::make_unique<MemoryStore>(disk_, *executor_);
  }
  MemoryDisk disk_;
  std::unique_ptr<TestWorld> world_;
  std::unique_ptr<engine::Executor> executor_;
  std::unique_ptr<MemoryStore> store_;
};

std::vector<StoreHarnessFactory> Factories() {
  std::vector<StoreHarnessFactory> factories;
  for (WorldKind kind : {WorldKind::kSim, WorldKind::kShuffledSim, WorldKind::kStrand}) {
    factories.push_back(
        {WorldName(kind), [kind] { return std::make_unique<MemoryStoreHarness>(kind); }});
  }
  return factories;
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::ValuesIn(Factories()),
                         [](const auto& info) { return info.param.name; });

class MemoryStoreTest : public ::testing::Test {
 protected:
  SimTestWorld world_{true};
  SimExecutor executor_{world_.sim()};
};

TEST_F(MemoryStoreTest, AFullDiskWritesNothingAndHeals) {
  MemoryDisk disk;
  MemoryStore memory(disk, executor_);
  StoreDriver store(world_, memory);
  ASSERT_TRUE(store.Put(RowFamily::kRows, "a", "1").ok());
  disk.SetFull(true);
  EXPECT_EQ(store.Put(RowFamily::kRows, "a", "2").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(store.Get(RowFamily::kRows, "a").value(), "1");
  disk.SetFull(false);
  EXPECT_TRUE(store.Put(RowFamily::kRows, "a", "3").ok());
}

TEST_F(MemoryStoreTest, InjectedErrorsMayHaveWritten) {
  MemoryDisk disk;
  MemoryStore memory(disk, executor_);
  StoreDriver store(world_, memory);
  disk.FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kThere);
  EXPECT_EQ(store.Put(RowFamily::kRows, "a", "1").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store.Get(RowFamily::kRows, "a").value(), "1");
  disk.FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLost);
  EXPECT_EQ(store.Put(RowFamily::kRows, "a", "2").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store.Get(RowFamily::kRows, "a").value(), "1");
  disk.FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLate);
  EXPECT_EQ(store.Put(RowFamily::kRows, "a", "3").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store.Get(RowFamily::kRows, "a").value(), "1");
  EXPECT_TRUE(store.Commit({}).ok());
  EXPECT_EQ(store.Get(RowFamily::kRows, "a").value(), "3");
  disk.FailReads(2, absl::UnavailableError("EIO"));
  EXPECT_EQ(store.Get(RowFamily::kRows, "a").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(store.Scan(RowFamily::kRows, "", "", 1).ok());
  EXPECT_EQ(store.Get(RowFamily::kRows, "a").value(), "3");
}

TEST_F(MemoryStoreTest, ADamagedRowIsDataLossUntilWrittenAgain) {
  MemoryDisk disk;
  MemoryStore memory(disk, executor_);
  StoreDriver store(world_, memory);
  ASSERT_TRUE(store.Put(RowFamily::kBlobs, "a", "1").ok());
  ASSERT_TRUE(disk.Corrupt(RowFamily::kBlobs, "a").ok());
  EXPECT_EQ(store.Get(RowFamily::kBlobs, "a").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store.Scan(RowFamily::kBlobs, "", "", 9).status().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(store.Put(RowFamily::kBlobs, "a", "2").ok());
  EXPECT_EQ(store.Get(RowFamily::kBlobs, "a").value(), "2");
}

TEST_F(MemoryStoreTest, DelaysTakeVirtualTime) {
  MemoryDisk disk;
  disk.SetDelays(absl::Milliseconds(4), absl::Milliseconds(2));
  MemoryStore memory(disk, executor_);
  StoreDriver store(world_, memory);
  ASSERT_TRUE(store.Put(RowFamily::kRows, "a", "1").ok());
  ASSERT_TRUE(store.Get(RowFamily::kRows, "a").ok());
  EXPECT_EQ(world_.sim().Elapsed(), absl::Milliseconds(6));
}

// Thirty commits, row i written by commit i, every fifth synced; power goes at a random moment.
TEST(MemoryDiskTest, ACrashKeepsWhatWasSyncedAndAnsweredAndOnlyWholeCommits) {
  std::set<std::size_t> kept_counts;
  for (CrashModel model : {CrashModel::kSuffix, CrashModel::kSubset}) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      SCOPED_TRACE(absl::StrCat("seed ", seed));
      SimWorld world({.seed = seed, .shuffle_ties = true});
      MemoryDisk disk(seed, model);
      disk.SetDelays(absl::Milliseconds(1), absl::ZeroDuration());
      SimExecutor executor(world);
      std::set<std::string> answered_synced;
      {
        MemoryStore store(disk, executor);
        for (int i = 0; i < 30; ++i) {
          const std::string key = absl::StrCat(100 + i);
          world.At(absl::Milliseconds(i), [&, i, key] {
            store.Commit({StoreWrite::Put(RowFamily::kRows, key, Value("v")),
                          StoreWrite::Put(RowFamily::kBlobs, key, Value("v"))},
                         i % 5 == 4, [&, i, key](const absl::Status& status) {
                           EXPECT_TRUE(status.ok());
                           if (i % 5 == 4) answered_synced.insert(key);
                         });
          });
        }
        world.RunFor(absl::Milliseconds(seed % 40));
        disk.Crash();
        world.RunFor(absl::Seconds(1));
      }
      std::vector<std::string> rows;
      std::vector<std::string> blobs;
      for (const auto& row : disk.Rows(RowFamily::kRows)) rows.push_back(row.key);
      for (const auto& row : disk.Rows(RowFamily::kBlobs)) blobs.push_back(row.key);
      EXPECT_EQ(rows, blobs);
      for (const std::string& key : answered_synced) {
        EXPECT_TRUE(std::find(rows.begin(), rows.end(), key) != rows.end()) << key;
      }
      if (model == CrashModel::kSuffix) {
        for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], absl::StrCat(100 + i));
      }
      kept_counts.insert(rows.size());
    }
  }
  EXPECT_GT(kept_counts.size(), 20u);  // the crashes were not all alike
}

TEST(MemoryDiskTest, ACrashKeepsWhatIsAskedForAndAlwaysWhatWasSynced) {
  for (CrashModel model : {CrashModel::kSuffix, CrashModel::kSubset}) {
    for (Kept kept : {Kept::kSynced, Kept::kAll}) {
      SimWorld world;
      MemoryDisk disk(1, model);
      SimExecutor executor(world);
      MemoryStore store(disk, executor);
      const auto commit = [&](const char* key, bool sync) {
        store.Commit({StoreWrite::Put(RowFamily::kRows, key, Value("v"))}, sync,
                     [](const absl::Status&) {});
      };
      commit("1 synced", true);
      commit("2 answered", false);
      world.RunReady();
      EXPECT_EQ(disk.call_count(), 2u);
      commit("3 called", true);
      EXPECT_EQ(disk.call_count(), 3u);
      EXPECT_EQ(disk.commit_count(), 2u);
      disk.Crash(kept);
      EXPECT_EQ(disk.Rows(RowFamily::kRows).size(), kept == Kept::kAll ? 3u : 1u);
    }
  }
}

TEST(MemoryDiskTest, AProcessThatDiesLosesNothingThatWasAnswered) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimWorld world({.seed = seed});
    MemoryDisk disk(seed);
    SimExecutor executor(world);
    int answered = 0;
    {
      MemoryStore store(disk, executor);
      for (int i = 0; i < 10; ++i) {
        store.Commit({StoreWrite::Put(RowFamily::kRows, absl::StrCat(i), Value("v"))}, false,
                     [&](const absl::Status&) { ++answered; });
      }
      for (std::uint64_t i = 0; i < seed % 10; ++i) world.RunOne();
    }
    EXPECT_GE(static_cast<int>(disk.Rows(RowFamily::kRows).size()), answered);
    world.RunFor(absl::Seconds(1));
    EXPECT_EQ(answered, static_cast<int>(seed % 10));
    disk.Wipe();
    EXPECT_TRUE(disk.Rows(RowFamily::kRows).empty());
  }
}

}  // namespace
}  // namespace worldb::testing
