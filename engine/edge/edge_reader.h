// What all reads of one edge share: its doors, the key pair that nodes seal key shares to, how long each
// node takes to answer, and the memory there is for values.
//
// Threads: the executor.
// Secrets: the reading key pair, which lives as long as this object and is never stored.
#ifndef WORLDB_ENGINE_EDGE_EDGE_READER_H_
#define WORLDB_ENGINE_EDGE_EDGE_READER_H_

#include <optional>

#include "absl/time/time.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/key_sharing.h"
#include "cryptoscatter/records.h"
#include "engine/cell/cell.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/edge/answer_times.h"
#include "engine/edge/cell_access.h"
#include "engine/edge/read_budget.h"
#include "engine/messages/share_messages.h"
#include "engine/ports/executor.h"

namespace worldb::engine {

class EdgeReader {
 public:
  // The key pair is drawn from `entropy` here. The others outlive this object; `verifier` also outlives
  // what was offloaded to the pool.
  EdgeReader(CellAccess& access, Executor& executor, Entropy& entropy,
             cryptoscatter::BatchVerifier& verifier)
      : access_(access),
        executor_(executor),
        verifier_(verifier),
        keys_(cryptoscatter::ExchangeKeyPair::Generate(entropy)) {}

  CellAccess& access() { return access_; }
  const Cell& cell() const { return access_.cell(); }
  Executor& executor() { return executor_; }
  absl::Duration now() const { return executor_.Elapsed(); }
  cryptoscatter::BatchVerifier& verifier() { return verifier_; }
  AnswerTimes& answer_times() { return answer_times_; }
  ReadBudget& budget() { return budget_; }
  const cryptoscatter::ExchangePublicKey& public_key() const { return keys_.public_key(); }

  // The key share that `from` sealed to us; nullopt when it is absent or does not open. REQUIRES: the reply
  // has a share.
  std::optional<cryptoscatter::KeyShare> OpenKeyShare(NodeIndex from, const FetchShareReply& reply);

 private:
  CellAccess& access_;
  Executor& executor_;
  cryptoscatter::BatchVerifier& verifier_;
  const cryptoscatter::ExchangeKeyPair keys_;
  PairwiseKeys pairwise_keys_{keys_};
  AnswerTimes answer_times_;
  ReadBudget budget_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_EDGE_READER_H_
