// Goal:   the rows of a log are what they always were, to the byte, and nothing else is taken for one.
// Method: rows by hand; each cut off, lengthened and of another layout.
#include "engine/local/log_rows.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

using namespace std::string_literals;  // NOLINT: "\0"s

TEST(LogRows, TheMetaRowToTheByte) {
  const LogMeta meta{LogEpoch(3), LogIndex(0x0102), LogIndex(1)};
  const StoreWrite write = meta.Put();
  EXPECT_EQ(write.family, RowFamily::kRows);
  EXPECT_EQ(write.key, "m");
  EXPECT_EQ(HexEncode(*write.value), "01030000000000000002010000000000000100000000000000");
  EXPECT_EQ(*LogMeta::Decode(*write.value), meta);
}

TEST(LogRows, AnEntryRowToTheByte) {
  const StoreWrite write = LogEntryRow::Put(LogIndex(0x0102), LogEpoch(3), {'h', 'i'});
  EXPECT_EQ(write.family, RowFamily::kRows);
  EXPECT_EQ(write.key, "e\0\0\0\0\0\0\x01\x02"s);
  EXPECT_EQ(HexEncode(*write.value), "010300000000000000020000006869");
  EXPECT_EQ(AsText(**LogEntryRow::Decode(LogIndex(0x0102), *write.value)), "hi");
}

TEST(LogRows, EntriesLieInTheOrderOfTheLogAndTheMetaRowBehindThem) {
  EXPECT_LT(LogEntryRow::Key(LogIndex(255)), LogEntryRow::Key(LogIndex(256)));
  EXPECT_LT(LogEntryRow::Key(LogIndex(~std::uint64_t{0})), LogEntryRow::KeysEnd());
  EXPECT_GE(LogMeta::kKey, LogEntryRow::KeysEnd());
}

TEST(LogRows, OtherBytesAreDataLoss) {
  const auto spoilt = [](const Bytes& row, int how) {
    Bytes bytes = row;
    if (how == 0) bytes.front() = 2;
    if (how == 1) bytes.pop_back();
    if (how == 2) bytes.push_back(0);
    if (how == 3) bytes.clear();
    return bytes;
  };
  const Bytes meta = *LogMeta{LogEpoch(1), LogIndex(2), LogIndex(1)}.Put().value;
  const Bytes entry = *LogEntryRow::Put(LogIndex(1), LogEpoch(1), {'x'}).value;
  for (int how = 0; how < 4; ++how) {
    EXPECT_TRUE(absl::IsDataLoss(LogMeta::Decode(spoilt(meta, how)).status())) << how;
    EXPECT_TRUE(absl::IsDataLoss(LogEntryRow::Decode(LogIndex(1), spoilt(entry, how)).status()));
  }
  const Bytes beyond = *LogMeta{LogEpoch(1), LogIndex(2), LogIndex(3)}.Put().value;
  EXPECT_TRUE(absl::IsDataLoss(LogMeta::Decode(beyond).status())) << "a floor beyond the tail";
}

}  // namespace
}  // namespace worldb::engine
