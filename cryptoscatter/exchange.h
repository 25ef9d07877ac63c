// X25519 key exchange: the pairwise keys under which key shares travel.
//
// A pairwise key has a direction: sealer and opener derive it from the same shared secret and the
// two public keys in that order, so what one party sealed can never pass as sealed by the other.
// Deriving costs a scalar multiplication: owners keep one per peer, and with it the key that key
// shares are sealed with, so that sealing one derives nothing.
// Errors:  InvalidArgument for a public key of low order.
// Threads: immutable after construction; const methods may be called from any thread.
// Secrets: the private key, in locked, guarded memory (sodium_malloc); pairwise keys.
// Source:  docs/share-format.md section 8; RFC 7748 through libsodium.
#ifndef WORLDB_CRYPTOSCATTER_EXCHANGE_H_
#define WORLDB_CRYPTOSCATTER_EXCHANGE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::cryptoscatter {

using ExchangePublicKey = FixedId<struct ExchangePublicKeyTag, 32>;

// What one party seals for another. Both keys are made when it is derived.
struct PairwiseKey {
  SecretArray<32> root;        // on it hang the masks and contributions of repair, and key exports
  SecretArray<32> share_seal;  // seals key shares

  static PairwiseKey FromRoot(SecretArray<32> root);
};

class ExchangeKeyPair {
 public:
  static ExchangeKeyPair Generate(Entropy& entropy);
  static ExchangeKeyPair FromPrivateKey(const SecretArray<32>& private_key);

  const ExchangePublicKey& public_key() const { return public_key_; }
  // For storing, wrapped: a node keeps its private halves while shares sealed to them may be owed.
  SecretArray<32> PrivateKey() const;

  // The key for what this side seals and the owner of `opener` opens.
  absl::StatusOr<PairwiseKey> PairwiseKeyAsSealer(const ExchangePublicKey& opener) const;
  // The key for what the owner of `sealer` sealed and this side opens.
  absl::StatusOr<PairwiseKey> PairwiseKeyAsOpener(const ExchangePublicKey& sealer) const;

 private:
  struct FreeLocked {
    void operator()(std::uint8_t* memory) const;
  };
  ExchangeKeyPair() = default;
  absl::StatusOr<PairwiseKey> Derive(const ExchangePublicKey& peer, const ExchangePublicKey& sealer,
                                     const ExchangePublicKey& opener) const;

  ExchangePublicKey public_key_;
  std::unique_ptr<std::uint8_t, FreeLocked> private_key_;
};

// The receiver id a reader's ephemeral key stands for, where a node's share is sealed to a reader.
NodeId ReaderIdOf(const ExchangePublicKey& key);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_EXCHANGE_H_
