#include "cryptoscatter/stripe_aead.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/labels.h"

namespace worldb::cryptoscatter {
namespace {

static_assert(kSegmentTagBytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);

using Nonce = std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;

Nonce SegmentNonce(const StreamKeys& keys, std::uint64_t index, bool last) {
  Nonce nonce;
  const auto base = keys.base_nonce.ExposeSecret();
  std::copy(base.begin(), base.end(), nonce.begin());
  const std::uint64_t counter = 2 * index + (last ? 1 : 0);
  for (std::size_t i = 0; i < 8; ++i)
    nonce[16 + i] ^= static_cast<std::uint8_t>(counter >> (8 * i));
  return nonce;
}

std::uint64_t SegmentCount(std::uint64_t bytes, std::uint64_t per_segment) {
  return std::max<std::uint64_t>(1, (bytes + per_segment - 1) / per_segment);
}

}  // namespace

StreamKeys DeriveStreamKeys(DataKeySpan data_key, ByteSpan core_prefix) {
  SecretArray<64> derived;
  KeyedHash(labels::kStreamKeys, data_key, core_prefix, derived.ExposeSecretMutable());
  StreamKeys keys;
  const auto in = derived.ExposeSecret();
  std::copy_n(in.begin(), 32, keys.encryption_key.ExposeSecretMutable().begin());
  std::copy_n(in.begin() + 32, 24, keys.base_nonce.ExposeSecretMutable().begin());
  return keys;
}

Hash256 KeyCommitment(DataKeySpan data_key, ByteSpan core_prefix) {
  Hash256 commitment;
  KeyedHash(labels::kKeyCommit, data_key, core_prefix, commitment.bytes);
  return commitment;
}

std::uint64_t CiphertextBytes(std::uint64_t plaintext_bytes, std::uint32_t segment_bytes) {
  WORLDB_CHECK(segment_bytes > 0);
  return plaintext_bytes + kSegmentTagBytes * SegmentCount(plaintext_bytes, segment_bytes);
}

Bytes SealSegments(const StreamKeys& keys, std::uint32_t segment_bytes, ByteSpan plaintext) {
  Bytes ciphertext(CiphertextBytes(plaintext.size(), segment_bytes));
  const std::uint64_t count = SegmentCount(plaintext.size(), segment_bytes);
  std::uint8_t* out = ciphertext.data();
  for (std::uint64_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    const ByteSpan segment = last ? plaintext.subspan(i * segment_bytes)
                                  : plaintext.subspan(i * segment_bytes, segment_bytes);
    const Nonce nonce = SegmentNonce(keys, i, last);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out, nullptr, segment.data(), segment.size(),
                                               nullptr, 0, nullptr, nonce.data(),
                                               keys.encryption_key.ExposeSecret().data());
    out += segment.size() + kSegmentTagBytes;
  }
  return ciphertext;
}

absl::StatusOr<SecretBytes> OpenSegments(const StreamKeys& keys, std::uint32_t segment_bytes,
                                         ByteSpan ciphertext) {
  WORLDB_CHECK(segment_bytes > 0);
  const std::uint64_t sealed_bytes = std::uint64_t{segment_bytes} + kSegmentTagBytes;
  const std::uint64_t count = SegmentCount(ciphertext.size(), sealed_bytes);
  const std::uint64_t last_bytes = ciphertext.size() - (count - 1) * sealed_bytes;
  // An empty last segment stands only for an empty plaintext: one encoding for each.
  if (last_bytes < kSegmentTagBytes + (count > 1 ? 1 : 0)) return OpenFailure();
  SecretBytes plaintext(ciphertext.size() - count * kSegmentTagBytes);
  std::uint8_t* out = plaintext.ExposeSecretMutable().data();
  for (std::uint64_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    const ByteSpan segment = ciphertext.subspan(i * sealed_bytes, last ? last_bytes : sealed_bytes);
    const Nonce nonce = SegmentNonce(keys, i, last);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, nullptr, nullptr, segment.data(), segment.size(), nullptr, 0, nonce.data(),
            keys.encryption_key.ExposeSecret().data()) != 0) {
      return OpenFailure();
    }
    out += segment.size() - kSegmentTagBytes;
  }
  return plaintext;
}

absl::Status OpenFailure() { return absl::DataLossError("the sealed bytes do not open"); }

}  // namespace worldb::cryptoscatter
