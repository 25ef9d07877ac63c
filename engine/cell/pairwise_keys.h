// The keys that one exchange key pair shares with others, each derived once: it costs a scalar
// multiplication.
//
// Bounds:  kPeersMax peers in each role; one more and all of that role are derived anew.
// Errors:  those of cryptoscatter::ExchangeKeyPair.
// Threads: its owner's executor.
// Secrets: pairwise keys; what is handed out keeps its key alive as long as it is held.
#ifndef WORLDB_ENGINE_CELL_PAIRWISE_KEYS_H_
#define WORLDB_ENGINE_CELL_PAIRWISE_KEYS_H_

#include <cstddef>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/exchange.h"

namespace worldb::engine {

class PairwiseKeys {
 public:
  static constexpr std::size_t kPeersMax = 4096;

  using KeyPtr = std::shared_ptr<const cryptoscatter::PairwiseKey>;

  // `own` outlives this object.
  explicit PairwiseKeys(const cryptoscatter::ExchangeKeyPair& own) : own_(own) {}

  // For what is sealed to `opener` here.
  absl::StatusOr<KeyPtr> SealerKey(const cryptoscatter::ExchangePublicKey& opener);
  // For what `sealer` sealed to us.
  absl::StatusOr<KeyPtr> OpenerKey(const cryptoscatter::ExchangePublicKey& sealer);

  std::size_t count() const { return sealer_keys_.size() + opener_keys_.size(); }

 private:
  using Cache = absl::flat_hash_map<cryptoscatter::ExchangePublicKey, KeyPtr>;
  using Derivation = absl::StatusOr<cryptoscatter::PairwiseKey> (cryptoscatter::ExchangeKeyPair::*)(
      const cryptoscatter::ExchangePublicKey&) const;
  absl::StatusOr<KeyPtr> KeyWith(const cryptoscatter::ExchangePublicKey& peer, Cache& cache,
                                 Derivation derive) const;

  const cryptoscatter::ExchangeKeyPair& own_;
  Cache sealer_keys_;
  Cache opener_keys_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CELL_PAIRWISE_KEYS_H_
