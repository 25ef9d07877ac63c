// Goal: a value is recognised, and no other byte, size, key or seed passes for it.
// Method: every size up to a few words, every byte changed in turn; one value computed by another
//         program.

#include "tools/load_value.h"

#include <gtest/gtest.h>

namespace worldb::tools {
namespace {

TEST(LoadValueTest, OnlyTheRightBytesPass) {
  for (std::size_t size = 0; size <= 40; ++size) {
    Bytes value(size);
    FillLoadValue("bench/7", 3, value);
    EXPECT_TRUE(IsLoadValue("bench/7", 3, value)) << size;
    for (std::size_t at = 0; at < size; ++at) {
      value[at] ^= 0x10;
      EXPECT_FALSE(IsLoadValue("bench/7", 3, value)) << size << " at " << at;
      value[at] ^= 0x10;
    }
    if (size >= 8) {
      EXPECT_FALSE(IsLoadValue("bench/8", 3, value)) << size;
      EXPECT_FALSE(IsLoadValue("bench/7", 4, value)) << size;
    }
  }
}

TEST(LoadValueTest, TheBytesStayTheSameFromBuildToBuild) {
  Bytes value(10);
  FillLoadValue("bench/0", 1, value);
  EXPECT_EQ(HexEncode(value), "5c434f176f93938a4a24");
}

}  // namespace
}  // namespace worldb::tools
