// Goal:   rows of one generation of a checkpoint are never met among those of another.
// Method: keys by hand, to the byte.
#include "engine/rows/checkpoint_rows.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

using namespace std::string_literals;  // NOLINT: "\0"s

TEST(CheckpointGeneration, AKeyIsToTheByteAsItAlwaysWas) {
  EXPECT_EQ(CheckpointGeneration().prefix(), "h/\0\0\0\0\0\0\0\0/"s);
  const CheckpointGeneration generation(0x0102);
  EXPECT_EQ(generation.StoreKey("vabc"), "h/\0\0\0\0\0\0\x01\x02/vabc"s);
  EXPECT_EQ(generation.RowKey(generation.StoreKey("vabc")), "vabc");
}

TEST(CheckpointGeneration, EachLiesBehindAllOlderOnes) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{46}, std::uint64_t{255}}) {
    const CheckpointGeneration old(number);
    EXPECT_LE(PrefixEnd(old.prefix()), old.Next().prefix()) << number;
    EXPECT_FALSE(old == old.Next());
  }
}

}  // namespace
}  // namespace worldb::engine
