// Goal: the store over RocksDB keeps the contract, merges commits, stops cleanly, and tells damage,
// a locked directory and a full disk apart.
// Method: the contract suite over threads and over virtual time (where one write's members are
// known exactly), then files damaged by hand. The full disk needs a small file system of its own:
// set WORLDB_SMALL_DISK to a directory on one of 64 to 256 MiB; without it that test is skipped.
#include "engine/rocks/rocks_store.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "engine/rocks/rocks_log_file.h"
#include "tests/support/store_contract.h"
#include "tests/support/temp_directory.h"

namespace worldb::testing {
namespace {

using engine::RocksResources;
using engine::RocksStore;
using engine::RowFamily;
using engine::StoreWrite;

class RocksHarness final : public StoreHarness {
 public:
  explicit RocksHarness(WorldKind kind) : world_(MakeTestWorld(kind)) { Open(); }

  TestWorld& world() override { return *world_; }
  engine::Executor& executor() override { return *executor_; }
  engine::Store& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    Open();
  }

 private:
  void Open() {
    executor_ = world_->MakeExecutor();
    store_ = RocksStore::Open(directory_.path(), resources_, *executor_).value();
  }
  TempDirectory directory_;
  RocksResources resources_;
  std::unique_ptr<TestWorld> world_;
  std::unique_ptr<engine::Executor> executor_;
  std::unique_ptr<RocksStore> store_;
};

std::vector<StoreHarnessFactory> Factories() {
  std::vector<StoreHarnessFactory> factories;
  for (WorldKind kind : {WorldKind::kShuffledSim, WorldKind::kStrand}) {
    factories.push_back({WorldName(kind), [kind] { return std::make_unique<RocksHarness>(kind); }});
  }
  return factories;
}

INSTANTIATE_TEST_SUITE_P(Rocks, StoreContract, ::testing::ValuesIn(Factories()),
                         [](const auto& info) { return info.param.name; });

class RocksStoreTest : public ::testing::Test {
 protected:
  static constexpr auto kRows = RowFamily::kRows;
  std::unique_ptr<RocksStore> Open(const RocksStore::Options& options = {}) {
    return RocksStore::Open(directory_.path(), resources_, executor_, options).value();
  }
  // `count` commits of one row of `bytes` each, made before any can run.
  int CommitMany(RocksStore& store, int count, std::size_t bytes) {
    const std::uint64_t before = store.write_count();
    Tally done;
    for (int i = 0; i < count; ++i) {
      store.Commit({StoreWrite::Put(kRows, absl::StrCat(i), Value(std::string(bytes, 'x')))}, true,
                   [&](const absl::Status& status) {
                     EXPECT_TRUE(status.ok()) << status;
                     done.Add();
                   });
    }
    EXPECT_TRUE(world_.Await(done, count));
    return static_cast<int>(store.write_count() - before);
  }

  TempDirectory directory_;
  RocksResources resources_;
  SimTestWorld world_{false};
  SimExecutor executor_{world_.sim()};
};

TEST_F(RocksStoreTest, QueuedCommitsBecomeOneWriteUpToTheCaps) {
  auto store = Open({.group_commits_max = 100, .group_bytes_max = 50000});
  EXPECT_EQ(CommitMany(*store, 100, 10), 1);
  EXPECT_EQ(CommitMany(*store, 250, 10), 3);
  EXPECT_EQ(CommitMany(*store, 50, 9990), 10);
  EXPECT_EQ(CommitMany(*store, 2, 200000), 2);  // each above the cap, so each alone
}

TEST_F(RocksStoreTest, AfterStopEveryCallIsUnavailableAndQueuedCommitsAreNotWritten) {
  auto store = Open();
  ASSERT_TRUE(StoreDriver(world_, *store).Put(kRows, "kept", "1").ok());
  Tally refused;
  auto expect_refused = [&](const auto& result) {
    if constexpr (std::is_same_v<std::decay_t<decltype(result)>, absl::Status>) {
      EXPECT_EQ(result.code(), absl::StatusCode::kUnavailable);
    } else {
      EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable);
    }
    refused.Add();
  };
  store->Commit({StoreWrite::Put(kRows, "queued", Value("1"))}, true, expect_refused);
  store->Get(kRows, "kept", expect_refused);
  store->Stop();
  store->Stop();
  store->Commit({StoreWrite::Put(kRows, "late", Value("1"))}, true, expect_refused);
  store->Get(kRows, "kept", expect_refused);
  store->Scan(kRows, "", "", 10, expect_refused);
  ASSERT_TRUE(world_.Await(refused, 5));
  store = Open();
  EXPECT_THAT(*StoreDriver(world_, *store).Scan(kRows, "", "", 10),
              ::testing::ElementsAre("kept=1"));
}

TEST_F(RocksStoreTest, WorkThatStartsAfterTheStoreIsGoneDoesNothing) {
  auto store = Open();
  ASSERT_TRUE(StoreDriver(world_, *store).Put(kRows, "kept", "1").ok());
  std::vector<absl::Status> answers;
  store->Commit({StoreWrite::Put(kRows, "a", Value("1"))}, true,
                [&](absl::Status status) { answers.push_back(std::move(status)); });
  store->Get(kRows, "kept",
             [&](const absl::StatusOr<Bytes>& value) { answers.push_back(value.status()); });
  store.reset();
  world_.sim().RunFor(absl::Seconds(1));
  ASSERT_EQ(answers.size(), 2u);
  for (const absl::Status& answer : answers) EXPECT_TRUE(absl::IsUnavailable(answer)) << answer;
  store = Open();
  EXPECT_THAT(*StoreDriver(world_, *store).Scan(kRows, "", "", 10),
              ::testing::ElementsAre("kept=1"));
}

TEST_F(RocksStoreTest, AnExecutorShutDownFirstDoesNotHoldUpTheStop) {
  SimExecutor other(world_.sim());
  auto store = RocksStore::Open(directory_.path(), resources_, other).value();
  other.Shutdown();
  store->Commit({StoreWrite::Put(kRows, "a", Value("1"))}, true,
                [](const absl::Status&) { ADD_FAILURE(); });
  store.reset();
  world_.sim().RunFor(absl::Seconds(1));
}

TEST_F(RocksStoreTest, AMissingStoreIsNotMadeUnlessAsked) {
  auto opened = RocksStore::Open(directory_.path() + "/none", resources_, executor_,
                                 {.create_if_missing = false});
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition) << opened.status();
}

TEST_F(RocksStoreTest, ADirectoryInUseIsUnavailable) {
  auto store = Open();
  auto second = RocksStore::Open(directory_.path(), resources_, executor_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable) << second.status();
}

TEST_F(RocksStoreTest, DamagedFilesAreDataLoss) {
  ASSERT_TRUE(StoreDriver(world_, *Open()).Put(kRows, "a", std::string(2000, 'x')).ok());
  Open();  // recovery moves the row from the log into a table file
  int damaged_count = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
    if (file.path().extension() != ".sst") continue;
    std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    table.seekp(100);
    table.put('?');
    ++damaged_count;
  }
  ASSERT_GT(damaged_count, 0);
  auto store = Open();
  StoreDriver driver(world_, *store);
  EXPECT_EQ(driver.Get(kRows, "a").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(driver.Scan(kRows, "", "", 9).status().code(), absl::StatusCode::kDataLoss);
}

// What a node would find after a crash: the rows are in the write-ahead log alone.
class RocksStoreLogTest : public RocksStoreTest {
 protected:
  static constexpr int kCommits = 100;

  void SetUp() override {
    auto store = Open();
    StoreDriver driver(world_, *store);
    for (int i = 0; i < kCommits; ++i) {
      ASSERT_TRUE(driver.Put(kRows, absl::StrCat(1000 + i), std::string(1000, 'x')).ok());
    }
    store.reset();
    for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
      if (file.path().extension() == ".log") log_ = file.path();
    }
    std::ifstream in(log_, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
    ASSERT_GT(bytes_.size(), std::size_t{kCommits} * 1000);
    kept_ = std::make_unique<TempDirectory>();
    std::filesystem::copy(directory_.path(), kept_->path() + "/store",
                          std::filesystem::copy_options::recursive);
  }
  // Opens a copy of the store whose log is `bytes`, and answers how many rows it has.
  absl::StatusOr<int> RowsWith(const std::string& bytes) {
    const std::string dir = kept_->path() + "/damaged";
    std::filesystem::remove_all(dir);
    std::filesystem::copy(kept_->path() + "/store", dir, std::filesystem::copy_options::recursive);
    std::ofstream(dir + "/" + log_.filename().string(), std::ios::binary) << bytes;
    auto store = RocksStore::Open(dir, resources_, executor_);
    if (!store.ok()) return store.status();
    const auto rows = StoreDriver(world_, **store).Scan(kRows, "", "", kCommits + 1);
    if (!rows.ok()) return rows.status();
    return static_cast<int>(rows->size());
  }

  std::filesystem::path log_;
  std::string bytes_;
  std::unique_ptr<TempDirectory> kept_;
};

TEST_F(RocksStoreLogTest, AFlippedByteIsDataLossAndNeverAShorterHistory) {
  ASSERT_EQ(*RowsWith(bytes_), kCommits);
  // Everywhere within a record and its header, and all over the log but in its last block, where a length that
  // reaches beyond the end is what a torn record looks like.
  std::vector<std::size_t> places;
  for (std::size_t at = 40'000; at < 41'100; at += 7) places.push_back(at);
  for (std::size_t at = 0; at + (32 << 10) < bytes_.size(); at += 3001) places.push_back(at);
  for (const std::size_t at : places) {
    std::string damaged = bytes_;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto rows = RowsWith(damaged);
    if (rows.ok()) {
      EXPECT_EQ(*rows, kCommits) << at;
    } else {
      EXPECT_EQ(rows.status().code(), absl::StatusCode::kDataLoss) << at << ": " << rows.status();
    }
  }
}

// Any bit of any log: histories of commits of any size, of one or several rows in both families, drawn from
// a seed. WORLDB_LOG_TRIALS=N makes N of them.
TEST_F(RocksStoreTest, WhateverBitFlipsNoHistoryIsShorterButByATornEnd) {
  int trials = 60;
  if (const char* asked = std::getenv("WORLDB_LOG_TRIALS")) trials = std::atoi(asked);
  int lost = 0;
  for (int trial = 0; trial < trials; ++trial) {
    SCOPED_TRACE(absl::StrCat("trial ", trial));
    std::mt19937_64 random(static_cast<std::uint64_t>(trial));
    const auto draw = [&random](std::uint64_t below) { return random() % below; };
    TempDirectory directory;
    const std::string dir = directory.path() + "/store";
    auto store = RocksStore::Open(dir, resources_, executor_).value();
    std::string log;
    for (const auto& file : std::filesystem::directory_iterator(dir)) {
      if (file.path().extension() == ".log") log = file.path();
    }
    // Commit i writes row i, and what else it has; `ends` says where it ends in the log.
    const int commits = 1 + static_cast<int>(draw(40));
    std::vector<std::uintmax_t> ends;
    for (int i = 0; i < commits; ++i) {
      std::vector<StoreWrite> writes;
      const std::uint64_t rows = 1 + draw(4);
      for (std::uint64_t row = 0; row < rows; ++row) {
        const std::size_t size = draw(10) == 0 ? draw(50'000) : draw(800);
        writes.push_back(
            StoreWrite::Put(draw(3) == 0 && row > 0 ? RowFamily::kBlobs : kRows,
                            row == 0 ? absl::StrCat(1000 + i) : absl::StrCat("x", i, row),
                            Value(std::string(size, static_cast<char>(random())))));
      }
      Tally done;
      store->Commit(std::move(writes), draw(2) == 0 || i + 1 == commits,
                    [&](const absl::Status& status) {
                      EXPECT_TRUE(status.ok()) << status;
                      done.Add();
                    });
      ASSERT_TRUE(world_.Await(done, 1));
      ends.push_back(std::filesystem::file_size(log));
    }
    store.reset();

    const std::uintmax_t size = std::filesystem::file_size(log);
    const std::uint64_t at =
        draw(3) == 0 ? size - 1 - draw(std::min<std::uintmax_t>(size, 300)) : draw(size);
    {
      std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at));
      const char bit = static_cast<char>(1 << draw(8));
      const char damaged = static_cast<char>(file.get() ^ bit);
      file.seekp(static_cast<std::streamoff>(at));
      file.put(damaged);
    }
    auto opened = RocksStore::Open(dir, resources_, executor_);
    if (!opened.ok()) {
      EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss) << opened.status();
      continue;
    }
    const auto rows = StoreDriver(world_, **opened).Scan(kRows, "1", "2", 100);
    ASSERT_TRUE(rows.ok()) << rows.status();
    if (rows->size() == static_cast<std::size_t>(commits)) continue;
    // The one thing that no checksum tells from a record cut off: a length, in the last block.
    ++lost;
    EXPECT_GT(at + engine::kLogBlockBytes, size)
        << "a flip at " << at << " of " << size << " lost " << commits - rows->size() << " commits";
    EXPECT_GE(at, rows->empty() ? 0 : ends[rows->size() - 1]) << "commits before it are gone too";
  }
  EXPECT_LT(lost, trials / 10);
}

TEST_F(RocksStoreLogTest, ALastRecordThatWasCutOffIsOneThatWasNotWritten) {
  for (const std::size_t cut : {1, 7, 500, 999}) {
    EXPECT_EQ(*RowsWith(bytes_.substr(0, bytes_.size() - cut)), kCommits - 1) << cut;
  }
}

TEST_F(RocksStoreTest, AFullDiskHealsWhenSpaceComesBack) {
  const char* small_disk = std::getenv("WORLDB_SMALL_DISK");
  if (small_disk == nullptr) GTEST_SKIP() << "WORLDB_SMALL_DISK is not set";
  const std::string dir = absl::StrCat(small_disk, "/store");
  auto store = RocksStore::Open(dir, resources_, executor_).value();
  StoreDriver driver(world_, *store);
  ASSERT_TRUE(driver.Put(kRows, "kept", "1").ok());
  const std::string ballast = absl::StrCat(small_disk, "/ballast");
  {
    std::ofstream out(ballast, std::ios::binary);
    const std::string block(1 << 16, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  absl::Status status;
  int written = 0;
  while (status.ok() && written < 100) {
    status = driver.Put(kRows, absl::StrCat("n", written++), std::string(100000, 'x'));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  status = driver.Put(kRows, "more", "1");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(driver.Get(kRows, "kept").value(), "1");
  std::filesystem::remove(ballast);
  status = driver.Put(kRows, "healed", "1");
  EXPECT_TRUE(status.ok()) << status;
  store.reset();
  store = RocksStore::Open(dir, resources_, executor_).value();
  EXPECT_EQ(StoreDriver(world_, *store).Get(kRows, "kept").value(), "1");
  EXPECT_EQ(StoreDriver(world_, *store).Get(kRows, "healed").value(), "1");
  store.reset();
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace worldb::testing
