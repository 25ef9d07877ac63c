#include "engine/share_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kPairwiseKeysMax = 4096;
// A reader wants the newest few.
constexpr std::size_t kVersionsListedMax = 64;

using cryptoscatter::BatchRef;
using cryptoscatter::PairwiseKey;
using cryptoscatter::Share;

cryptoscatter::KeySharePlace PlaceOf(const Cell& cell, const Share& share) {
  return {share.core.Id(), share.generation, share.index, cell.node(share.index).id,
          share.key_share_hash};
}

// A share as it is written, when it is known where its proof goes.
struct StoredForm {
  ShareRow row;
  SharedBytes fragment;  // null when it lies in the row
  CommitmentId commitment;
};
StoredForm MakeStoredForm(const Cell& cell, const cryptoscatter::StorageKey& storage_key,
                          Share share, const cryptoscatter::KeyShare& key_share) {
  StoredForm form;
  form.commitment = share.Commitment();
  form.row.fragment_apart = share.fragment.size() > ShareRow::kFragmentInRowBytesMax;
  if (form.row.fragment_apart) {
    form.fragment = std::make_shared<const Bytes>(std::exchange(share.fragment, {}));
  }
  form.row.key_share = cryptoscatter::WrapKeyShare(storage_key, PlaceOf(cell, share), key_share);
  form.row.script = cryptoscatter::ScriptBook::PrefixOf(share.script);
  form.row.share = std::move(share);
  return form;
}

SharedBytes EncodeRow(const ShareRow& row) { return std::make_shared<const Bytes>(row.Encode()); }
StoreWrite PutBatchRow(const BatchRef& ref, const BatchRows::Batch& batch) {
  return StoreWrite::Put(RowFamily::kRows, BatchRow::Key(ref),
                         std::make_shared<const Bytes>(BatchRow::Encode(*batch.part)));
}
// Null for a batch of one.
std::optional<BatchRef> BatchRefOf(const Share& share, const CommitmentId& commitment) {
  if (share.proof.count == 1) return std::nullopt;
  return cryptoscatter::BatchRefOf(share.core.cell, share.proof, commitment);
}

// Empty when the share is this node's and of this version.
std::string Misplaced(const Cell& cell, NodeIndex index, const VersionRef& version,
                      const Share& share) {
  if (share.index == index && share.slot == cell.SlotOf(version.key_tag)) return {};
  return absl::StrCat("share ", index.value(), " of version ", version.version.value(), " on node ",
                      cell.node(index).name, ": in its place lies share ", share.index.value(),
                      " of slot ", share.slot.value());
}

// All that judging needs, by value: it may run on the pool while the node is being taken down.
struct ShareJudge {
  std::shared_ptr<const Cell> cell;
  NodeIndex index;
  const cryptoscatter::StorageKey* storage_key;  // outlives the pool's work, as NodeParts demands
  VersionRef version;
  bool with_fragment = true;
  absl::Status proof;  // why it is without one

  void operator()(HeldShare& held, cryptoscatter::BatchVerifier& verifier) const {
    held.reason = Misplaced(*cell, index, version, held.share);
    if (!held.reason.empty()) return;
    auto key_share = cryptoscatter::UnwrapKeyShare(*storage_key, PlaceOf(*cell, held.share),
                                                   *held.stored_key_share);
    if (key_share.ok()) held.key_share = *std::move(key_share);
    const cryptoscatter::ShareVerdict verdict = cryptoscatter::VerifyShare(
        held.share, cell->id(), verifier, held.key_share ? &*held.key_share : nullptr,
        cell->node(index).name, with_fragment, cell->scripts().book());
    held.metadata_ok = verdict.proof_ok;
    held.fragment_ok = !with_fragment || verdict.fragment_usable();
    held.key_share_ok = verdict.key_share_usable();
    held.reason = verdict.reason;
    if (!proof.ok()) absl::StrAppend(&held.reason, "; ", proof.message());
    if (!held.key_share.has_value()) {
      absl::StrAppend(&held.reason, held.reason.empty() ? "" : "; ", "share ", index.value(),
                      " of version ", version.version.value(), " on node ", cell->node(index).name,
                      ": its key share does not unwrap");
    }
  }
};

}  // namespace

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
  BatchRows::BatchPtrs batches;  // held until the commit is answered
};

absl::StatusOr<ShareStore::PairwiseKeyPtr> ShareStore::KeyWith(
    const cryptoscatter::ExchangePublicKey& peer, PairwiseCache& cache, Derivation derive) const {
  if (const auto it = cache.find(peer); it != cache.end()) return it->second;
  WORLDB_ASSIGN_OR_RETURN(PairwiseKey key, (context_.parts.secrets->exchange.*derive)(peer));
  if (cache.size() >= kPairwiseKeysMax) cache.clear();
  return cache[peer] = std::make_shared<const PairwiseKey>(std::move(key));
}

absl::StatusOr<ShareStore::PairwiseKeyPtr> ShareStore::SealerKey(
    const cryptoscatter::ExchangePublicKey& opener) {
  return KeyWith(opener, sealer_keys_, &cryptoscatter::ExchangeKeyPair::PairwiseKeyAsSealer);
}

absl::StatusOr<ShareStore::PairwiseKeyPtr> ShareStore::OpenerKey(
    const cryptoscatter::ExchangePublicKey& sealer) {
  return KeyWith(sealer, opener_keys_, &cryptoscatter::ExchangeKeyPair::PairwiseKeyAsOpener);
}

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
  item.form = MakeStoredForm(*cell, *storage_key, item.delivery->share, *key_share);
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
      item.batch = BatchRefOf(item.delivery->share, item.form->commitment);
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
  for (const auto& [ref, batch] : intake->batches) keys.push_back(BatchRow::Key(ref));
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
  for (const auto& [ref, batch] : intake->batches) {
    const absl::Status loaded = batches_.Load(ref, *batch, *next++);
    if (loaded.ok()) continue;
    for (IntakeItem& item : intake->items) {
      if (item.status.ok() && item.batch == ref) item.status = loaded;
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
                 ResolveItem(item, one.share.ok() && one.proof.ok() ? &one.row : nullptr);
               }
             }
             Commit(intake);
           });
}

void ShareStore::ResolveItem(IntakeItem& item, const ShareRow* stored) {
  const CommitmentId& offered = item.form->commitment;
  std::optional<CommitmentId> present;
  if (const auto it = under_way_.find(item.row_key); it != under_way_.end()) {
    present = it->second;
  } else if (stored != nullptr) {
    const auto key_share =
        cryptoscatter::UnwrapKeyShare(context_.parts.secrets->storage_key,
                                      PlaceOf(context_.cell(), stored->share), stored->key_share);
    const auto verdict = cryptoscatter::VerifyShare(
        stored->share, context_.cell().id(), context_.verifier,
        key_share.ok() ? &*key_share : nullptr, {}, /*has_fragment=*/!stored->fragment_apart,
        context_.cell().scripts().book());
    if (verdict.proof_ok) present = verdict.commitment;
    // What is not known to be whole is written again before a receipt says that it is held.
    item.known = present == offered && verdict.fragment_usable() && verdict.key_share_usable();
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
  std::set<BatchRef> grown;
  std::size_t fresh = 0;
  for (IntakeItem& item : intake->items) {
    if (!item.status.ok() || item.known) continue;
    ++fresh;
    StoredForm& form = *item.form;
    if (item.batch.has_value()) {
      BatchRows::Place(form.row, *item.batch, *intake->batches[*item.batch], form.commitment);
    }
    if (form.row.batch.has_value()) grown.insert(*form.row.batch);
    writes.push_back(StoreWrite::Put(RowFamily::kRows, item.row_key, EncodeRow(form.row)));
    if (form.fragment != nullptr) {
      writes.push_back(StoreWrite::Put(RowFamily::kBlobs, item.row_key, form.fragment));
    }
    AddScriptRow(form.row.share.script, writes, scripts);
  }
  for (const BatchRef& ref : grown) writes.push_back(PutBatchRow(ref, *intake->batches[ref]));
  // An empty commit still comes back after everything committed before it.
  context_.parts.store->Commit(
      std::move(writes), /*sync=*/true,
      [this, intake, fresh, scripts = std::move(scripts)](absl::Status status) {
        if (status.ok()) scripts_kept_.insert(scripts.begin(), scripts.end());
        PutSharesReply reply;
        reply.id = intake->id;
        std::vector<cryptoscatter::ReceiptClaim> claims;
        for (const IntakeItem& item : intake->items) {
          const Share& share = item.delivery->share;
          if (item.under_way) under_way_.erase(item.row_key);
          const absl::Status& failed = item.status.ok() ? status : item.status;
          if (failed.ok()) {
            claims.push_back(share.Claim());
          } else {
            reply.refusals.push_back(
                {{share.core.key_tag, share.version}, std::string(failed.message())});
          }
        }
        if (status.ok()) stored_count_ += fresh;
        if (fresh > 0) store_status_ = status;
        reply.receipts = cryptoscatter::SignReceipts(context_.parts.secrets->signing,
                                                     context_.cell().id(), claims);
        context_.Send(intake->from, std::move(reply));
      });
}

absl::Status ShareStore::CompleteWithoutProof(ShareRow& row) const {
  const auto script = context_.cell().scripts().book().Find(row.script);
  if (!script.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("share row: ", script.status().message()));
  }
  return row.Complete(context_.cell().id(), **script);
}

void ShareStore::Complete(std::vector<ShareRow> rows, BatchRows::From from,
                          std::function<void(absl::StatusOr<std::vector<CompletedRow>>)> done) {
  std::vector<CompletedRow> completed;
  std::set<BatchRef> refs;
  for (ShareRow& row : rows) {
    const absl::Status share = CompleteWithoutProof(row);
    if (row.batch.has_value()) refs.insert(*row.batch);
    completed.push_back({std::move(row), share, absl::OkStatus()});
  }
  batches_.Read(refs, from,
                [completed = std::move(completed),
                 done = std::move(done)](const absl::StatusOr<BatchRows::Parts>& parts) mutable {
                  if (!parts.ok()) return done(parts.status());
                  for (CompletedRow& one : completed) {
                    if (!one.row.batch.has_value()) continue;
                    const auto& part = parts->at(*one.row.batch);
                    one.proof = part != nullptr
                                    ? one.row.TakeProof(*part)
                                    : absl::InvalidArgumentError(absl::StrCat(
                                          "the row of its batch, ", one.row.batch->Hex(),
                                          ", is missing or damaged"));
                  }
                  done(std::move(completed));
                });
}

void ShareStore::AddScriptRow(const ScriptId& id, std::vector<StoreWrite>& writes,
                              std::set<ScriptId>& added) const {
  if (scripts_kept_.contains(id) || !added.insert(id).second) return;
  const absl::StatusOr<CellScripts::ScriptPtr> script = context_.cell().FindScript(id);
  WORLDB_CHECK(script.ok());  // the share's proof holds
  writes.push_back(StoreWrite::Put(RowFamily::kRows, ScriptRow::Key(id),
                                   std::make_shared<const Bytes>(ScriptRow::Encode(**script))));
}

void ShareStore::On(NodeIndex from, const ListShares& request) {
  const std::string begin = ShareRow::KeyPrefix(request.key_tag);
  const std::string end = begin + std::string(13, '\xff');
  context_.parts.store->Scan(
      RowFamily::kRows, begin, end, kVersionsListedMax,
      [this, from, id = request.id](absl::StatusOr<std::vector<StoreRow>> rows) {
        ListSharesReply reply;
        reply.id = id;
        reply.status = rows.status();
        if (rows.ok()) {
          for (const StoreRow& row : *rows) {
            // A row that does not decode is as good as lost; the others still help a reader.
            absl::StatusOr<ShareRow> held = ShareRow::Decode(row.key, row.value);
            if (!held.ok() || !CompleteWithoutProof(*held).ok()) continue;
            const Share& share = held->share;
            reply.shares.push_back(
                {share.slot_epoch, share.version, share.core.Id(), share.script});
          }
        }
        context_.Send(from, std::move(reply));
      });
}

void ShareStore::On(NodeIndex from, const FetchShare& request) {
  const std::string key = ShareRow::Key(request.key_tag, request.slot_epoch, request.version);
  const auto fail = [this, from, id = request.id](absl::Status status) {
    FetchShareReply reply;
    reply.id = id;
    reply.status = std::move(status);
    context_.Send(from, std::move(reply));
  };
  const VersionRef version{request.key_tag, request.slot_epoch, request.version};
  const auto damaged = [this, version, fail](absl::string_view why) {
    NoteDamage(version);
    fail(absl::DataLossError(why));
  };
  const auto on_row = [this, from, request, key, version, fail,
                       damaged](absl::StatusOr<std::vector<CompletedRow>> rows) {
    if (!rows.ok()) return fail(rows.status());
    CompletedRow& one = rows->front();
    const std::string misplaced =
        Misplaced(context_.cell(), context_.index(), version, one.row.share);
    if (!misplaced.empty()) return damaged(misplaced);
    if (!one.share.ok()) return damaged(one.share.message());
    if (!one.proof.ok()) return damaged(one.proof.message());
    if (!one.row.fragment_apart) return Answer(from, request, one.row);
    auto held = std::make_shared<ShareRow>(std::move(one.row));
    context_.parts.store->Get(RowFamily::kBlobs, key,
                              [this, from, request, version, held](absl::StatusOr<Bytes> fragment) {
                                // Without its fragment the key share may still be what is missing.
                                if (fragment.ok()) {
                                  held->share.fragment = *std::move(fragment);
                                } else {
                                  NoteDamage(version);
                                }
                                Answer(from, request, *held);
                              });
  };
  context_.parts.store->Get(
      RowFamily::kRows, key,
      [this, key, version, fail, damaged, on_row](absl::StatusOr<Bytes> bytes) {
        if (absl::IsDataLoss(bytes.status())) NoteDamage(version);
        if (!bytes.ok()) return fail(bytes.status());
        absl::StatusOr<ShareRow> row = ShareRow::Decode(key, *bytes);
        if (!row.ok()) return damaged(row.status().message());
        Complete({*std::move(row)}, BatchRows::From::kMemory, on_row);
      });
}

HeldShare ShareStore::Unusable(const VersionRef& version, const absl::Status& row) const {
  HeldShare held;
  held.row = row;
  held.reason =
      absl::StrCat("share ", context_.index().value(), " of version ", version.version.value(),
                   " on node ", context_.cell().node(context_.index()).name, ": ",
                   absl::IsNotFound(row) ? "missing" : row.message());
  return held;
}

void ShareStore::Inspect(const VersionRef& version, bool with_fragment,
                         std::function<void(HeldShare)> done) {
  const std::string key = ShareRow::Key(version);
  context_.parts.store->Get(
      RowFamily::kRows, key,
      [this, version, with_fragment, key, done = std::move(done)](absl::StatusOr<Bytes> bytes) {
        if (!bytes.ok()) return done(Unusable(version, bytes.status()));
        absl::StatusOr<ShareRow> row = ShareRow::Decode(key, *bytes);
        if (!row.ok()) return done(Unusable(version, absl::DataLossError(row.status().message())));
        Complete({*std::move(row)}, BatchRows::From::kDisk,
                 [this, version, with_fragment,
                  done](absl::StatusOr<std::vector<CompletedRow>> completed) {
                   if (!completed.ok()) return done(Unusable(version, completed.status()));
                   InspectRow(version, with_fragment, std::move(completed->front()), done);
                 });
      });
}

void ShareStore::InspectRow(const VersionRef& version, bool with_fragment, CompletedRow completed,
                            std::function<void(HeldShare)> done) {
  if (!completed.share.ok()) {
    return done(Unusable(version, absl::DataLossError(completed.share.message())));
  }
  auto held = std::make_shared<HeldShare>();
  held->stored_key_share = completed.row.key_share;
  held->share = std::move(completed.row.share);
  if (!completed.row.fragment_apart || !with_fragment) {
    return Judge(version, with_fragment, completed.proof, held, std::move(done));
  }
  context_.parts.store->Get(RowFamily::kBlobs, ShareRow::Key(version),
                            [this, version, proof = completed.proof, held,
                             done = std::move(done)](absl::StatusOr<Bytes> fragment) {
                              // Without it the fragment is empty, and judged as such.
                              if (fragment.ok()) held->share.fragment = *std::move(fragment);
                              if (!fragment.ok() && !absl::IsNotFound(fragment.status()) &&
                                  !absl::IsDataLoss(fragment.status())) {
                                held->row = fragment.status();
                                return done(std::move(*held));
                              }
                              Judge(version, /*with_fragment=*/true, proof, held, done);
                            });
}

void ShareStore::Judge(const VersionRef& version, bool with_fragment, const absl::Status& proof,
                       std::shared_ptr<HeldShare> held, std::function<void(HeldShare)> done) {
  const ShareJudge judge{context_.parts.cell,
                         context_.index(),
                         &context_.parts.secrets->storage_key,
                         version,
                         with_fragment,
                         proof};
  if (held->share.fragment.size() <= kOffloadBytes) {
    judge(*held, context_.verifier);
    return done(std::move(*held));
  }
  context_.executor().Offload(
      [judge, held] {
        cryptoscatter::BatchVerifier verifier;
        judge(*held, verifier);
      },
      [held, done = std::move(done)] { done(std::move(*held)); });
}

absl::StatusOr<cryptoscatter::KeyShare> ShareStore::OpenOwed(const ShareDelivery& delivery) {
  WORLDB_ASSIGN_OR_RETURN(const PairwiseKeyPtr key, OpenerKey(delivery.writer_exchange_key));
  return CheckDelivery(context_.cell(), context_.index(), delivery, *key, context_.verifier,
                       /*with_fragment=*/false);
}

void ShareStore::Mend(Share share, const cryptoscatter::KeyShare& key_share,
                      std::function<void(absl::Status)> done) {
  const VersionRef version{share.core.key_tag, share.slot_epoch, share.version};
  const std::string key = ShareRow::Key(version);
  if (!under_way_.emplace(key, share.Commitment()).second) {
    return done(absl::UnavailableError("the share is being written"));
  }
  const auto form = std::make_shared<StoredForm>(MakeStoredForm(
      context_.cell(), context_.parts.secrets->storage_key, std::move(share), key_share));
  const std::optional<BatchRef> ref = BatchRefOf(form->row.share, form->commitment);
  const BatchRows::BatchPtr batch = ref.has_value() ? batches_.Hold(*ref) : nullptr;
  // Holds the batch until it runs.
  const auto end = [this, key, batch, done = std::move(done)](absl::Status status) {
    under_way_.erase(key);
    if (status.ok()) ++stored_count_;
    if (status.ok()) store_status_ = status;
    done(std::move(status));
  };
  const auto write = [this, key, form, ref, batch,
                      end](const absl::StatusOr<BatchRows::Parts>& read) {
    if (!read.ok()) return end(read.status());
    std::vector<StoreWrite> writes;
    if (ref.has_value()) BatchRows::Place(form->row, *ref, *batch, form->commitment);
    if (form->row.batch.has_value()) writes.push_back(PutBatchRow(*ref, *batch));
    writes.push_back(StoreWrite::Put(RowFamily::kRows, key, EncodeRow(form->row)));
    writes.push_back(form->fragment != nullptr
                         ? StoreWrite::Put(RowFamily::kBlobs, key, form->fragment)
                         : StoreWrite::Delete(RowFamily::kBlobs, key));
    std::set<ScriptId> scripts;
    AddScriptRow(form->row.share.script, writes, scripts);
    context_.parts.store->Commit(std::move(writes), /*sync=*/true, end);
  };
  Inspect(version, /*with_fragment=*/false, [this, form, ref, write, end](const HeldShare& held) {
    if (held.metadata_ok && held.share.Commitment() != form->commitment) {
      return end(absl::AlreadyExistsError("a good share of another value is stored"));
    }
    std::set<BatchRef> refs;
    if (ref.has_value()) refs.insert(*ref);
    batches_.Read(refs, BatchRows::From::kMemory, write);
  });
}

void ShareStore::Answer(NodeIndex to, const FetchShare& request, const ShareRow& row) {
  FetchShareReply reply;
  reply.id = request.id;
  reply.share = std::make_shared<const Share>(row.share);
  const auto key_share = cryptoscatter::UnwrapKeyShare(
      context_.parts.secrets->storage_key, PlaceOf(context_.cell(), row.share), row.key_share);
  const auto sealer = SealerKey(request.reader_exchange_key);
  if (!sealer.ok()) {
    reply.status = sealer.status();
  } else if (!key_share.ok()) {
    NoteDamage({request.key_tag, request.slot_epoch, request.version});
    reply.status = absl::DataLossError(key_share.status().message());
  } else {
    reply.key_share = cryptoscatter::SealKeyShare(
        **sealer, {row.share.core.Id(), row.share.index, row.share.key_share_hash},
        cryptoscatter::ReaderIdOf(request.reader_exchange_key), *key_share);
  }
  context_.Send(to, std::move(reply));
}

}  // namespace worldb::engine
