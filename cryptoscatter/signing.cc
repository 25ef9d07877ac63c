#include "cryptoscatter/signing.h"

#include <sodium.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/labels.h"

namespace worldb::cryptoscatter {

SigningKeyPair SigningKeyPair::Generate(Entropy& entropy) {
  SecretArray<32> seed;
  entropy.Fill(seed.ExposeSecretMutable());
  return FromSeed(seed);
}

SigningKeyPair SigningKeyPair::FromSeed(const SecretArray<32>& seed) {
  WORLDB_CHECK(sodium_init() >= 0);
  SigningKeyPair pair;
  const int rc = crypto_sign_seed_keypair(pair.public_key_.bytes.data(),
                                          pair.secret_key_.ExposeSecretMutable().data(),
                                          seed.ExposeSecret().data());
  WORLDB_CHECK(rc == 0);
  return pair;
}

SecretArray<32> SigningKeyPair::Seed() const {
  SecretArray<32> seed;
  const int rc = crypto_sign_ed25519_sk_to_seed(seed.ExposeSecretMutable().data(),
                                                secret_key_.ExposeSecret().data());
  WORLDB_CHECK(rc == 0);
  return seed;
}

Signature SigningKeyPair::Sign(ByteSpan message) const {
  Signature signature;
  const int rc = crypto_sign_detached(signature.bytes.data(), nullptr, message.data(),
                                      message.size(), secret_key_.ExposeSecret().data());
  WORLDB_CHECK(rc == 0);
  return signature;
}

absl::Status VerifySignature(const SigningPublicKey& signer, ByteSpan message,
                             const Signature& signature, absl::string_view what) {
  if (crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(),
                                  signer.bytes.data()) != 0) {
    return absl::UnauthenticatedError(
        absl::StrCat(what, ": the signature of key ", signer.Hex(), " does not verify"));
  }
  return absl::OkStatus();
}

NodeId NodeIdOf(const SigningPublicKey& key) {
  const Hash256 hash = LabelledHash(labels::kNodeId, key.bytes);
  NodeId id;
  std::copy_n(hash.bytes.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace worldb::cryptoscatter
