// Goal: large values lie in segment files, written once; they are found after any crash, go when they are
//       deleted, and damage to one is told and costs no other.
// Method: a store in virtual time, its files cut, damaged and looked at; and a process of its own that
//       writes until it is killed. WORLDB_KILL_ROUNDS=N kills it N times.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "engine/rocks/numbered_files.h"
#include "engine/rocks/rocks_reader.h"
#include "engine/rocks/rocks_store.h"
#include "engine/rocks/segment_format.h"
#include "tests/support/store_driver.h"
#include "tests/support/temp_directory.h"

namespace worldb::testing {
namespace {

using engine::RocksReader;
using engine::RocksResources;
using engine::RocksStore;
using engine::RowFamily;
using engine::StoreWrite;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kRows = RowFamily::kRows;
constexpr auto kBlobs = RowFamily::kBlobs;
constexpr std::size_t kLarge = 100'000;

std::string Large(int seed, std::size_t bytes = kLarge) {
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  std::string value(bytes, '\0');
  for (char& byte : value) byte = static_cast<char>(random());
  return value;
}

void Flip(const std::string& path, std::uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char damaged = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(damaged);
}

class LargeValues : public ::testing::Test {
 protected:
  void Open() { store_ = RocksStore::Open(dir(), resources_, executor_).value(); }
  void Reopen() {
    store_.reset();
    Open();
  }
  StoreDriver Driver() { return StoreDriver(world_, *store_); }
  const std::string& dir() const { return directory_.path(); }
  std::string PathOf(std::uint64_t segment) const {
    return absl::StrCat(dir(), "/", engine::NumberedName(segment, engine::kSegmentEnding));
  }
  std::vector<std::uint64_t> Segments() const {
    return engine::NumbersIn(dir(), engine::kSegmentEnding);
  }
  std::uint64_t SegmentBytes() const {
    std::uint64_t bytes = 0;
    for (const std::uint64_t segment : Segments()) {
      bytes += std::filesystem::file_size(PathOf(segment));
    }
    return bytes;
  }
  // Where the value lies in that segment's file.
  std::uint64_t OffsetOf(std::uint64_t segment, const std::string& value) const {
    std::ifstream in(PathOf(segment), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = bytes.find(value);
    EXPECT_NE(at, std::string::npos);
    return at;
  }

  TempDirectory directory_;
  RocksResources resources_;
  SimTestWorld world_{false};
  SimExecutor executor_{world_.sim()};
  std::unique_ptr<RocksStore> store_;
};

TEST_F(LargeValues, AreThereAfterReopeningAndLieInASegment) {
  Open();
  ASSERT_TRUE(Driver().Put(kBlobs, "s/a", Large(1)).ok());
  ASSERT_TRUE(Driver().Put(kRows, "s/a", Large(2)).ok());
  ASSERT_THAT(Segments(), ElementsAre(1));
  EXPECT_EQ(SegmentBytes(), engine::RoundUpToBlock(16 + 3 + kLarge));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(*Driver().Get(kBlobs, "s/a"), Large(1));
    EXPECT_EQ(*Driver().Get(kRows, "s/a"), Large(2));
    Reopen();
  }
  EXPECT_THAT(Segments(), ElementsAre(1));
  ASSERT_TRUE(Driver().Put(kBlobs, "s/b", Large(3)).ok());
  EXPECT_THAT(Segments(), ElementsAre(1, 2)) << "what an earlier process wrote is not appended to";
}

// All ways from one kind of value to another, in one commit and in several.
TEST_F(LargeValues, TakeThePlaceOfSmallOnesAndGiveItBack) {
  const std::vector<std::string> values = {"", "small", Large(1), Large(2), "deleted"};
  const auto write = [](const std::string& value) {
    return value == "deleted" ? StoreWrite::Delete(kBlobs, "k")
                              : StoreWrite::Put(kBlobs, "k", Value(value));
  };
  const auto expect = [&](const std::string& value) {
    if (value == "deleted") {
      EXPECT_EQ(Driver().Get(kBlobs, "k").status().code(), absl::StatusCode::kNotFound);
      EXPECT_THAT(*Driver().Scan(kBlobs, "", "", 9), IsEmpty());
    } else {
      EXPECT_EQ(Driver().Get(kBlobs, "k").value(), value);
      EXPECT_THAT(*Driver().Scan(kBlobs, "", "", 9), ElementsAre("k=" + value));
    }
  };
  Open();
  for (const bool one_commit : {false, true}) {
    for (const bool reopen : {false, true}) {
      for (const std::string& first : values) {
        for (const std::string& second : values) {
          for (const std::string& third : values) {
            if (one_commit) {
              ASSERT_TRUE(Driver().Commit({write(first), write(second), write(third)}).ok());
            } else {
              ASSERT_TRUE(Driver().Commit({write(first)}).ok());
              ASSERT_TRUE(Driver().Commit({write(second)}).ok());
              expect(second);
              ASSERT_TRUE(Driver().Commit({write(third)}).ok());
            }
            if (reopen && !one_commit && third != second) Reopen();
            expect(third);
          }
        }
      }
    }
  }
}

TEST_F(LargeValues, AreScannedAmongSmallOnesInKeyOrder) {
  Open();
  for (int i = 0; i < 6; ++i) {
    const std::string value = i % 2 == 0 ? absl::StrCat("small", i) : Large(i);
    ASSERT_TRUE(Driver().Put(kBlobs, absl::StrCat("k", i), value).ok());
  }
  EXPECT_THAT(*Driver().Scan(kBlobs, "k1", "k5", 9),
              ElementsAre("k1=" + Large(1), "k2=small2", "k3=" + Large(3), "k4=small4"));
  EXPECT_THAT(*Driver().Scan(kBlobs, "", "", 2), ElementsAre("k0=small0", "k1=" + Large(1)));
  EXPECT_THAT(*Driver().Scan(kBlobs, "k5", "", 9), ElementsAre("k5=" + Large(5)));
}

TEST_F(LargeValues, GoFromTheDiskWhenTheyAreDeleted) {
  Open();
  for (const bool sync : {true, false}) {
    ASSERT_TRUE(Driver().Put(kBlobs, "p/1", Large(1)).ok());
    ASSERT_TRUE(Driver().Put(kBlobs, "p/2", Large(2)).ok());
    ASSERT_THAT(Segments(), SizeIs(1));
    ASSERT_TRUE(Driver().Commit({StoreWrite::Delete(kBlobs, "p/1")}, sync).ok());
    EXPECT_THAT(Segments(), SizeIs(1)) << "its neighbour is alive";
    ASSERT_TRUE(Driver().Commit({StoreWrite::Delete(kBlobs, "p/2")}, sync).ok());
    world_.Flush(executor_);
    EXPECT_THAT(Segments(), IsEmpty());
  }
  ASSERT_TRUE(Driver().Put(kBlobs, "p/1", Large(3)).ok());
  ASSERT_TRUE(Driver().Put(kBlobs, "p/1", "small").ok());
  world_.Flush(executor_);
  EXPECT_THAT(Segments(), IsEmpty());
}

TEST_F(LargeValues, OfOtherKindsOfKeysLieInOtherSegments) {
  Open();
  ASSERT_TRUE(Driver()
                  .Commit({StoreWrite::Put(kBlobs, "s/1", Value(Large(1))),
                           StoreWrite::Put(kBlobs, "p/1", Value(Large(2)))})
                  .ok());
  ASSERT_THAT(Segments(), SizeIs(2));
  ASSERT_TRUE(Driver().Delete(kBlobs, "p/1").ok());
  world_.Flush(executor_);
  EXPECT_THAT(Segments(), SizeIs(1));
  EXPECT_EQ(*Driver().Get(kBlobs, "s/1"), Large(1));
}

// 100 values, of which every tenth stays.
class SparseSegment : public LargeValues {
 protected:
  void SetUp() override {
    Open();
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(Driver().Put(kBlobs, Key(i), Large(i)).ok());
    }
    ASSERT_THAT(Segments(), ElementsAre(1));
    for (int i = 0; i < 100; ++i) {
      if (i % 10 != 0) ASSERT_TRUE(Driver().Delete(kBlobs, Key(i)).ok());
    }
  }
  static std::string Key(int i) { return absl::StrCat("s/", 100 + i); }
  void ExpectTheRest() {
    EXPECT_THAT(*Driver().Scan(kBlobs, "", "", 999), SizeIs(10));
    for (int i = 0; i < 100; i += 10) EXPECT_EQ(*Driver().Get(kBlobs, Key(i)), Large(i)) << i;
  }
};

TEST_F(SparseSegment, IsRewrittenAfterAWhileAndRemoved) {
  world_.sim().RunFor(absl::Seconds(15));
  EXPECT_THAT(Segments(), ElementsAre(1));
  world_.sim().RunFor(absl::Seconds(10));
  EXPECT_THAT(Segments(), ElementsAre(2));
  EXPECT_LT(SegmentBytes(), 11 * kLarge);
  ExpectTheRest();
  Reopen();
  ExpectTheRest();
  world_.sim().RunFor(absl::Seconds(60));
  EXPECT_THAT(Segments(), ElementsAre(2)) << "and not again";
}

TEST_F(SparseSegment, IsFoundAgainAfterARestart) {
  Reopen();
  EXPECT_THAT(Segments(), ElementsAre(1));
  world_.sim().RunFor(absl::Seconds(25));
  EXPECT_THAT(Segments(), ElementsAre(2));
  ExpectTheRest();
}

TEST_F(SparseSegment, IsRewrittenBesideWrites) {
  world_.sim().RunFor(absl::Seconds(15));
  int written = 0;
  while (Segments().front() == 1 && written < 1000) {
    ASSERT_TRUE(Driver().Put(kBlobs, Key(0), Large(2000 + written)).ok());
    world_.sim().RunFor(absl::Milliseconds(100));
    ++written;
  }
  EXPECT_LT(written, 1000);
  EXPECT_EQ(*Driver().Get(kBlobs, Key(0)), Large(2000 + written - 1));
  for (int i = 10; i < 100; i += 10) EXPECT_EQ(*Driver().Get(kBlobs, Key(i)), Large(i)) << i;
}

TEST_F(SparseSegment, ThatIsDamagedKeepsWhatDoesNotMove) {
  const std::uint64_t value = OffsetOf(1, Large(50));
  Flip(PathOf(1), value + 1000);
  world_.sim().RunFor(absl::Seconds(60));
  EXPECT_THAT(Segments(), ElementsAre(1, 2));
  EXPECT_EQ(Driver().Get(kBlobs, Key(50)).status().code(), absl::StatusCode::kDataLoss);
  for (int i = 0; i < 100; i += 10) {
    if (i != 50) EXPECT_EQ(*Driver().Get(kBlobs, Key(i)), Large(i)) << i;
  }
  ASSERT_TRUE(Driver().Delete(kBlobs, Key(50)).ok());
  world_.Flush(executor_);
  EXPECT_THAT(Segments(), ElementsAre(2));
}

TEST_F(SparseSegment, WithADamagedHeaderKeepsWhatLiesBehind) {
  Flip(PathOf(1), OffsetOf(1, Large(45)) - 10);  // of a dead value
  world_.sim().RunFor(absl::Seconds(60));
  EXPECT_THAT(Segments(), ElementsAre(1, 2));
  ExpectTheRest();
}

class DamagedValues : public LargeValues {
 protected:
  void SetUp() override {
    Open();
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(Driver().Put(kBlobs, absl::StrCat("s/", i), Large(i)).ok());
    }
    ASSERT_TRUE(Driver().Put(kBlobs, "p/0", Large(9)).ok());
    ASSERT_THAT(Segments(), ElementsAre(1, 2));
  }
  void ExpectOnly(int damaged) {
    for (int i = 0; i < 5; ++i) {
      const auto value = Driver().Get(kBlobs, absl::StrCat("s/", i));
      if (i == damaged) {
        EXPECT_EQ(value.status().code(), absl::StatusCode::kDataLoss) << value.status();
        EXPECT_THAT(value.status().message(), HasSubstr("000001.segment"));
      } else {
        EXPECT_EQ(value.value(), Large(i));
      }
    }
    EXPECT_EQ(Driver().Scan(kBlobs, "", "", 9).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(*Driver().Get(kBlobs, "p/0"), Large(9));
  }
};

TEST_F(DamagedValues, AreDataLossWhereverABitFlips) {
  const std::uint64_t begin = OffsetOf(1, Large(3));
  for (std::uint64_t at = 0; at < kLarge; at += 9'973) {
    Flip(PathOf(1), begin + at);
    ExpectOnly(3);
    Flip(PathOf(1), begin + at);
  }
  EXPECT_THAT(*Driver().Scan(kBlobs, "", "", 9), SizeIs(6));
}

TEST_F(DamagedValues, AreDataLossWhenTheSegmentIsShortOrGone) {
  std::filesystem::resize_file(PathOf(1), OffsetOf(1, Large(4)) + kLarge - 1);
  ExpectOnly(4);
  Reopen();
  ExpectOnly(4);
  store_.reset();
  std::filesystem::remove(PathOf(1));
  Open();
  EXPECT_EQ(Driver().Get(kBlobs, "s/0").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(*Driver().Get(kBlobs, "p/0"), Large(9));
  ASSERT_TRUE(Driver().Put(kBlobs, "s/0", Large(0)).ok());
  EXPECT_EQ(*Driver().Get(kBlobs, "s/0"), Large(0));
}

TEST_F(DamagedValues, AreToldByTheReaderOneByOne) {
  Flip(PathOf(1), OffsetOf(1, Large(1)) + 5);
  Flip(PathOf(1), OffsetOf(1, Large(3)) + 5);
  store_.reset();
  std::map<std::string, std::filesystem::file_time_type> times;
  for (const auto& file : std::filesystem::directory_iterator(dir())) {
    times[file.path()] = file.last_write_time();
  }
  const auto reader = RocksReader::Open(dir()).value();
  std::vector<std::string> keys;
  const std::vector<std::string> damage =
      reader->ForEach(kBlobs, "s/", [&](absl::string_view key, ByteSpan value) {
        keys.emplace_back(key);
        EXPECT_EQ(AsText(value), Large(key.back() - '0'));
      });
  EXPECT_THAT(keys, ElementsAre("s/0", "s/2", "s/4"));
  EXPECT_THAT(damage, ElementsAre(HasSubstr("row 732f31"), HasSubstr("row 732f33")));
  EXPECT_EQ(reader->Get(kBlobs, "s/3").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ToString(*reader->Get(kBlobs, "s/4")), Large(4));
  EXPECT_EQ(reader->Get(kBlobs, "s/5").status().code(), absl::StatusCode::kNotFound);
  for (const auto& file : std::filesystem::directory_iterator(dir())) {
    EXPECT_EQ(times.at(file.path()), file.last_write_time()) << file.path();
  }
}

// Over threads, with a tick of a millisecond: values move and segments go while they are read.
TEST(LargeValuesBesideReads, AreFoundWhileTheyMove) {
  const TempDirectory directory;
  RocksResources resources;
  const auto world = MakeTestWorld(WorldKind::kStrand);
  const auto executor = world->MakeExecutor();
  const auto store = RocksStore::Open(directory.path(), resources, *executor,
                                      {.reclaim_tick = absl::Milliseconds(1)})
                         .value();
  StoreDriver driver(*world, *store);
  const auto key = [](int i) { return absl::StrCat("s/", 1000 + i); };
  const auto value = [](int i) { return std::string(20'000 + i, static_cast<char>(i)); };
  constexpr int kRounds = 30;
  constexpr int kValues = 40;
  Tally read;
  int reads = 0;
  std::uint64_t last_segment = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<StoreWrite> writes;
    for (int i = 0; i < kValues; ++i) {
      // A tenth stays for ever, the rest for a round.
      const int at = i % 10 == 0 ? round * kValues + i : i;
      writes.push_back(StoreWrite::Put(kBlobs, key(at), Value(value(at))));
    }
    ASSERT_TRUE(driver.Commit(std::move(writes)).ok());
    for (int i = 0; i < round * kValues; i += 10) {
      ++reads;
      store->Get(kBlobs, key(i), [&, i](const absl::StatusOr<Bytes>& found) {
        EXPECT_TRUE(found.ok()) << found.status();
        if (found.ok()) EXPECT_EQ(AsText(*found), value(i));
        read.Add();
      });
    }
    ++reads;
    store->Scan(kBlobs, "", "", 9999,
                [&](const absl::StatusOr<std::vector<engine::StoreRow>>& rows) {
                  EXPECT_TRUE(rows.ok()) << rows.status();
                  read.Add();
                });
    const auto segments = engine::NumbersIn(directory.path(), engine::kSegmentEnding);
    last_segment = segments.empty() ? last_segment : segments.back();
  }
  ASSERT_TRUE(world->Await(read, reads));
  EXPECT_GT(last_segment, 2u) << "nothing was moved";
}

// As after a crash between the write of a segment and that of the index: the index knows nothing of what is
// in the segment, whole or cut off anywhere.
TEST_F(LargeValues, ThatNoCommitPointsToAreNeverSeenAndGo) {
  Open();
  ASSERT_TRUE(Driver().Put(kBlobs, "s/0", Large(0)).ok());
  const std::uint64_t before = SegmentBytes();
  TempDirectory copy;
  std::filesystem::copy(dir(), copy.path() + "/before", std::filesystem::copy_options::recursive);
  ASSERT_TRUE(Driver()
                  .Commit({StoreWrite::Put(kBlobs, "s/0", Value(Large(1, 20'000))),
                           StoreWrite::Put(kBlobs, "s/1", Value(Large(2, 20'000)))})
                  .ok());
  const std::uint64_t after = SegmentBytes();
  std::ifstream in(PathOf(1), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(bytes.size(), after);
  store_.reset();
  for (std::uint64_t cut = before; cut <= after; cut += cut < before + 64 ? 1 : 499) {
    const std::string crashed = copy.path() + "/crashed";
    std::filesystem::remove_all(crashed);
    std::filesystem::copy(copy.path() + "/before", crashed,
                          std::filesystem::copy_options::recursive);
    std::ofstream(crashed + "/000001.segment", std::ios::binary) << bytes.substr(0, cut);
    std::ofstream(crashed + "/000002.segment", std::ios::binary) << bytes.substr(before, cut);
    store_ = RocksStore::Open(crashed, resources_, executor_).value();
    EXPECT_EQ(*Driver().Get(kBlobs, "s/0"), Large(0));
    EXPECT_THAT(*Driver().Scan(kBlobs, "", "", 9), SizeIs(1));
    EXPECT_THAT(engine::NumbersIn(crashed, engine::kSegmentEnding), ElementsAre(1));
    ASSERT_TRUE(Driver().Put(kBlobs, "s/1", Large(3)).ok());
    EXPECT_EQ(*Driver().Get(kBlobs, "s/1"), Large(3));
    ASSERT_TRUE(Driver().Delete(kBlobs, "s/0").ok());
    world_.Flush(executor_);
    EXPECT_THAT(engine::NumbersIn(crashed, engine::kSegmentEnding), SizeIs(1));
    store_.reset();
  }
}

// A log that ends anywhere in the record of a commit: that commit is gone, and all before it are whole.
TEST_F(LargeValues, OfACommitThatTheLogLostAreGoneAndNoOthers) {
  Open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Driver().Put(kBlobs, absl::StrCat("s/", i), Large(i, 20'000)).ok());
  }
  store_.reset();
  const std::uint64_t log = engine::NumbersIn(dir(), engine::kLogEnding).back();
  const std::string log_name = "/" + engine::NumberedName(log, engine::kLogEnding);
  const std::uint64_t size = std::filesystem::file_size(dir() + log_name);
  TempDirectory copy;
  for (std::uint64_t cut = 1; cut < 70; ++cut) {
    const std::string crashed = copy.path() + "/crashed";
    std::filesystem::remove_all(crashed);
    std::filesystem::copy(dir(), crashed, std::filesystem::copy_options::recursive);
    std::filesystem::resize_file(crashed + log_name, size - cut);
    store_ = RocksStore::Open(crashed, resources_, executor_).value();
    const auto rows = *Driver().Scan(kBlobs, "", "", 9);
    ASSERT_GE(rows.size(), 1u);
    ASSERT_LE(rows.size(), 2u);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i], absl::StrCat("s/", i, "=", Large(static_cast<int>(i), 20'000)));
    }
    store_.reset();
  }
}

// What the process does that is killed: commit after commit of one to four rows, each told when it is
// answered. A tenth of the large values is deleted again.
TEST(LargeValuesVictim, Writes) {
  const char* dir = std::getenv("WORLDB_VICTIM_DIR");
  if (dir == nullptr) GTEST_SKIP() << "it is run by the test that kills it";
  const int first = std::atoi(std::getenv("WORLDB_VICTIM_FIRST"));
  RocksResources resources;
  const auto world = MakeTestWorld(WorldKind::kStrand);
  const auto executor = world->MakeExecutor();
  const auto store = RocksStore::Open(dir, resources, *executor).value();
  Tally done;
  for (int i = first; i < first + 100'000; ++i) {
    std::vector<StoreWrite> writes = {
        StoreWrite::Put(kBlobs, absl::StrCat("s/", i), Value(Large(i, 16'384 + i * 7919 % 60'000))),
        StoreWrite::Put(kRows, absl::StrCat("s/", i), Value(absl::StrCat(i)))};
    if (i % 2 == 0) {
      writes.push_back(StoreWrite::Put(kBlobs, absl::StrCat("p/", i), Value(Large(i, 70'000))));
      if (i >= 20) writes.push_back(StoreWrite::Delete(kBlobs, absl::StrCat("p/", i - 20)));
    }
    store->Commit(std::move(writes), true, [i, &done](const absl::Status& status) {
      WORLDB_CHECK(status.ok());
      const std::string line = absl::StrCat(i, "\n");
      WORLDB_CHECK(::write(3, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
      done.Add();
    });
    if (i - first >= 8) ASSERT_TRUE(world->Await(done, i - first - 7));
  }
}

TEST_F(LargeValues, ThatWereAcknowledgedOutliveAProcessThatIsKilled) {
  int rounds = 6;
  if (const char* asked = std::getenv("WORLDB_KILL_ROUNDS")) rounds = std::atoi(asked);
  int next = 0;
  std::mt19937_64 random(7);
  for (int round = 0; round < rounds; ++round) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const std::string path = std::filesystem::read_symlink("/proc/self/exe");
    const std::string dir_variable = "WORLDB_VICTIM_DIR=" + dir();
    const std::string first_variable = absl::StrCat("WORLDB_VICTIM_FIRST=", next);
    const pid_t victim = ::fork();
    if (victim == 0) {
      ::dup2(pipe[1], 3);
      const char* const arguments[] = {path.c_str(), "--gtest_filter=LargeValuesVictim.*", nullptr};
      const char* const environment[] = {dir_variable.c_str(), first_variable.c_str(), nullptr};
      const int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, 1);
      ::execve(path.c_str(), const_cast<char* const*>(arguments),
               const_cast<char* const*>(environment));
      ::_exit(127);
    }
    ASSERT_GT(victim, 0);
    ::close(pipe[1]);
    std::string told;
    const std::size_t lines = 10 + random() % 150;
    std::array<char, 256> buffer{};
    ssize_t count = 0;
    bool is_killed = false;
    while ((count = ::read(pipe[0], buffer.data(), buffer.size())) > 0) {
      told.append(buffer.data(), static_cast<std::size_t>(count));
      const auto so_far = static_cast<std::size_t>(std::count(told.begin(), told.end(), '\n'));
      if (so_far >= lines && !std::exchange(is_killed, true)) ::kill(victim, SIGKILL);
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(victim, &status, 0), victim);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << status;
    told.resize(told.rfind('\n'));
    const std::vector<std::string> answered = absl::StrSplit(told, '\n');
    int last = 0;
    ASSERT_TRUE(absl::SimpleAtoi(answered.back(), &last));

    // By a reader first, as it was left.
    {
      const auto reader = RocksReader::Open(dir()).value();
      EXPECT_THAT(reader->log_facts().damage, IsEmpty());
      EXPECT_THAT(reader->ForEach(kBlobs, "", [](absl::string_view, ByteSpan) {}), IsEmpty());
      for (int i = next; i <= last; ++i) {
        EXPECT_EQ(ToString(reader->Get(kBlobs, absl::StrCat("s/", i)).value()),
                  Large(i, 16'384 + i * 7919 % 60'000));
      }
    }
    Open();
    int found = next;
    for (int i = 0; i <= last; ++i) {
      ASSERT_EQ(Driver().Get(kBlobs, absl::StrCat("s/", i)).value(),
                Large(i, 16'384 + i * 7919 % 60'000));
    }
    // Commits that nobody was told of are there from the first on, each whole.
    for (found = last + 1; Driver().Get(kRows, absl::StrCat("s/", found)).ok(); ++found) {
      EXPECT_TRUE(Driver().Get(kBlobs, absl::StrCat("s/", found)).ok());
    }
    EXPECT_EQ(Driver().Get(kBlobs, absl::StrCat("s/", found)).status().code(),
              absl::StatusCode::kNotFound);
    EXPECT_THAT(*Driver().Scan(kBlobs, "p/", "q", 999), SizeIs(::testing::Le(11u * (round + 1))));
    store_.reset();
    next = found;
  }
}

TEST_F(LargeValues, FailOnAFullDiskAndHealWhenSpaceComesBack) {
  const char* small_disk = std::getenv("WORLDB_SMALL_DISK");
  if (small_disk == nullptr) GTEST_SKIP() << "WORLDB_SMALL_DISK is not set";
  const std::string dir = absl::StrCat(small_disk, "/large");
  store_ = RocksStore::Open(dir, resources_, executor_).value();
  ASSERT_TRUE(Driver().Put(kBlobs, "s/kept", Large(1)).ok());
  absl::Status status;
  int written = 0;
  for (; status.ok() && written < 3000; ++written) {
    status = Driver().Commit(
        {StoreWrite::Put(kBlobs, absl::StrCat("s/", written), Value(Large(written))),
         StoreWrite::Put(kRows, absl::StrCat("s/", written), Value("row"))});
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_GT(written, 100);
  EXPECT_EQ(Driver().Get(kRows, absl::StrCat("s/", written - 1)).status().code(),
            absl::StatusCode::kNotFound);
  status = Driver().Put(kBlobs, "s/more", Large(2, std::size_t{4} << 20));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(*Driver().Get(kBlobs, "s/kept"), Large(1));
  for (int i = 0; i < 40; ++i) {
    status = Driver().Delete(kBlobs, absl::StrCat("s/", i));
    if (!status.ok()) break;
  }
  store_.reset();
  for (const std::uint64_t segment : engine::NumbersIn(dir, engine::kSegmentEnding)) {
    EXPECT_GT(std::filesystem::file_size(
                  absl::StrCat(dir, "/", engine::NumberedName(segment, engine::kSegmentEnding))),
              0u);
  }
  std::filesystem::remove_all(dir);

  // The same with what fills the disk lying beside the store.
  store_ = RocksStore::Open(dir, resources_, executor_).value();
  ASSERT_TRUE(Driver().Put(kBlobs, "s/kept", Large(1)).ok());
  const std::string ballast = absl::StrCat(small_disk, "/ballast");
  {
    std::ofstream out(ballast, std::ios::binary);
    const std::string block(1 << 16, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  for (int i = 0; i < 10; ++i) {
    status = Driver().Put(kBlobs, absl::StrCat("s/", i), Large(i, std::size_t{1} << 20));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(*Driver().Get(kBlobs, "s/kept"), Large(1));
  std::filesystem::remove(ballast);
  status = Driver().Put(kBlobs, "s/healed", Large(3));
  EXPECT_TRUE(status.ok()) << status;
  store_.reset();
  store_ = RocksStore::Open(dir, resources_, executor_).value();
  EXPECT_EQ(*Driver().Get(kBlobs, "s/kept"), Large(1));
  EXPECT_EQ(*Driver().Get(kBlobs, "s/healed"), Large(3));
  store_.reset();
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace worldb::testing
