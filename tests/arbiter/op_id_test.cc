// Goal:   op ids are UUIDs of version 7: the time can be read back, order follows time, other text
//         is refused.
// Method: the example of RFC 9562 A.6; made ids at many moments; bad texts.

#include "arbiter/op_id.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::arbiter {
namespace {

using ::testing::HasSubstr;
using worldb::testing::SeededEntropy;

TEST(OpId, ReadsTheExampleOfTheRfc) {
  const auto op = ParseOpId("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");
  ASSERT_TRUE(op.ok()) << op.status();
  EXPECT_EQ(FormatOpId(*op), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  EXPECT_EQ(op->Hex(), "017f22e279b07cc398c4dc0c0c07398f");
  // 2022-02-22 19:22:22.000 UTC
  EXPECT_EQ(OpIdTime(*op), absl::FromUnixMillis(1645557742000));
}

TEST(OpId, MadeIdsAreValidDatedAndDistinct) {
  SeededEntropy entropy(1);
  std::set<OpId> seen;
  const absl::Time start = absl::FromUnixMillis(1735689600000);
  OpId last;
  for (int i = 0; i < 2000; ++i) {
    const absl::Time now = start + absl::Microseconds(500 * i);
    const OpId op = MakeOpId(now, entropy);
    EXPECT_TRUE(CheckOpId(op).ok());
    EXPECT_EQ(OpIdTime(op), absl::FromUnixMillis(absl::ToUnixMillis(now)));
    EXPECT_EQ(*ParseOpId(FormatOpId(op)), op);
    EXPECT_TRUE(seen.insert(op).second);
    if (OpIdTime(op) > OpIdTime(last)) {
      EXPECT_LT(last, op);
    }
    last = op;
  }
}

// All 48 bits of the time are used, and a clock before 1970 does not wrap into the far future.
TEST(OpId, TimeHoldsAtItsEnds) {
  SeededEntropy entropy(1);
  const absl::Time last = absl::FromUnixMillis((std::int64_t{1} << 48) - 1);
  EXPECT_EQ(OpIdTime(MakeOpId(last, entropy)), last);
  EXPECT_EQ(OpIdTime(MakeOpId(absl::UnixEpoch(), entropy)), absl::UnixEpoch());
  EXPECT_EQ(OpIdTime(MakeOpId(absl::UnixEpoch() - absl::Hours(1), entropy)), absl::UnixEpoch());
}

TEST(OpId, RefusesOtherText) {
  const std::string good = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
  ASSERT_TRUE(ParseOpId(good).ok());
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "0", " " + good.substr(1),
        std::string("017f22e279b07cc398c4dc0c0c07398f"), "{" + good + "}",
        std::string("017f22e2-79b0-7cc3-98c4_dc0c0c07398f"),
        std::string("017f22e27-9b0-7cc3-98c4-dc0c0c07398f"),
        std::string("017f22e2-79b0-7cc3-98c4-dc0c0c07398g"),
        std::string("017f22e2-79b0-7cc3-98c4-dc0c0c0739-f"),
        std::string("017f22e2-79b0-7cc3-98c4-dc0c0c07398\0", 36),
        std::string("0x7f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
        std::string("017f22e2-79b0-4cc3-98c4-dc0c0c07398f"),     // version 4
        std::string("017f22e2-79b0-7cc3-18c4-dc0c0c07398f"),     // variant 0
        std::string("017f22e2-79b0-7cc3-d8c4-dc0c0c07398f")}) {  // variant 3
    const auto op = ParseOpId(bad);
    EXPECT_EQ(op.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(op.status().message()), HasSubstr("UUID of version 7")) << bad;
  }
}

TEST(OpId, ChecksVersionAndVariantBits) {
  OpId op = *ParseOpId("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  for (int value = 0; value < 256; ++value) {
    OpId other = op;
    other.bytes[6] = static_cast<std::uint8_t>(value);
    EXPECT_EQ(CheckOpId(other).ok(), value >> 4 == 7) << value;
    other = op;
    other.bytes[8] = static_cast<std::uint8_t>(value);
    EXPECT_EQ(CheckOpId(other).ok(), value >> 6 == 2) << value;
  }
}

}  // namespace
}  // namespace worldb::arbiter
