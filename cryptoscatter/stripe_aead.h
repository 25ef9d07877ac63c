// Authenticated encryption of a value in segments, one segment to a coded stripe (STREAM).
//
// Suite 1: XChaCha20-Poly1305-IETF. The nonce of segment i is the base nonce XOR (16 zero bytes,
// LE64(2 i + last)), so segments can be neither reordered nor cut off. The key is derived from the
// data key and the core's prefix, which binds cell, key tag, op id and suite; the additional data
// is empty. An empty plaintext is one empty last segment. Errors:  whatever is wrong, opening says
// the same one thing (OpenFailure()). Secrets: keys and plaintext. Nothing is released before every
// segment verified. Threads: pure functions. Source:  docs/share-format.md section 6; Hoang,
// Reyhanitabar, Rogaway, Vizar, "Online
//          Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015 (STREAM).
#ifndef WORLDB_CRYPTOSCATTER_STRIPE_AEAD_H_
#define WORLDB_CRYPTOSCATTER_STRIPE_AEAD_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kSegmentTagBytes = 16;

// A data key, inside the secret that holds it.
using DataKeySpan = std::span<const std::uint8_t, 32>;

struct StreamKeys {
  SecretArray<32> encryption_key;
  SecretArray<24> base_nonce;
};

StreamKeys DeriveStreamKeys(DataKeySpan data_key, ByteSpan core_prefix);
// Binds the value to its one data key: neither AEAD does. Public.
Hash256 KeyCommitment(DataKeySpan data_key, ByteSpan core_prefix);

// Bytes of the ciphertext of a plaintext: a tag a segment more.
std::uint64_t CiphertextBytes(std::uint64_t plaintext_bytes, std::uint32_t segment_bytes);

Bytes SealSegments(const StreamKeys& keys, std::uint32_t segment_bytes, ByteSpan plaintext);
absl::StatusOr<SecretBytes> OpenSegments(const StreamKeys& keys, std::uint32_t segment_bytes,
                                         ByteSpan ciphertext);

// What every failure to open says (DataLoss).
absl::Status OpenFailure();

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_STRIPE_AEAD_H_
