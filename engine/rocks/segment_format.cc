#include "engine/rocks/segment_format.h"

#include "absl/status/status.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/checksum.h"

namespace worldb::engine {
namespace {

constexpr std::uint8_t kPointerFormat = 1;
constexpr std::uint8_t kRecordFormat = 1;
constexpr std::size_t kUncheckedBytes = 4;  // of a header: its own checksum

}  // namespace

std::uint32_t ValueChecksum(ByteSpan value) { return Crc32c({value}); }

std::array<std::uint8_t, ValuePointer::kEncodedBytes> ValuePointer::Encode() const {
  return FixedWriter<kEncodedBytes>()
      .U8(kPointerFormat)
      .U64(segment)
      .U64(offset)
      .U32(bytes)
      .U32(checksum)
      .array();
}

absl::StatusOr<ValuePointer> ValuePointer::Decode(ByteSpan encoded) {
  ByteReader in(encoded);
  if (in.U8() != kPointerFormat) in.Fail("unknown format");
  ValuePointer pointer;
  pointer.segment = in.U64();
  if (pointer.segment == 0) in.Fail("there is no segment 0");
  pointer.offset = in.U64();
  pointer.bytes = in.U32();
  if (pointer.bytes > kRecordValueBytesMax) in.Fail("too long a value");
  pointer.checksum = in.U32();
  const absl::Status status = in.Finish("pointer to a value");
  if (!status.ok()) return absl::DataLossError(status.message());
  return pointer;
}

std::array<std::uint8_t, RecordHeader::kEncodedBytes> RecordHeader::Encode(
    absl::string_view key) const {
  WORLDB_CHECK(key.size() == key_bytes);
  FixedWriter<kEncodedBytes - kUncheckedBytes> checked;
  checked.U8(kRecordFormat).U8(0).U16(key_bytes).U32(value_bytes).U32(value_checksum);
  return FixedWriter<kEncodedBytes>()
      .Raw(checked.array())
      .U32(Crc32c({checked.array(), AsBytes(key)}))
      .array();
}

absl::StatusOr<RecordHeader> RecordHeader::Decode(ByteSpan header) {
  ByteReader in(header);
  if (in.U8() != kRecordFormat) in.Fail("unknown format");
  if (in.U8() != 0) in.Fail("a byte that must be zero is not");
  RecordHeader out;
  out.key_bytes = in.U16();
  if (out.key_bytes > kRecordKeyBytesMax) in.Fail("too long a key");
  out.value_bytes = in.U32();
  if (out.value_bytes > kRecordValueBytesMax) in.Fail("too long a value");
  out.value_checksum = in.U32();
  in.U32();
  const absl::Status status = in.Finish("header of a record");
  if (!status.ok()) return absl::DataLossError(status.message());
  return out;
}

bool RecordHeader::HoldsFor(ByteSpan header, absl::string_view key) {
  WORLDB_CHECK(header.size() == kEncodedBytes);
  const ByteSpan checked = header.first(kEncodedBytes - kUncheckedBytes);
  return ByteReader(header.last(kUncheckedBytes)).U32() == Crc32c({checked, AsBytes(key)});
}

}  // namespace worldb::engine
