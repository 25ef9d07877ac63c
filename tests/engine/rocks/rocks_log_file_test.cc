// Goal:   a log that a stopped writer left is told from one that lost records.
// Method: places of records at the edges of blocks; logs made of fragments by hand.
#include "engine/rocks/rocks_log_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/rocks/numbered_files.h"
#include "tests/support/temp_directory.h"

namespace worldb::engine {
namespace {

constexpr std::uint64_t kBlock = kLogBlockBytes;
constexpr std::uint64_t kHead = kLogHeaderBytes;
constexpr char kWhole = 1;
constexpr char kFirst = 2;

TEST(RocksLogFile, NoHeaderBeginsWhereItDoesNotFit) {
  EXPECT_EQ(NextLogFragment(0), 0u);
  EXPECT_EQ(NextLogFragment(kBlock - kHead), kBlock - kHead);
  EXPECT_EQ(NextLogFragment(kBlock - kHead + 1), kBlock);
}

TEST(RocksLogFile, ARecordTakesAHeaderInEachBlockItLiesIn) {
  EXPECT_EQ(EndOfLogRecord(0, 10), kHead + 10);
  EXPECT_EQ(EndOfLogRecord(0, kBlock - kHead), kBlock);
  EXPECT_EQ(EndOfLogRecord(0, kBlock - kHead + 1), kBlock + kHead + 1);
  EXPECT_EQ(EndOfLogRecord(kBlock - 3, 10), kBlock + kHead + 10);
}

class LogEndsTornTest : public ::testing::Test {
 protected:
  // A fragment that says it has `length` bytes, of which `there` are.
  std::string Fragment(char type, std::size_t length, std::size_t there) {
    std::string fragment(kHead, '\0');
    fragment[4] = static_cast<char>(length);
    fragment[5] = static_cast<char>(length >> 8);
    fragment[6] = type;
    return fragment + std::string(there, 'x');
  }
  bool EndsTorn(const std::string& bytes) {
    const std::string path = directory_.path() + "/" + NumberedName(1, kLogEnding);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return LogEndsTorn(path, 0, bytes.size());
  }
  worldb::testing::TempDirectory directory_;
};

TEST_F(LogEndsTornTest, InTheMiddleOfARecord) {
  EXPECT_TRUE(EndsTorn(Fragment(kWhole, 100, 60)));
  EXPECT_TRUE(EndsTorn(Fragment(kWhole, 100, 0).substr(0, 5))) << "of its header";
  EXPECT_TRUE(EndsTorn(Fragment(kFirst, kBlock - kHead, kBlock - kHead))) << "between fragments";
}

TEST_F(LogEndsTornTest, NotWhereRecordsWereLost) {
  EXPECT_FALSE(EndsTorn(Fragment(kWhole, 100, 100))) << "whole, and yet not taken";
  EXPECT_FALSE(EndsTorn(std::string(100, '\0'))) << "zeros";
  EXPECT_FALSE(EndsTorn(Fragment(9, 100, 60))) << "of no known type";
  EXPECT_FALSE(EndsTorn(Fragment(kWhole, 65535, 60))) << "longer than a block";
}

}  // namespace
}  // namespace worldb::engine
