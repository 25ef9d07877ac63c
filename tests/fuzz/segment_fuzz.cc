// Records of a segment file and pointers to values in them. The bytes are tried as both; a record's key lies behind
// its header. What decodes is the one encoding of what it says.
#include <algorithm>

#include "cryptoscatter/base/check.h"
#include "engine/rocks/segment_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace worldb;          // NOLINT: nothing else lives here
  using namespace worldb::engine;  // NOLINT
  const ByteSpan bytes(data, size);

  const auto pointer = ValuePointer::Decode(bytes);
  if (pointer.ok()) {
    WORLDB_CHECK(pointer->segment > 0 && pointer->bytes <= kRecordValueBytesMax);
    WORLDB_CHECK(std::ranges::equal(pointer->Encode(), bytes));
  }

  const ByteSpan first = bytes.first(std::min(size, RecordHeader::kEncodedBytes));
  const auto header = RecordHeader::Decode(first);
  if (!header.ok()) return 0;
  WORLDB_CHECK(header->key_bytes <= kRecordKeyBytesMax);
  WORLDB_CHECK(header->value_bytes <= kRecordValueBytesMax);
  const ByteSpan behind = bytes.subspan(first.size());
  if (behind.size() < header->key_bytes) return 0;
  const absl::string_view key = AsText(behind.first(header->key_bytes));
  WORLDB_CHECK(RecordHeader::HoldsFor(first, key) ==
               std::ranges::equal(header->Encode(key), first));
  return 0;
}
