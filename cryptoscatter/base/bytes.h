// Byte sequences and the one way fixed little-endian layouts are written and read.
//
// Everything that is stored, logged, hashed or signed goes through these writers and ByteReader, so one
// place decides byte order and one place refuses short or over-long input.
// Errors:  a ByteReader that runs past its end or meets a refused count turns sticky-bad: every
//          later read returns zeroes and Finish() says InvalidArgument with the offset.
// Threads: not synchronised; one owner.
#ifndef WORLDB_CRYPTOSCATTER_BASE_BYTES_H_
#define WORLDB_CRYPTOSCATTER_BASE_BYTES_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/check.h"

namespace worldb {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;
// A payload several holders keep alive without copying it.
using SharedBytes = std::shared_ptr<const Bytes>;

inline ByteSpan AsBytes(absl::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline absl::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string ToString(ByteSpan bytes) { return std::string(bytes.begin(), bytes.end()); }
inline Bytes ToBytes(ByteSpan bytes) { return Bytes(bytes.begin(), bytes.end()); }

// Lower-case hexadecimal, two digits a byte.
std::string HexEncode(ByteSpan bytes);

// Appends to a byte vector it owns.
class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(std::size_t reserve_bytes) { out_.reserve(reserve_bytes); }

  ByteWriter& U8(std::uint8_t v) {
    out_.push_back(v);
    return *this;
  }
  ByteWriter& U16(std::uint16_t v) { return Little(v, 2); }
  ByteWriter& U32(std::uint32_t v) { return Little(v, 4); }
  ByteWriter& U64(std::uint64_t v) { return Little(v, 8); }
  ByteWriter& I64(std::int64_t v) { return Little(static_cast<std::uint64_t>(v), 8); }
  // Raw bytes, no length: for fields of fixed size.
  ByteWriter& Raw(ByteSpan bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  // A u32 length, then the bytes.
  ByteWriter& Sized(ByteSpan bytes) {
    U32(static_cast<std::uint32_t>(bytes.size()));
    return Raw(bytes);
  }

  std::size_t size() const { return out_.size(); }
  ByteSpan span() const { return out_; }
  Bytes Take() && { return std::move(out_); }

 private:
  ByteWriter& Little(std::uint64_t v, int count) {
    for (int i = 0; i < count; ++i) out_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
    return *this;
  }
  Bytes out_;
};

// As ByteWriter, for records and hash inputs of exactly N bytes: no heap.
template <std::size_t N>
class FixedWriter {
 public:
  FixedWriter& U8(std::uint8_t v) { return Little(v, 1); }
  FixedWriter& U16(std::uint16_t v) { return Little(v, 2); }
  FixedWriter& U32(std::uint32_t v) { return Little(v, 4); }
  FixedWriter& U64(std::uint64_t v) { return Little(v, 8); }
  FixedWriter& Raw(ByteSpan bytes) {
    WORLDB_CHECK(bytes.size() <= N - at_);
    std::copy(bytes.begin(), bytes.end(), out_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += bytes.size();
    return *this;
  }

  std::size_t size() const { return at_; }
  // REQUIRES: all N bytes were written.
  const std::array<std::uint8_t, N>& array() const {
    WORLDB_CHECK(at_ == N);
    return out_;
  }

 private:
  FixedWriter& Little(std::uint64_t v, std::size_t count) {
    WORLDB_CHECK(count <= N - at_);
    for (std::size_t i = 0; i < count; ++i) out_[at_++] = static_cast<std::uint8_t>(v >> (8 * i));
    return *this;
  }
  std::array<std::uint8_t, N> out_;
  std::size_t at_ = 0;
};

// Reads a span it does not own; the span must outlive it and every view it hands out.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan in) : in_(in) {}

  std::uint8_t U8() { return static_cast<std::uint8_t>(Little(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Little(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Little(4)); }
  std::uint64_t U64() { return Little(8); }
  std::int64_t I64() { return static_cast<std::int64_t>(Little(8)); }

  template <std::size_t N>
  std::array<std::uint8_t, N> Array() {
    std::array<std::uint8_t, N> out{};
    ByteSpan view = View(N);
    if (ok_) std::copy(view.begin(), view.end(), out.begin());
    return out;
  }
  // A view of the next `count` bytes; empty and sticky-bad when fewer are left.
  ByteSpan View(std::size_t count);
  // A u32 length, refused above `max_bytes`, then that many bytes.
  ByteSpan Sized(std::size_t max_bytes);
  // A u32 count of items of at least `item_bytes_min` each, refused above `max_count` or above what
  // the rest of the input could hold: nothing is allocated for an absurd count.
  std::uint32_t Count(std::uint32_t max_count, std::size_t item_bytes_min);
  // Marks the input as bad, for a caller that found a value out of range.
  void Fail(absl::string_view why);

  bool ok() const { return ok_; }
  std::size_t remaining() const { return in_.size() - at_; }
  // OK only when every read succeeded and no byte is left; `what` names the record in the message.
  absl::Status Finish(absl::string_view what) const;

 private:
  std::uint64_t Little(int count);

  ByteSpan in_;
  std::size_t at_ = 0;
  bool ok_ = true;
  std::size_t bad_at_ = 0;
  std::string why_;
};

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_BYTES_H_
