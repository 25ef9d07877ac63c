#include "cryptoscatter/exchange.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/labels.h"

namespace worldb::cryptoscatter {

PairwiseKey PairwiseKey::FromRoot(SecretArray<32> root) {
  PairwiseKey pairwise;
  pairwise.root = std::move(root);
  KeyedHash(labels::kShareSealKey, pairwise.root.ExposeSecret(), {},
            pairwise.share_seal.ExposeSecretMutable());
  return pairwise;
}

void ExchangeKeyPair::FreeLocked::operator()(std::uint8_t* memory) const {
  sodium_free(memory);  // wipes
}

ExchangeKeyPair ExchangeKeyPair::Generate(Entropy& entropy) {
  SecretArray<32> private_key;
  entropy.Fill(private_key.ExposeSecretMutable());
  return FromPrivateKey(private_key);
}

ExchangeKeyPair ExchangeKeyPair::FromPrivateKey(const SecretArray<32>& private_key) {
  WORLDB_CHECK(sodium_init() >= 0);
  ExchangeKeyPair pair;
  pair.private_key_.reset(static_cast<std::uint8_t*>(sodium_malloc(private_key.size())));
  WORLDB_CHECK(pair.private_key_ != nullptr);
  const auto in = private_key.ExposeSecret();
  std::copy(in.begin(), in.end(), pair.private_key_.get());
  const int rc = crypto_scalarmult_base(pair.public_key_.bytes.data(), pair.private_key_.get());
  WORLDB_CHECK(rc == 0);
  return pair;
}

SecretArray<32> ExchangeKeyPair::PrivateKey() const {
  SecretArray<32> out;
  std::copy_n(private_key_.get(), out.size(), out.ExposeSecretMutable().begin());
  return out;
}

absl::StatusOr<PairwiseKey> ExchangeKeyPair::PairwiseKeyAsSealer(
    const ExchangePublicKey& opener) const {
  return Derive(opener, public_key_, opener);
}

absl::StatusOr<PairwiseKey> ExchangeKeyPair::PairwiseKeyAsOpener(
    const ExchangePublicKey& sealer) const {
  return Derive(sealer, sealer, public_key_);
}

absl::StatusOr<PairwiseKey> ExchangeKeyPair::Derive(const ExchangePublicKey& peer,
                                                    const ExchangePublicKey& sealer,
                                                    const ExchangePublicKey& opener) const {
  SecretArray<32> shared;
  if (crypto_scalarmult(shared.ExposeSecretMutable().data(), private_key_.get(),
                        peer.bytes.data()) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("exchange key ", peer.Hex(), " is of low order"));
  }
  const auto keys = FixedWriter<64>().Raw(sealer.bytes).Raw(opener.bytes).array();
  SecretArray<32> root;
  KeyedHash(labels::kPairwiseKey, shared.ExposeSecret(), keys, root.ExposeSecretMutable());
  return PairwiseKey::FromRoot(std::move(root));
}

NodeId ReaderIdOf(const ExchangePublicKey& key) {
  const Hash256 hash = LabelledHash(labels::kReaderId, key.bytes);
  NodeId id;
  std::copy_n(hash.bytes.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace worldb::cryptoscatter
