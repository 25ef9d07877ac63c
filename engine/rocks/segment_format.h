// A large value's record in a segment file, and the pointer to it in the store's index, to the byte.
//
// A segment is records of one value each, written in groups. A group begins at a multiple of
// kSegmentBlockBytes; its records follow each other, and zeros fill it up to the next multiple. A record
// says its key, so a segment can be walked with no index; which of its records are alive, the index alone
// says.
// Errors:  decoders refuse other lengths, forms and values out of range with DataLoss.
// Threads: plain functions and values.
// Source:  docs/segment-format.md.
#ifndef WORLDB_ENGINE_ROCKS_SEGMENT_FORMAT_H_
#define WORLDB_ENGINE_ROCKS_SEGMENT_FORMAT_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::engine {

inline constexpr std::uint64_t kSegmentBlockBytes = 4096;
// A segment takes no more records once it has this many bytes.
inline constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 20;
inline constexpr std::size_t kRecordKeyBytesMax = 1024;
inline constexpr std::size_t kRecordValueBytesMax = std::size_t{64} << 20;

inline std::uint64_t RoundUpToBlock(std::uint64_t bytes) {
  return (bytes + kSegmentBlockBytes - 1) / kSegmentBlockBytes * kSegmentBlockBytes;
}

// CRC-32C of a value.
std::uint32_t ValueChecksum(ByteSpan value);

// Where a value lies.
struct ValuePointer {
  static constexpr std::size_t kEncodedBytes = 25;

  std::uint64_t segment = 0;
  std::uint64_t offset = 0;  // of the value, behind header and key
  std::uint32_t bytes = 0;
  std::uint32_t checksum = 0;

  std::array<std::uint8_t, kEncodedBytes> Encode() const;
  static absl::StatusOr<ValuePointer> Decode(ByteSpan bytes);
  bool operator==(const ValuePointer&) const = default;
};

// What stands before key and value.
struct RecordHeader {
  static constexpr std::size_t kEncodedBytes = 16;

  std::uint16_t key_bytes = 0;
  std::uint32_t value_bytes = 0;
  std::uint32_t value_checksum = 0;

  std::array<std::uint8_t, kEncodedBytes> Encode(absl::string_view key) const;
  // Its own checksum covers the key, too, which lies behind it.
  static absl::StatusOr<RecordHeader> Decode(ByteSpan header);
  static bool HoldsFor(ByteSpan header, absl::string_view key);

  std::uint64_t record_bytes() const { return kEncodedBytes + key_bytes + value_bytes; }
  bool operator==(const RecordHeader&) const = default;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_SEGMENT_FORMAT_H_
