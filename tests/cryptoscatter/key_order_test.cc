// Goal:   keys sort as the numbers in them do, and a prefix's end is behind all that begin with it and
//         before everything else.
// Method: values at the edges, and every pair of short keys over a few bytes.
#include "cryptoscatter/base/key_order.h"

#include <gtest/gtest.h>

#include <vector>

namespace worldb {
namespace {

using namespace std::string_literals;  // NOLINT: "\0"s

TEST(KeyOrder, NumbersStandWithTheirMostSignificantByteFirst) {
  EXPECT_EQ(BigEndian(0x0102030405060708), "\x01\x02\x03\x04\x05\x06\x07\x08");
  EXPECT_EQ(BigEndian(0x01020304, 2), "\x03\x04");
  EXPECT_EQ(FromBigEndian("\xff\x00"s), 0xff00u);
  EXPECT_EQ(FromBigEndian(""), 0u);
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{255}, std::uint64_t{256},
                                    ~std::uint64_t{0} - 1, ~std::uint64_t{0}}) {
    EXPECT_EQ(FromBigEndian(BigEndian(value)), value);
    if (value != ~std::uint64_t{0}) EXPECT_LT(BigEndian(value), BigEndian(value + 1));
  }
}

TEST(KeyOrder, APrefixEndsBehindAllThatBeginWithIt) {
  std::vector<std::string> keys = {""};
  for (std::size_t at = 0; keys[at].size() < 3; ++at) {
    for (const char byte : {'\0', 'a', '\xfe', '\xff'}) keys.push_back(keys[at] + byte);
  }
  for (const std::string& prefix : keys) {
    const std::string end = PrefixEnd(prefix);
    for (const std::string& key : keys) {
      const bool inside = key >= prefix && (end.empty() || key < end);
      EXPECT_EQ(inside, key.substr(0, prefix.size()) == prefix) << prefix << " and " << key;
      EXPECT_EQ(key >= KeyAfter(prefix), key > prefix);
    }
  }
  EXPECT_EQ(PrefixEnd("p/"), "p0");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
}

TEST(KeyOrder, AKeyFurtherOnIsAsFarAsSaidAndCutOff) {
  EXPECT_EQ(KeyFurtherOn("s/", "s/\x01\xffxyz", 2, 1), "s/\x02\x00"s);
  EXPECT_EQ(KeyFurtherOn("s/", "s/\x01", 2, 3), "s/\x01\x03");
  EXPECT_EQ(KeyFurtherOn("s/", "s/", 2, 0xffff), "s/\xff\xff");
  EXPECT_EQ(KeyFurtherOn("s/", "s/\xff\xfe", 2, 2), std::nullopt);
  EXPECT_EQ(KeyFurtherOn("", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 1), std::nullopt);
  EXPECT_EQ(KeyFurtherOn("", "\xff\xff\xff\xff\xff\xff\xff\xfe", 8, 1),
            "\xff\xff\xff\xff\xff\xff\xff\xff");
}

}  // namespace
}  // namespace worldb
