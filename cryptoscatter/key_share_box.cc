#include "cryptoscatter/key_share_box.h"

#include <sodium.h>

#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {

KeyShareBox KeyShareBox::Seal(const SecretArray<32>& key, Nonce nonce, ByteSpan additional_data,
                              const KeyShare& share) {
  const ByteSpan rows = share.ExposeSecret();
  KeyShareBox box(share.rows());
  crypto_aead_xchacha20poly1305_ietf_encrypt(box.sealed_.data(), nullptr, rows.data(), rows.size(),
                                             additional_data.data(), additional_data.size(),
                                             nullptr, nonce.data(), key.ExposeSecret().data());
  return box;
}

absl::StatusOr<KeyShare> KeyShareBox::Open(const SecretArray<32>& key, Nonce nonce,
                                           ByteSpan additional_data) const {
  KeyShare share(rows());
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(share.ExposeSecretMutable().data(), nullptr,
                                                 nullptr, sealed_.data(), sealed_.size(),
                                                 additional_data.data(), additional_data.size(),
                                                 nonce.data(), key.ExposeSecret().data()) != 0) {
    return OpenFailure();
  }
  return share;
}

KeyShareBox::Nonce KeyShareBox::NonceOf(const Hash256& key_share_hash) {
  return Nonce(key_share_hash.bytes.data(), kNonceBytes);
}

void KeyShareBox::AppendTo(ByteWriter& out) const {
  out.U8(static_cast<std::uint8_t>(rows())).Raw(sealed_);
}

KeyShareBox KeyShareBox::ReadFrom(ByteReader& in) {
  KeyShareBox box;
  const std::size_t rows = in.U8();
  if (rows > kKeyRowsMax) in.Fail("a key share of more than 8 rows");
  const ByteSpan sealed = in.ok() ? in.View(rows * kKeyRowBytes + kTagBytes) : ByteSpan();
  if (in.ok()) box.sealed_.assign(sealed.begin(), sealed.end());
  return box;
}

}  // namespace worldb::cryptoscatter
