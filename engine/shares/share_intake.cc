// How a share store takes shares in: check, look up what is there, commit, receipt.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/shares/share_store.h"
#include "engine/shares/stored_form.h"

namespace worldb::engine {

using cryptoscatter::BatchRef;
using cryptoscatter::PairwiseKey;
using cryptoscatter::Share;

absl::StatusOr<cryptoscatter::KeyShare> CheckDelivery(const Cell& cell, NodeIndex index,
                                                      const ShareDelivery& delivery,
                                                      const cryptoscatter::PairwiseKey& opener,
                                                      cryptoscatter::BatchVerifier& verifier,
                                                      bool with_fragment) {
  const Share& share = delivery.share;
  if (share.index != index) {
    return absl::InvalidArgumentError(
        absl::StrCat("share ", share.index.value(), " was handed to node ", index.value()));
  }
  if (share.slot != cell.SlotOf(share.core.key_tag) || share.slot_epoch != cell.slot_epoch()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "share ", index.value(), " of version ", share.version.value(), ": slot ",
        share.slot.value(), " in slot epoch ", share.slot_epoch.value(), " is not its key's"));
  }
  if (share.core.kind == cryptoscatter::ValueKind::kFile) {
    return absl::InvalidArgumentError(
        absl::StrCat("share ", index.value(), ": a file is not kept by nodes"));
  }
  if (!cell.IsWriter(share.proof.signer)) {
    return absl::InvalidArgumentError(
        absl::StrCat("share ", index.value(), " of version ", share.version.value(), ": key ",
                     share.proof.signer.Hex(), " that signed it is no writer of this cell"));
  }
  WORLDB_ASSIGN_OR_RETURN(
      cryptoscatter::KeyShare key_share,
      cryptoscatter::OpenKeyShare(opener, {share.core.Id(), index, share.key_share_hash},
                                  cell.node(index).id, delivery.key_share));
  WORLDB_RETURN_IF_ERROR(cryptoscatter::ToStatus(
      cryptoscatter::VerifyShare(share, cell.id(), verifier, &key_share, /*source=*/{},
                                 with_fragment, cell.scripts().book())));
  return key_share;
}

struct ShareStore::IntakeItem {
  std::shared_ptr<const ShareDelivery> delivery;
  std::shared_ptr<const PairwiseKey> opener;
  absl::Status status;
  std::string row_key;
  // Set by Check when the share is good.
  std::optional<StoredForm> form;
  std::optional<BatchRef> batch;  // null for a batch of one
  bool known = false;             // stored before: receipt again, nothing to write
  bool under_way = false;         // named in under_way_ until its commit is answered
};
// All that checking needs, by value: it may run on the pool while the node is being taken down.
struct ShareStore::Checker {
  std::shared_ptr<const Cell> cell;
  NodeIndex index;
  const cryptoscatter::StorageKey* storage_key;  // outlives the pool's work, as NodeParts demands

  void Check(IntakeItem& item, cryptoscatter::BatchVerifier& verifier) const;
  void Check(std::vector<IntakeItem>& items, cryptoscatter::BatchVerifier& verifier) const;
};
struct ShareStore::Intake {
  NodeIndex from;
  RequestId id = 0;
  std::vector<IntakeItem> items;
  BatchRows::BatchPtrs batches;        // held until the commit is answered
  std::vector<BatchRef> batches_read;  // in the order of their rows, behind those of the items
};

void ShareStore::On(NodeIndex from, PutShares request) {
  auto intake = std::make_shared<Intake>();
  intake->from = from;
  intake->id = request.id;
  std::size_t bytes = 0;
  for (std::shared_ptr<const ShareDelivery>& delivery : request.deliveries) {
    if (delivery == nullptr) continue;
    IntakeItem item;
    const Share& share = delivery->share;
    bytes += share.fragment.size();
    item.row_key = ShareRow::Key(share.core.key_tag, share.slot_epoch, share.version);
    if (share.index != context_.index()) {
      item.status = absl::InvalidArgumentError(absl::StrCat(
          "share ", share.index.value(), " was handed to node ", context_.index().value()));
    } else if (auto key = OpenerKey(delivery->writer_exchange_key); key.ok()) {
      item.opener = *std::move(key);
    } else {
      item.status = key.status();
    }
    item.delivery = std::move(delivery);
    intake->items.push_back(std::move(item));
  }
  const Checker checker{context_.parts.cell, context_.index(),
                        &context_.parts.secrets->storage_key};
  if (bytes <= kOffloadBytes) {
    checker.Check(intake->items, context_.verifier);
    Resolve(std::move(intake));
    return;
  }
  context_.executor().Offload(
      [checker, intake] {
        cryptoscatter::BatchVerifier verifier;
        checker.Check(intake->items, verifier);
      },
      [this, intake] { Resolve(intake); });
}

void ShareStore::Checker::Check(IntakeItem& item, cryptoscatter::BatchVerifier& verifier) const {
  if (!item.status.ok()) return;
  const auto key_share = CheckDelivery(*cell, index, *item.delivery, *item.opener, verifier);
  item.status = key_share.status();
  if (!item.status.ok()) return;
  item.form = StoredForm::Make(*cell, *storage_key, item.delivery->share, *key_share);
}

void ShareStore::Checker::Check(std::vector<IntakeItem>& items,
                                cryptoscatter::BatchVerifier& verifier) const {
  const IntakeItem* last = nullptr;
  for (IntakeItem& item : items) {
    Check(item, verifier);
    if (!item.status.ok()) continue;
    const cryptoscatter::CommitProof& proof = item.delivery->share.proof;
    if (last != nullptr && last->delivery->share.proof.signature == proof.signature) {
      item.batch = last->batch;  // one signature, one batch
    } else {
      item.batch = item.form->FindBatch();
    }
    last = &item;
  }
}

// Looks up what is stored under the same version: the same value is a repeat, another one an alarm.
void ShareStore::Resolve(std::shared_ptr<Intake> intake) {
  std::vector<std::string> keys;
  for (const IntakeItem& item : intake->items) {
    if (!item.status.ok()) continue;
    keys.push_back(item.row_key);
    if (item.batch.has_value()) intake->batches[*item.batch] = batches_.Hold(*item.batch);
  }
  for (const auto& [ref, batch] : intake->batches) {
    if (batch->known()) continue;
    intake->batches_read.push_back(ref);
    keys.push_back(BatchRow::Key(ref));
  }
  context_.parts.store->GetMany(
      RowFamily::kRows, std::move(keys),
      [this, intake](const std::vector<absl::StatusOr<Bytes>>& rows) { OnStored(intake, rows); });
}

void ShareStore::OnStored(std::shared_ptr<Intake> intake,
                          const std::vector<absl::StatusOr<Bytes>>& rows) {
  std::vector<ShareRow> stored;
  std::vector<IntakeItem*> of_stored;
  auto next = rows.begin();
  for (IntakeItem& item : intake->items) {
    if (!item.status.ok()) continue;
    const absl::StatusOr<Bytes>& bytes = *next++;
    if (!bytes.ok() && !absl::IsNotFound(bytes.status())) {
      item.status = bytes.status();
      continue;
    }
    // A row that is damaged counts as none: it is written anew.
    absl::StatusOr<ShareRow> row =
        bytes.ok() ? ShareRow::Decode(item.row_key, *bytes) : bytes.status();
    if (!row.ok()) {
      ResolveItem(item, nullptr);
    } else {
      stored.push_back(*std::move(row));
      of_stored.push_back(&item);
    }
  }
  for (const BatchRef& ref : intake->batches_read) {
    const auto loaded = batches_.Load(ref, *intake->batches[ref], *next++);
    if (loaded.ok()) continue;
    for (IntakeItem& item : intake->items) {
      if (item.status.ok() && item.batch == ref) item.status = loaded.status();
    }
  }
  Complete(std::move(stored), BatchRows::From::kDisk,
           [this, intake,
            of_stored = std::move(of_stored)](absl::StatusOr<std::vector<CompletedRow>> completed) {
             for (std::size_t i = 0; i < of_stored.size(); ++i) {
               IntakeItem& item = *of_stored[i];
               if (!item.status.ok()) continue;
               if (!completed.ok()) {
                 item.status = completed.status();
               } else {
                 const CompletedRow& one = (*completed)[i];
                 ResolveItem(item, one.share.ok() ? &one : nullptr);
               }
             }
             Commit(intake);
           });
}

void ShareStore::ResolveItem(IntakeItem& item, const CompletedRow* stored) {
  const CommitmentId& offered = item.form->commitment;
  std::optional<CommitmentId> present;
  if (const auto it = under_way_.find(item.row_key); it != under_way_.end()) {
    present = it->second;
  } else if (stored != nullptr) {
    const ShareRow& row = stored->row;
    const auto key_share = cryptoscatter::UnwrapKeyShare(
        context_.parts.secrets->storage_key, PlaceOf(context_.cell(), row.share), row.key_share);
    const auto verdict = cryptoscatter::VerifyShare(
        row.share, context_.cell().id(), context_.verifier, key_share.ok() ? &*key_share : nullptr,
        {}, /*has_fragment=*/!row.fragment_apart, context_.cell().scripts().book());
    if (verdict.proof_ok) present = verdict.commitment;
    // What is not known to be whole is written again before a receipt says that it is held.
    item.known = stored->proof.ok() && present == offered && verdict.fragment_usable() &&
                 verdict.key_share_usable();
  }
  if (item.known) return;
  if (present.value_or(offered) == offered) {
    item.under_way = under_way_.emplace(item.row_key, offered).second;
    return;
  }
  item.status = absl::AlreadyExistsError(absl::StrCat(
      "version ", item.delivery->share.version.value(), " is already stored with another value, ",
      present->Hex().substr(0, 16), ", offered ", offered.Hex().substr(0, 16), "; ask an auditor"));
}

void ShareStore::Commit(std::shared_ptr<Intake> intake) {
  std::vector<StoreWrite> writes;
  std::set<ScriptId> scripts;
  std::map<BatchRef, std::uint64_t> grown;  // and what had been learned of it
  std::size_t fresh = 0;
  for (IntakeItem& item : intake->items) {
    if (!item.status.ok()) continue;
    StoredForm& form = *item.form;
    if (item.batch.has_value()) {
      BatchRows::Batch& batch = *intake->batches[*item.batch];
      BatchRows::Place(form.row, *item.batch, batch, form.commitment);
      if (form.row.batch.has_value() && (!item.known || batch.learned > batch.learned_written)) {
        grown[*item.batch] = batch.learned;
      }
    }
    if (item.known) continue;
    ++fresh;
    form.AppendTo(writes, item.row_key);
    AddScriptRow(form.row.share.script, writes, scripts);
  }
  for (const auto& [ref, learned] : grown) {
    writes.push_back(PutBatchRow(ref, *intake->batches[ref]));
  }
  // An empty commit still comes back after everything committed before it.
  context_.parts.store->Commit(std::move(writes), /*sync=*/true,
                               [this, intake, fresh, grown = std::move(grown),
                                scripts = std::move(scripts)](absl::Status status) {
                                 if (status.ok()) {
                                   scripts_kept_.insert(scripts.begin(), scripts.end());
                                   for (const auto& [ref, learned] : grown) {
                                     std::uint64_t& written = intake->batches[ref]->learned_written;
                                     written = std::max(written, learned);
                                   }
                                 }
                                 batches_.LetGo(intake->batches);
                                 PutSharesReply reply;
                                 reply.id = intake->id;
                                 std::vector<cryptoscatter::ReceiptClaim> claims;
                                 for (const IntakeItem& item : intake->items) {
                                   const Share& share = item.delivery->share;
                                   if (item.under_way) under_way_.erase(item.row_key);
                                   const absl::Status& failed =
                                       item.status.ok() ? status : item.status;
                                   if (failed.ok()) {
                                     claims.push_back(share.Claim());
                                   } else {
                                     reply.refusals.push_back({{share.core.key_tag, share.version},
                                                               std::string(failed.message())});
                                   }
                                 }
                                 if (status.ok()) stored_count_ += fresh;
                                 if (fresh > 0) store_status_ = status;
                                 reply.receipts = cryptoscatter::SignReceipts(
                                     context_.parts.secrets->signing, context_.cell().id(), claims);
                                 context_.Send(intake->from, std::move(reply));
                               });
}

}  // namespace worldb::engine
