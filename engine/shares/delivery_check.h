// What a node checks before it takes a share that it is handed.
//
// The share must be node `index`'s, in its key's slot; a writer of the cell must have signed it; fragment and
// key share must be what was signed. So whoever scatters can change nothing but the version, which nobody
// has signed yet.
// Errors:  InvalidArgument with the reason; DataLoss when all is as it was signed but the key share: that
//          is as its writer sealed it, unless whoever handed it over changed it
//          (cryptoscatter::DeliveredHash).
// Threads: pure functions; the verifier has one owner.
// Source:  ARCHITECTURE.md invariant 15; docs/share-format.md sections 7 and 8.
#ifndef WORLDB_ENGINE_SHARES_DELIVERY_CHECK_H_
#define WORLDB_ENGINE_SHARES_DELIVERY_CHECK_H_

#include "absl/status/statusor.h"
#include "cryptoscatter/batch_part.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/sealed_value.h"
#include "engine/cell/cell.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

struct CheckedDelivery {
  CoreId core;
  CommitmentId commitment;  // what the writer signed
  cryptoscatter::BatchRef batch;
  cryptoscatter::KeyShare key_share;
};

// What a good delivery is and brings. `opener` is the key it opens with; `with_fragment` is false for a
// share that comes without one.
absl::StatusOr<CheckedDelivery> CheckDelivery(const Cell& cell, NodeIndex index,
                                              const ShareDelivery& delivery,
                                              const cryptoscatter::PairwiseKey& opener,
                                              cryptoscatter::BatchVerifier& verifier,
                                              bool with_fragment = true);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_DELIVERY_CHECK_H_
