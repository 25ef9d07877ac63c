#include "cryptoscatter/stripe_aead.h"

#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/labels.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kGcmNonceBytes = 12;
constexpr std::size_t kXChaChaNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
static_assert(kSegmentTagBytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);

template <std::size_t N>
std::array<std::uint8_t, N> SegmentNonce(const SecretArray<24>& base_nonce, std::uint64_t index,
                                         bool last) {
  std::array<std::uint8_t, N> nonce;
  std::copy_n(base_nonce.ExposeSecret().begin(), N, nonce.begin());
  const std::uint64_t counter = 2 * index + (last ? 1 : 0);
  for (std::size_t i = 0; i < 8; ++i) {
    nonce[N - 8 + i] ^= static_cast<std::uint8_t>(counter >> (8 * i));
  }
  return nonce;
}

// Looked up once: a look-up by name costs more than sealing a small value.
const EVP_CIPHER* GcmMethod() {
  static const EVP_CIPHER* const method = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  WORLDB_CHECK(method != nullptr);
  return method;
}

// libcrypto keeps its own copy of the key, and wipes it when freed.
struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using GcmContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Null in a suite that seals without one.
GcmContext GcmContextOf(Suite suite, const StreamKeys& keys, bool seal) {
  switch (suite) {
    case Suite::kXChaCha20Blake2b:
      return nullptr;
    case Suite::kAes256GcmSha256: {
      GcmContext context(EVP_CIPHER_CTX_new());
      WORLDB_CHECK(context != nullptr &&
                   EVP_CipherInit_ex2(context.get(), GcmMethod(),
                                      keys.encryption_key.ExposeSecret().data(), nullptr,
                                      seal ? 1 : 0, nullptr) == 1);
      return context;
    }
  }
  WORLDB_CHECK(false);
}

// Where one segment stands in its value.
struct Place {
  std::uint64_t index;
  bool last;
};

void SealXChaCha(const StreamKeys& keys, Place place, ByteSpan segment, MutableByteSpan out) {
  const auto nonce = SegmentNonce<kXChaChaNonceBytes>(keys.base_nonce, place.index, place.last);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, segment.data(), segment.size(),
                                             nullptr, 0, nullptr, nonce.data(),
                                             keys.encryption_key.ExposeSecret().data());
}

bool OpenXChaCha(const StreamKeys& keys, Place place, ByteSpan sealed, MutableByteSpan out) {
  const auto nonce = SegmentNonce<kXChaChaNonceBytes>(keys.base_nonce, place.index, place.last);
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(),
                                                    sealed.size(), nullptr, 0, nonce.data(),
                                                    keys.encryption_key.ExposeSecret().data()) == 0;
}

void SealGcm(const StreamKeys& keys, EVP_CIPHER_CTX* gcm, Place place, ByteSpan segment,
             MutableByteSpan out) {
  const auto nonce = SegmentNonce<kGcmNonceBytes>(keys.base_nonce, place.index, place.last);
  int written = 0;
  int rest = 0;
  WORLDB_CHECK(EVP_CipherInit_ex2(gcm, nullptr, nullptr, nonce.data(), -1, nullptr) == 1);
  WORLDB_CHECK(segment.empty() || EVP_CipherUpdate(gcm, out.data(), &written, segment.data(),
                                                   static_cast<int>(segment.size())) == 1);
  WORLDB_CHECK(EVP_CipherFinal_ex(gcm, out.data() + written, &rest) == 1 && rest == 0 &&
               static_cast<std::size_t>(written) == segment.size());
  WORLDB_CHECK(EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, kSegmentTagBytes,
                                   out.last(kSegmentTagBytes).data()) == 1);
}

bool OpenGcm(const StreamKeys& keys, EVP_CIPHER_CTX* gcm, Place place, ByteSpan sealed,
             MutableByteSpan out) {
  const auto nonce = SegmentNonce<kGcmNonceBytes>(keys.base_nonce, place.index, place.last);
  std::array<std::uint8_t, kSegmentTagBytes> tag;
  std::copy_n(sealed.last(kSegmentTagBytes).begin(), kSegmentTagBytes, tag.begin());
  int written = 0;
  int rest = 0;
  WORLDB_CHECK(EVP_CipherInit_ex2(gcm, nullptr, nullptr, nonce.data(), -1, nullptr) == 1);
  WORLDB_CHECK(out.empty() || EVP_CipherUpdate(gcm, out.data(), &written, sealed.data(),
                                               static_cast<int>(out.size())) == 1);
  WORLDB_CHECK(EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, kSegmentTagBytes, tag.data()) == 1);
  return EVP_CipherFinal_ex(gcm, out.data() + written, &rest) == 1;
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

std::uint64_t SegmentCount(std::uint64_t plaintext_bytes, std::uint32_t segment_bytes) {
  WORLDB_CHECK(segment_bytes > 0);
  return std::max<std::uint64_t>(
      1, plaintext_bytes / segment_bytes + (plaintext_bytes % segment_bytes == 0 ? 0 : 1));
}

std::uint64_t CiphertextBytes(std::uint64_t plaintext_bytes, std::uint32_t segment_bytes) {
  return plaintext_bytes + kSegmentTagBytes * SegmentCount(plaintext_bytes, segment_bytes);
}

struct SegmentSealer::State {
  Suite suite;
  StreamKeys keys;
  GcmContext gcm;  // null in suite 1
};

SegmentSealer::SegmentSealer(Suite suite, const StreamKeys& keys)
    : state_(new State{suite,
                       {keys.encryption_key.Duplicate(), keys.base_nonce.Duplicate()},
                       GcmContextOf(suite, keys, /*seal=*/true)}) {}

SegmentSealer::~SegmentSealer() = default;
SegmentSealer::SegmentSealer(SegmentSealer&&) noexcept = default;
SegmentSealer& SegmentSealer::operator=(SegmentSealer&&) noexcept = default;

void SegmentSealer::Seal(std::uint64_t index, bool last, ByteSpan segment, MutableByteSpan out) {
  WORLDB_CHECK(out.size() == segment.size() + kSegmentTagBytes);
  switch (state_->suite) {
    case Suite::kXChaCha20Blake2b:
      return SealXChaCha(state_->keys, {index, last}, segment, out);
    case Suite::kAes256GcmSha256:
      return SealGcm(state_->keys, state_->gcm.get(), {index, last}, segment, out);
  }
  WORLDB_CHECK(false);
}

struct SegmentOpener::State {
  bool Opens(Place place, ByteSpan sealed, MutableByteSpan out) const {
    switch (suite) {
      case Suite::kXChaCha20Blake2b:
        return OpenXChaCha(keys, place, sealed, out);
      case Suite::kAes256GcmSha256:
        return OpenGcm(keys, gcm.get(), place, sealed, out);
    }
    WORLDB_CHECK(false);
  }

  Suite suite;
  StreamKeys keys;
  GcmContext gcm;  // null in suite 1
};

SegmentOpener::SegmentOpener(Suite suite, const StreamKeys& keys)
    : state_(new State{suite,
                       {keys.encryption_key.Duplicate(), keys.base_nonce.Duplicate()},
                       GcmContextOf(suite, keys, /*seal=*/false)}) {}

SegmentOpener::~SegmentOpener() = default;
SegmentOpener::SegmentOpener(SegmentOpener&&) noexcept = default;
SegmentOpener& SegmentOpener::operator=(SegmentOpener&&) noexcept = default;

absl::Status SegmentOpener::Open(std::uint64_t index, bool last, ByteSpan sealed,
                                 MutableByteSpan out) {
  WORLDB_CHECK(sealed.size() >= kSegmentTagBytes && out.size() == sealed.size() - kSegmentTagBytes);
  if (state_->Opens({index, last}, sealed, out)) return absl::OkStatus();
  WipeMemory(out);
  return OpenFailure();
}

absl::Status OpenFailure() { return absl::DataLossError("the sealed bytes do not open"); }

}  // namespace worldb::cryptoscatter
