#include "engine/scatter/receipt_check.h"

namespace worldb::engine {

bool IsReceiptOf(const Cell& cell, NodeIndex node, const cryptoscatter::Receipt& receipt,
                 cryptoscatter::BatchVerifier& verifier) {
  return receipt.claim.index == node && receipt.claim.slot_epoch == cell.slot_epoch() &&
         receipt.proof.signer == cell.node(node).signing_key &&
         verifier.VerifyReceipt(receipt, cell.id()).ok();
}

bool IsRefusalOf(const Cell& cell, NodeIndex node, const cryptoscatter::Refusal& refusal,
                 cryptoscatter::BatchVerifier& verifier) {
  return refusal.claim.of.index == node && refusal.proof.signer == cell.node(node).signing_key &&
         verifier.VerifyRefusal(refusal, cell.id()).ok();
}

}  // namespace worldb::engine
