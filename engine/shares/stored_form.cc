#include "engine/shares/stored_form.h"

#include <memory>
#include <utility>

#include "cryptoscatter/script_book.h"

namespace worldb::engine {

using cryptoscatter::BatchRef;
using cryptoscatter::Share;

cryptoscatter::KeySharePlace PlaceOf(const Cell& cell, const Share& share, const CoreId& core) {
  return {core, share.generation, share.index, cell.node(share.index).id, share.key_share_hash};
}

StoredForm StoredForm::Make(const Cell& cell, const cryptoscatter::StorageKey& storage_key,
                            Share share, const CheckedDelivery& checked) {
  StoredForm form;
  form.commitment = checked.commitment;
  if (share.proof.count > 1) form.batch = checked.batch;
  form.row.fragment_apart = share.fragment.size() > ShareRow::kFragmentInRowBytesMax;
  if (form.row.fragment_apart) {
    form.fragment = std::make_shared<const Bytes>(std::exchange(share.fragment, {}));
  }
  form.row.key_share = cryptoscatter::WrapKeyShare(storage_key, PlaceOf(cell, share, checked.core),
                                                   checked.key_share);
  form.row.script = cryptoscatter::ScriptBook::PrefixOf(share.script);
  form.row.share = std::move(share);
  return form;
}

void StoredForm::AppendTo(std::vector<StoreWrite>& writes, const std::string& row_key) const {
  writes.push_back(
      StoreWrite::Put(RowFamily::kRows, row_key, std::make_shared<const Bytes>(row.Encode())));
  if (fragment != nullptr) writes.push_back(StoreWrite::Put(RowFamily::kBlobs, row_key, fragment));
}

StoreWrite PutBatchRow(const BatchRef& ref, const BatchRows::Batch& batch) {
  return StoreWrite::Put(RowFamily::kRows, BatchRow::Key(ref),
                         std::make_shared<const Bytes>(BatchRow::Encode(*batch.part)));
}

}  // namespace worldb::engine
