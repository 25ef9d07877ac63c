// Goal:   pointers and record headers are what docs/segment-format.md says, and nothing else decodes.
// Method: its worked example; every byte changed; values out of range.
#include "engine/rocks/segment_format.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

TEST(SegmentFormat, TheChecksumIsCrc32c) {
  EXPECT_EQ(ValueChecksum(AsBytes("123456789")), 0xe3069283u);  // the check value of CRC-32C
  EXPECT_EQ(ValueChecksum({}), 0u);
}

TEST(SegmentFormat, TheWorkedExample) {
  const ValuePointer pointer = {7, 4116, 9, 0xe3069283};
  EXPECT_EQ(HexEncode(pointer.Encode()),
            "01"
            "0700000000000000"
            "1410000000000000"
            "09000000"
            "839206e3");
  const RecordHeader header = {4, 9, 0xe3069283};
  EXPECT_EQ(HexEncode(header.Encode("s/k1")),
            "01"
            "00"
            "0400"
            "09000000"
            "839206e3"
            "d3703ede");
}

TEST(SegmentFormat, APointerIsReadBackAndNoOtherBytesAreOne) {
  const ValuePointer pointer = {7, 4116, 262144, 0xe3069283};
  const auto bytes = pointer.Encode();
  EXPECT_EQ(*ValuePointer::Decode(bytes), pointer);
  EXPECT_EQ(ValuePointer::Decode(ByteSpan(bytes).first(24)).status().code(),
            absl::StatusCode::kDataLoss);
  Bytes longer(bytes.begin(), bytes.end());
  longer.push_back(0);
  EXPECT_EQ(ValuePointer::Decode(longer).status().code(), absl::StatusCode::kDataLoss);
  Bytes other(bytes.begin(), bytes.end());
  other[0] = 2;
  EXPECT_FALSE(ValuePointer::Decode(other).ok());
  EXPECT_FALSE(ValuePointer::Decode(ValuePointer{0, 16, 1, 0}.Encode()).ok());
  EXPECT_FALSE(ValuePointer::Decode(ValuePointer{1, 16, 0xffffffff, 0}.Encode()).ok());
}

TEST(SegmentFormat, AHeaderHoldsForItsKeyAlone) {
  const RecordHeader header = {4, 70000, 0xe3069283};
  const auto bytes = header.Encode("s/k1");
  EXPECT_EQ(*RecordHeader::Decode(bytes), header);
  EXPECT_TRUE(RecordHeader::HoldsFor(bytes, "s/k1"));
  EXPECT_FALSE(RecordHeader::HoldsFor(bytes, "s/k2"));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] ^= 0x10;
    EXPECT_FALSE(RecordHeader::HoldsFor(damaged, "s/k1")) << at;
  }
  auto other = bytes;
  other[1] = 1;
  EXPECT_FALSE(RecordHeader::Decode(other).ok());
  EXPECT_FALSE(RecordHeader::Decode(ByteSpan(bytes).first(15)).ok());
}

}  // namespace
}  // namespace worldb::engine
