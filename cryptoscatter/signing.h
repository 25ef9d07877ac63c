// Ed25519 identities: who signed a commit batch, a receipt, a certificate.
//
// Errors:  Unauthenticated when a signature does not verify; it names what was signed.
// Threads: immutable after construction; const methods may be called from any thread.
// Secrets: seed and secret key; never logged, wiped with the object.
// Source:  RFC 8032 through libsodium.
#ifndef WORLDB_CRYPTOSCATTER_SIGNING_H_
#define WORLDB_CRYPTOSCATTER_SIGNING_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::cryptoscatter {

using SigningPublicKey = FixedId<struct SigningPublicKeyTag, 32>;
using Signature = FixedId<struct SignatureTag, 64>;

class SigningKeyPair {
 public:
  static SigningKeyPair Generate(Entropy& entropy);
  static SigningKeyPair FromSeed(const SecretArray<32>& seed);
  SigningKeyPair(SigningKeyPair&&) noexcept = default;
  SigningKeyPair& operator=(SigningKeyPair&&) noexcept = default;

  const SigningPublicKey& public_key() const { return public_key_; }
  // For storing, wrapped.
  SecretArray<32> Seed() const;
  Signature Sign(ByteSpan message) const;

 private:
  SigningKeyPair() = default;
  SigningPublicKey public_key_;
  SecretArray<64> secret_key_;
};

// `what` names the signed thing in the message.
absl::Status VerifySignature(const SigningPublicKey& signer, ByteSpan message,
                             const Signature& signature, absl::string_view what);

// The id of the node that owns this signing key.
NodeId NodeIdOf(const SigningPublicKey& key);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SIGNING_H_
