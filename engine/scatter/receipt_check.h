// Whether a receipt, or a refusal, is what it says: signed by the node it is of, in this cell.
//
// Threads: as the verifier.
#ifndef WORLDB_ENGINE_SCATTER_RECEIPT_CHECK_H_
#define WORLDB_ENGINE_SCATTER_RECEIPT_CHECK_H_

#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/records.h"
#include "engine/cell/cell.h"

namespace worldb::engine {

bool IsReceiptOf(const Cell& cell, NodeIndex node, const cryptoscatter::Receipt& receipt,
                 cryptoscatter::BatchVerifier& verifier);

bool IsRefusalOf(const Cell& cell, NodeIndex node, const cryptoscatter::Refusal& refusal,
                 cryptoscatter::BatchVerifier& verifier);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SCATTER_RECEIPT_CHECK_H_
