#include "engine/offline/offline_rows.h"

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {

using cryptoscatter::BatchRef;
using cryptoscatter::ScriptBook;

OfflineBatches::PartPtr OfflineBatches::Find(int store, const BatchRef& ref) {
  const auto it = entries_.find({ref, store});
  if (it == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, it->second.place);
  return it->second.part;
}

absl::StatusOr<OfflineBatches::PartPtr> OfflineBatches::Add(int store, const BatchRef& ref,
                                                            ByteSpan row) {
  PartPtr part;
  const Bytes bytes = ToBytes(row);
  for (auto it = entries_.lower_bound({ref, 0}); it != entries_.end() && it->first.first == ref;
       ++it) {
    if (BatchRow::Encode(*it->second.part) != bytes) continue;
    part = it->second.part;
    break;
  }
  if (part == nullptr) {
    WORLDB_ASSIGN_OR_RETURN(cryptoscatter::BatchPart decoded,
                            BatchRow::Decode(BatchRow::Key(ref), row));
    part = std::make_shared<const cryptoscatter::BatchPart>(std::move(decoded));
  }
  while (entries_.size() >= kRowsMax) {
    entries_.erase(order_.back());
    order_.pop_back();
  }
  const Key key{ref, store};
  if (const auto it = entries_.find(key); it != entries_.end()) {
    order_.erase(it->second.place);
    entries_.erase(it);
  }
  order_.push_front(key);
  entries_[key] = {part, order_.begin()};
  return part;
}

absl::StatusOr<CellScripts::ScriptPtr> OfflineRows::AddScript(const StoreRow& row) {
  WORLDB_ASSIGN_OR_RETURN(CellScripts::ScriptPtr script, ScriptRow::Decode(row.key, row.value));
  const ScriptRef ref = ScriptBook::PrefixOf(script->id());
  const auto [it, added] = scripts_.emplace(ref, script);
  if (!added && it->second->id() != script->id()) {
    return absl::InvalidArgumentError(
        absl::StrCat("script row: a share row could mean this script or the one with id ",
                     it->second->id().Hex()));
  }
  return script;
}

absl::StatusOr<CellScripts::ScriptPtr> OfflineRows::FindScript(const ScriptRef& ref,
                                                               const ScriptBook& others) const {
  if (const auto it = scripts_.find(ref); it != scripts_.end()) return it->second;
  return others.Find(ref);
}

absl::StatusOr<OfflineBatches::PartPtr> OfflineRows::FindBatch(const BatchRef& ref) {
  if (OfflineBatches::PartPtr part = batches_->Find(number_, ref); part != nullptr) return part;
  const absl::StatusOr<Bytes> row = get_(BatchRow::Key(ref));
  if (!row.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("share row: the row of its batch, ", ref.Hex(),
                                                   ", is not there: ", row.status().message()));
  }
  return batches_->Add(number_, ref, *row);
}

absl::StatusOr<FoundRow> OfflineRows::DecodeShare(const StoreRow& row, const ScriptBook& others) {
  WORLDB_ASSIGN_OR_RETURN(ShareRow stored, ShareRow::Decode(row.key, row.value));
  auto script = FindScript(stored.script, others);
  if (!script.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("share row: ", script.status().message()));
  }
  if (stored.batch.has_value()) {
    WORLDB_ASSIGN_OR_RETURN(const OfflineBatches::PartPtr part, FindBatch(*stored.batch));
    WORLDB_RETURN_IF_ERROR(stored.Complete(part->cell(), **script));
    WORLDB_RETURN_IF_ERROR(stored.TakeProof(*part));
  } else {
    WORLDB_RETURN_IF_ERROR(stored.Complete(CellId(stored.share.core.cell), **script));
  }
  FoundRow out;
  out.fragment_apart = stored.fragment_apart;
  out.found.has_fragment = !stored.fragment_apart;
  out.found.key_share = stored.key_share;
  out.found.share = std::move(stored.share);
  out.found.script = *std::move(script);
  return out;
}

}  // namespace worldb::engine
