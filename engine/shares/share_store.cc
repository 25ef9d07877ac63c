#include "engine/shares/share_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/shares/stored_form.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kPairwiseKeysMax = 4096;
// A reader wants the newest few.
constexpr std::size_t kVersionsListedMax = 64;

using cryptoscatter::BatchRef;
using cryptoscatter::PairwiseKey;
using cryptoscatter::Share;

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
    held.metadata_ok = verdict.proof_ok && proof.ok();
    if (verdict.proof_ok) held.proved = verdict.commitment;
    held.fragment_ok = !with_fragment || verdict.fragment_usable();
    held.key_share_ok = verdict.key_share_usable();
    held.reason = verdict.reason;
    if (!proof.ok()) {
      absl::StrAppend(&held.reason, held.reason.empty() ? "" : "; ", proof.message());
    }
    if (!held.key_share.has_value()) {
      absl::StrAppend(&held.reason, held.reason.empty() ? "" : "; ", "share ", index.value(),
                      " of version ", version.version.value(), " on node ", cell->node(index).name,
                      ": its key share does not unwrap");
    }
  }
};

}  // namespace

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
                    const auto& [part, in_memory] = parts->at(*one.row.batch);
                    one.proof = part != nullptr
                                    ? one.row.TakeProof(*part)
                                    : absl::InvalidArgumentError(absl::StrCat(
                                          "the row of its batch, ", one.row.batch->Hex(),
                                          ", is missing or damaged"));
                    if (!one.proof.ok() && in_memory != nullptr) {
                      one.row.TakeProof(*in_memory).IgnoreError();
                    }
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
                                } else if (IsMissingOrDamaged(fragment.status())) {
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
                              if (!fragment.ok() && !IsMissingOrDamaged(fragment.status())) {
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
  const auto form = std::make_shared<StoredForm>(StoredForm::Make(
      context_.cell(), context_.parts.secrets->storage_key, std::move(share), key_share));
  const std::optional<BatchRef> ref = form->FindBatch();
  const auto held_batch = std::make_shared<BatchRows::BatchPtrs>();
  if (ref.has_value()) (*held_batch)[*ref] = batches_.Hold(*ref);
  const auto end = [this, key, held_batch, done = std::move(done)](absl::Status status) {
    batches_.LetGo(*held_batch);
    under_way_.erase(key);
    if (status.ok()) ++stored_count_;
    if (status.ok()) store_status_ = status;
    done(std::move(status));
  };
  const auto write = [this, key, form, held_batch,
                      end](const absl::StatusOr<BatchRows::Parts>& read) {
    if (!read.ok()) return end(read.status());
    std::vector<StoreWrite> writes;
    for (const auto& [of, batch] : *held_batch) {
      BatchRows::Place(form->row, of, *batch, form->commitment);
      if (form->row.batch.has_value()) writes.push_back(PutBatchRow(of, *batch));
    }
    if (form->fragment == nullptr) writes.push_back(StoreWrite::Delete(RowFamily::kBlobs, key));
    form->AppendTo(writes, key);
    std::set<ScriptId> scripts;
    AddScriptRow(form->row.share.script, writes, scripts);
    context_.parts.store->Commit(std::move(writes), /*sync=*/true, end);
  };
  Inspect(version, /*with_fragment=*/false, [this, form, ref, write, end](const HeldShare& held) {
    if (!held.row.ok() && !IsMissingOrDamaged(held.row)) return end(held.row);
    if (held.proved.value_or(form->commitment) != form->commitment) {
      return end(absl::AlreadyExistsError("a good share of another value is stored"));
    }
    std::set<BatchRef> refs;
    if (ref.has_value()) refs.insert(*ref);
    batches_.Read(refs, BatchRows::From::kDisk, write);
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
  } else if (!key_share.ok() ||
             cryptoscatter::KeyShareHash(row.share.core.Id(), row.share.index, *key_share) !=
                 row.share.key_share_hash) {
    NoteDamage({request.key_tag, request.slot_epoch, request.version});
    reply.status = absl::DataLossError(key_share.ok() ? "its key share is not what was signed"
                                                      : key_share.status().message());
  } else {
    reply.key_share = cryptoscatter::SealKeyShare(
        **sealer, {row.share.core.Id(), row.share.index, row.share.key_share_hash},
        cryptoscatter::ReaderIdOf(request.reader_exchange_key), *key_share);
  }
  context_.Send(to, std::move(reply));
}

}  // namespace worldb::engine
