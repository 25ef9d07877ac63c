// Keys of stored rows as strings of bytes, made so that the order of the bytes is the order meant.
//
// A store keeps rows in the order of their keys, as unsigned bytes. So numbers stand in keys, and only
// there, with their most significant byte first; and all keys that begin alike lie in one stretch.
// Threads: pure functions.
#ifndef WORLDB_CRYPTOSCATTER_BASE_KEY_ORDER_H_
#define WORLDB_CRYPTOSCATTER_BASE_KEY_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "cryptoscatter/base/check.h"

namespace worldb {

// The low `bytes` bytes of `value`, at most 8.
inline std::string BigEndian(std::uint64_t value, std::size_t bytes = 8) {
  WORLDB_CHECK(bytes <= 8);
  std::string out(bytes, '\0');
  for (std::size_t i = bytes; i-- > 0; value >>= 8) out[i] = static_cast<char>(value);
  return out;
}

// The number that stands there. REQUIRES: at most 8 bytes.
inline std::uint64_t FromBigEndian(absl::string_view bytes) {
  WORLDB_CHECK(bytes.size() <= 8);
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

// The first key there can be behind `key`.
inline std::string KeyAfter(absl::string_view key) {
  std::string after(key);
  after.push_back('\0');
  return after;
}

// The first key behind all those that begin with `prefix`; empty, which a scan takes for no bound, when
// there is none.
inline std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

// The key as far on from `key` as `step` says: the `digits` bytes behind `prefix` are one number, which
// grows by it; nothing follows them. Nullopt where that number ends. For keys that go on behind the
// prefix as hashes do, evenly spread. REQUIRES: `key` begins with `prefix`; 1 to 8 digits.
inline std::optional<std::string> KeyFurtherOn(absl::string_view prefix, absl::string_view key,
                                               std::size_t digits, std::uint64_t step) {
  WORLDB_CHECK(digits > 0 && digits <= 8 && key.substr(0, prefix.size()) == prefix);
  std::string place(key.substr(prefix.size(), digits));
  place.resize(digits, '\0');
  const std::uint64_t from = FromBigEndian(place);
  const std::uint64_t last = ~std::uint64_t{0} >> (64 - 8 * digits);
  if (step > last - from) return std::nullopt;
  std::string further(prefix);
  further += BigEndian(from + step, digits);
  return further;
}

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_KEY_ORDER_H_
