#include "cryptoscatter/at_rest.h"

#include <sodium.h>

#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kNonceBytes = 24;

// Not the storage key itself: key shares are wrapped with that.
SecretArray<32> KeyOf(const SecretArray<32>& storage_key) {
  SecretArray<32> key;
  KeyedHash(labels::kAtRestKey, storage_key.ExposeSecret(), {}, key.ExposeSecretMutable());
  return key;
}

}  // namespace

Bytes SealAtRest(const SecretArray<32>& storage_key, ByteSpan place, ByteSpan plaintext,
                 Entropy& entropy) {
  const SecretArray<32> key = KeyOf(storage_key);
  Bytes sealed(plaintext.size() + kAtRestOverheadBytes);
  entropy.Fill(MutableByteSpan(sealed).first(kNonceBytes));
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + kNonceBytes, nullptr, plaintext.data(),
                                             plaintext.size(), place.data(), place.size(), nullptr,
                                             sealed.data(), key.ExposeSecret().data());
  return sealed;
}

absl::StatusOr<Bytes> OpenAtRest(const SecretArray<32>& storage_key, ByteSpan place,
                                 ByteSpan sealed) {
  if (sealed.size() < kAtRestOverheadBytes) return OpenFailure();
  const SecretArray<32> key = KeyOf(storage_key);
  Bytes plaintext(sealed.size() - kAtRestOverheadBytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          plaintext.data(), nullptr, nullptr, sealed.data() + kNonceBytes,
          sealed.size() - kNonceBytes, place.data(), place.size(), sealed.data(),
          key.ExposeSecret().data()) != 0) {
    return OpenFailure();
  }
  return plaintext;
}

}  // namespace worldb::cryptoscatter
