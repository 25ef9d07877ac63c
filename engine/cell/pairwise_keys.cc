#include "engine/cell/pairwise_keys.h"

#include <utility>

#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {

using cryptoscatter::ExchangeKeyPair;
using cryptoscatter::PairwiseKey;

absl::StatusOr<PairwiseKeys::KeyPtr> PairwiseKeys::KeyWith(
    const cryptoscatter::ExchangePublicKey& peer, Cache& cache, Derivation derive) const {
  if (const auto it = cache.find(peer); it != cache.end()) return it->second;
  WORLDB_ASSIGN_OR_RETURN(PairwiseKey key, (own_.*derive)(peer));
  if (cache.size() >= kPeersMax) cache.clear();
  return cache[peer] = std::make_shared<const PairwiseKey>(std::move(key));
}

absl::StatusOr<PairwiseKeys::KeyPtr> PairwiseKeys::SealerKey(
    const cryptoscatter::ExchangePublicKey& opener) {
  return KeyWith(opener, sealer_keys_, &ExchangeKeyPair::PairwiseKeyAsSealer);
}

absl::StatusOr<PairwiseKeys::KeyPtr> PairwiseKeys::OpenerKey(
    const cryptoscatter::ExchangePublicKey& sealer) {
  return KeyWith(sealer, opener_keys_, &ExchangeKeyPair::PairwiseKeyAsOpener);
}

}  // namespace worldb::engine
