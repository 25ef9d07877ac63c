// A share as a node writes it.
#ifndef WORLDB_ENGINE_SHARES_STORED_FORM_H_
#define WORLDB_ENGINE_SHARES_STORED_FORM_H_

#include <optional>
#include <string>
#include <vector>

#include "cryptoscatter/batch_part.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell.h"
#include "engine/ports/store.h"
#include "engine/rows/share_rows.h"
#include "engine/shares/batch_rows.h"
#include "engine/shares/delivery_check.h"

namespace worldb::engine {

// Where the key share of this share lies wrapped. REQUIRES: `core` is the id of its core.
cryptoscatter::KeySharePlace PlaceOf(const Cell& cell, const cryptoscatter::Share& share,
                                     const CoreId& core);
inline cryptoscatter::KeySharePlace PlaceOf(const Cell& cell, const cryptoscatter::Share& share) {
  return PlaceOf(cell, share, share.core.Id());
}

// Complete but for where its proof goes: BatchRows::Place().
struct StoredForm {
  ShareRow row;
  SharedBytes fragment;  // null when it lies in the row
  CommitmentId commitment;
  std::optional<cryptoscatter::BatchRef> batch;  // null for a batch of one, which has no row

  // REQUIRES: the share's proof holds, and what was checked is its.
  static StoredForm Make(const Cell& cell, const cryptoscatter::StorageKey& storage_key,
                         cryptoscatter::Share share, const CheckedDelivery& checked);
  // The share row and the fragment apart from it, if any.
  void AppendTo(std::vector<StoreWrite>& writes, const std::string& row_key) const;
};

StoreWrite PutBatchRow(const cryptoscatter::BatchRef& ref, const BatchRows::Batch& batch);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_STORED_FORM_H_
