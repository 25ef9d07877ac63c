// worldb-recover run over the raw stores of any two data centers.
//
// Goal:   every value comes back byte for byte, whatever two data centers are left, whenever the
//         program is killed; nothing else is ever written.
// Method: mixed values (0 B to 100 KiB, mostly small; nested and flat; tombstones; several versions)
//         are sealed, scattered and stored as nodes do. The program runs over six of the nine stores,
//         is killed a few times after a random number of lines, and is started again. Its files are
//         compared after each kill and at the end. WORLDB_RECOVER_VALUES sets the number of values;
//         the default is the short form.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/recover/program.h"
#include "tests/recover/raw_stores.h"
#include "tests/recover/recover_fixture.h"
#include "tests/support/temp_directory.h"
#include "tools/recover/outputs/file_name.h"

namespace worldb::testing {
namespace {

constexpr std::uint64_t kSeed = 20260101;

int ValueCount() {
  const char* text = std::getenv("WORLDB_RECOVER_VALUES");
  int count = 0;
  return text != nullptr && absl::SimpleAtoi(text, &count) ? count : 2000;
}

// Follows from its number alone, so that no value need be kept.
RawStores::Write WriteNumber(int number) {
  static const auto flat = cryptoscatter::Script::Flat();
  SeededEntropy entropy(kSeed + static_cast<std::uint64_t>(number));
  const auto dice = entropy.Draw<8>();
  RawStores::Write write;
  write.key = absl::StrCat("key/", number);
  if (number % 97 == 3) write.key = absl::StrCat(std::string(300, 'x'), "/", number);
  if (number % 101 == 5) write.key = absl::StrCat("..\n\xff%", number);
  write.script = number % 4 == 1 ? flat.get() : nullptr;
  if (number % 29 == 7) {
    write.kind = cryptoscatter::ValueKind::kTombstone;
    return write;
  }
  // Nine of ten below 600 B, a few up to 100 KiB.
  const std::size_t size = dice[0] < 230   ? dice[1] * 600 / 256
                           : dice[0] < 250 ? dice[1] * 64
                                           : dice[1] * 400;
  write.value.resize(number % 50 == 0 ? 0 : size);
  entropy.Fill(write.value);
  return write;
}

class RecoverRunTest : public ::testing::Test {
 protected:
  RecoverRunTest() : count_(ValueCount()), stores_(directory_.path() + "/disks", kSeed) {
    constexpr int kBatch = 64;
    for (int i = 0; i < count_; i += kBatch) {
      std::vector<RawStores::Write> writes;
      for (int j = i; j < std::min(i + kBatch, count_); ++j) {
        writes.push_back(WriteNumber(j));
        if (j % 10 == 2) {  // an older version, which must not be taken for the newest
          writes.back().version = Version(2);
          RawStores::Write older = writes.back();
          older.version = Version(1);
          older.kind = cryptoscatter::ValueKind::kValue;
          older.value = {'o', 'l', 'd'};
          writes.push_back(older);
        }
      }
      stores_.Store(writes);
    }
    stores_.Close();
  }

  std::vector<std::string> Arguments(NodeSet nodes, const std::string& out) const {
    std::vector<std::string> words = {"run"};
    for (int i = 0; i < kNodeCount; ++i) {
      if (nodes.Has(i)) words.push_back(stores_.store_dir(i));
    }
    words.insert(words.end(), {"--out", out, "-o", "json", "--secrets"});
    for (int i = 0; i < kNodeCount; ++i) {
      if (nodes.Has(i)) words.push_back(stores_.secrets_file(i));
    }
    return words;
  }

  // Every file but the program's own is one of the values, whole; returns how many there are.
  int CheckFiles(const std::string& out) const {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(out)) {
      const std::string name = entry.path().filename().string();
      if (name[0] == '.') continue;
      const auto number = number_of_.find(name);
      if (number == number_of_.end()) {
        ADD_FAILURE() << "no value has the file " << name;
        continue;
      }
      EXPECT_TRUE(ReadFile(entry.path()) == WriteNumber(number->second).value) << name;
      ++files;
    }
    return files;
  }

  void SetUp() override {
    for (int i = 0; i < count_; ++i) {
      const RawStores::Write write = WriteNumber(i);
      if (write.kind == cryptoscatter::ValueKind::kTombstone) continue;
      number_of_.emplace(tools::FileNameOf(AsBytes(write.key)), i);
    }
  }

  TempDirectory directory_;
  const int count_;
  RawStores stores_;
  std::map<std::string, int> number_of_;
};

TEST_F(RecoverRunTest, AnyTwoDataCentersGiveEverythingBackThroughKills) {
  std::mt19937_64 random(kSeed);
  int kills = 0;
  long memory_kib = 0;
  for (int lost = 0; lost < kDataCenterCount; ++lost) {
    SCOPED_TRACE(absl::StrCat("without data center ", lost));
    const NodeSet nodes = NodeSet::All().Minus(NodeSet::Of(DataCenterAt(lost)));
    const std::string out = absl::StrCat(directory_.path(), "/out-", lost);
    for (int kill = 0; kill < 3; ++kill) {
      const int lines = 1 + static_cast<int>(random() % static_cast<std::uint64_t>(count_)) * 3 / 4;
      const ProgramResult result = RunRecover(Arguments(nodes, out), lines);
      // Killed, or done before that.
      ASSERT_TRUE(result.signal == SIGKILL || result.exit_code == 0) << result.err.substr(0, 2000);
      kills += result.signal == SIGKILL ? 1 : 0;
      memory_kib = std::max(memory_kib, result.memory_kib);
      CheckFiles(out);
    }
    const ProgramResult result = RunRecover(Arguments(nodes, out));
    EXPECT_EQ(result.exit_code, 0) << result.err.substr(0, 2000);
    EXPECT_EQ(CheckFiles(out), static_cast<int>(number_of_.size()));
    const auto summaries = result.Events("summary");
    ASSERT_EQ(summaries.size(), 1u);
    EXPECT_EQ(summaries[0]["degraded"], number_of_.size());
    EXPECT_EQ(summaries[0]["deleted"], static_cast<std::size_t>(count_) - number_of_.size());
    EXPECT_EQ(summaries[0]["lost"], 0);
    EXPECT_GT(summaries[0]["again"], 0);
    memory_kib = std::max(memory_kib, result.memory_kib);
    std::filesystem::remove_all(out);
  }
  RecordProperty("kills", kills);
  RecordProperty("memory_kib", static_cast<int>(memory_kib));
  std::printf("%d values, three pairs of data centers: %d kills, at most %ld KiB of memory\n",
              count_, kills, memory_kib);
}

TEST_F(RecoverRunTest, OneDataCenterAloneGivesNothing) {
  const std::string out = directory_.path() + "/out";
  for (int dc = 0; dc < kDataCenterCount; ++dc) {
    const ProgramResult result = RunRecover(Arguments(NodeSet::Of(DataCenterAt(dc)), out));
    EXPECT_EQ(result.exit_code, 6) << result.err;
    EXPECT_EQ(CheckFiles(out), 0);
    const auto summaries = result.Events("summary");
    ASSERT_EQ(summaries.size(), 1u);
    EXPECT_GE(summaries[0]["lost"], count_);
    for (const char* written : {"recovered", "degraded", "deleted"}) {
      EXPECT_EQ(summaries[0][written], 0) << written;
    }
  }
}

}  // namespace
}  // namespace worldb::testing
