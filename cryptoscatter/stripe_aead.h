// Authenticated encryption of a value in segments, one segment to a coded stripe (STREAM).
//
// The nonce of segment i is the suite's base nonce with its last eight bytes XOR LE64(2 i + last), so
// segments can be neither reordered nor cut off. The key is derived from the data key and the core's
// prefix, which binds cell, key tag, op id and suite; the additional data is empty. An empty plaintext
// is one empty last segment.
// Errors:  whatever is wrong, opening says the same one thing (OpenFailure()).
// Threads: a SegmentSealer or SegmentOpener has one owner; the rest are pure functions.
// Secrets: keys and plaintext.
// Source:  docs/share-format.md section 6; Hoang, Reyhanitabar, Rogaway, Vizar, "Online
//          Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015 (STREAM).
#ifndef WORLDB_CRYPTOSCATTER_STRIPE_AEAD_H_
#define WORLDB_CRYPTOSCATTER_STRIPE_AEAD_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/suite.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kSegmentTagBytes = 16;

// A data key, inside the secret that holds it.
using DataKeySpan = std::span<const std::uint8_t, 32>;

struct StreamKeys {
  SecretArray<32> encryption_key;
  SecretArray<24> base_nonce;  // AES-256-GCM takes the first twelve
};

StreamKeys DeriveStreamKeys(DataKeySpan data_key, ByteSpan core_prefix);
// Binds the value to its one data key: neither AEAD does. Public.
Hash256 KeyCommitment(DataKeySpan data_key, ByteSpan core_prefix);

// Segments, and so stripes, of a plaintext; at least one.
std::uint64_t SegmentCount(std::uint64_t plaintext_bytes, std::uint32_t segment_bytes);
// Bytes of the ciphertext of a plaintext: a tag a segment more.
std::uint64_t CiphertextBytes(std::uint64_t plaintext_bytes, std::uint32_t segment_bytes);

// Seals the segments of one value, in any order.
class SegmentSealer {
 public:
  SegmentSealer(Suite suite, const StreamKeys& keys);
  ~SegmentSealer();
  SegmentSealer(SegmentSealer&&) noexcept;
  SegmentSealer& operator=(SegmentSealer&&) noexcept;

  // REQUIRES: each (index, last) at most once; `out` is kSegmentTagBytes longer than `segment`, and
  // apart from it or beginning with it.
  void Seal(std::uint64_t index, bool last, ByteSpan segment, MutableByteSpan out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Opens the segments of one value, in any order. What a segment opens to must not be used before the
// last segment of the value opened too: only that one says where the value ends.
class SegmentOpener {
 public:
  SegmentOpener(Suite suite, const StreamKeys& keys);
  ~SegmentOpener();
  SegmentOpener(SegmentOpener&&) noexcept;
  SegmentOpener& operator=(SegmentOpener&&) noexcept;

  // `out` is wiped unless the segment opens. REQUIRES: `sealed` has at least kSegmentTagBytes, `out`
  // that much less, and they are apart.
  absl::Status Open(std::uint64_t index, bool last, ByteSpan sealed, MutableByteSpan out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What every failure to open says (DataLoss).
absl::Status OpenFailure();

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_STRIPE_AEAD_H_
