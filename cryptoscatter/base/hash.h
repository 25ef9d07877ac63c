// Labelled BLAKE2b: the hash of every record, and the keyed form for tags and MACs.
//
// The label is BLAKE2b's 16-byte personalisation, so two uses can never collide and no prefix byte
// costs an extra block. Labels of cryptoscatter/ stand in cryptoscatter/labels.h.
// Units:   results of 32 bytes unless said otherwise.
// Threads: pure functions.
// Source:  docs/share-format.md section 2; RFC 7693.
#ifndef WORLDB_CRYPTOSCATTER_BASE_HASH_H_
#define WORLDB_CRYPTOSCATTER_BASE_HASH_H_

#include <array>
#include <cstdint>
#include <initializer_list>

#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"

namespace worldb {

// Up to 16 ASCII characters, zero-padded.
class HashLabel {
 public:
  template <std::size_t N>
  consteval explicit HashLabel(const char (&text)[N]) {
    static_assert(N >= 2 && N <= 17, "a label has 1 to 16 characters");
    for (std::size_t i = 0; i + 1 < N; ++i) bytes_[i] = static_cast<std::uint8_t>(text[i]);
  }
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  friend bool operator==(const HashLabel&, const HashLabel&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// BLAKE2b-256 of `data` under `label`.
Hash256 LabelledHash(const HashLabel& label, ByteSpan data);

// The same, piece by piece: LabelledHash of all pieces, one after the other. Its state is wiped.
class LabelledHasher {
 public:
  explicit LabelledHasher(const HashLabel& label);
  ~LabelledHasher();
  LabelledHasher(const LabelledHasher&) = delete;
  LabelledHasher& operator=(const LabelledHasher&) = delete;

  void Update(ByteSpan data);
  // REQUIRES: called once, last.
  Hash256 Finish();

 private:
  alignas(64) std::array<std::uint8_t, 384> state_;  // libsodium's
};

// BLAKE2b keyed with `key` (16 to 64 bytes) under `label`, of `data`; `out` has 16 to 64 bytes.
void KeyedHash(const HashLabel& label, ByteSpan key, ByteSpan data, MutableByteSpan out);

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_HASH_H_
