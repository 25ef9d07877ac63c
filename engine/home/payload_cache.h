// Staged payloads in memory: the newest ones, within a budget.
//
// Bounds:  `bytes_max` of encoded payloads, and one more while it is being added.
// Threads: one owner.
#ifndef WORLDB_ENGINE_HOME_PAYLOAD_CACHE_H_
#define WORLDB_ENGINE_HOME_PAYLOAD_CACHE_H_

#include <cstddef>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "cryptoscatter/base/ids.h"
#include "engine/messages/payload.h"

namespace worldb::engine {

class PayloadCache {
 public:
  explicit PayloadCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Nothing happens if it is there already.
  void Add(PayloadPtr payload);
  void Remove(const CommitmentId& commitment);
  // Null when it is not there.
  PayloadPtr Find(const CommitmentId& commitment) const;

 private:
  const std::size_t bytes_max_;
  absl::flat_hash_map<CommitmentId, PayloadPtr> payloads_;
  std::deque<CommitmentId> order_;  // oldest first; may name removed ones
  std::size_t bytes_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_PAYLOAD_CACHE_H_
