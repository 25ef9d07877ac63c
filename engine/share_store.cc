#include "engine/share_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {
namespace {

constexpr std::uint8_t kRowFormat = 1;
constexpr std::uint8_t kScriptRowFormat = 1;
constexpr std::size_t kMetadataBytesMax = 4096;
constexpr std::size_t kPairwiseKeysMax = 4096;
// A reader wants the newest few.
constexpr std::size_t kVersionsListedMax = 64;

std::string BigEndian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

using cryptoscatter::PairwiseKey;
using cryptoscatter::Share;

cryptoscatter::KeySharePlace PlaceOf(const Cell& cell, const Share& share) {
  return {share.core.Id(), share.generation, share.index, cell.node(share.index).id,
          share.key_share_hash};
}

// A share as it is written.
struct StoredForm {
  SharedBytes row;
  SharedBytes fragment;  // null when it lies in the row
};
StoredForm MakeStoredForm(const Cell& cell, const cryptoscatter::StorageKey& storage_key,
                          Share share, const cryptoscatter::KeyShare& key_share) {
  StoredForm form;
  ShareRow row;
  row.fragment_apart = share.fragment.size() > ShareRow::kFragmentInRowBytesMax;
  if (row.fragment_apart) {
    form.fragment = std::make_shared<const Bytes>(std::exchange(share.fragment, {}));
  }
  row.key_share = cryptoscatter::WrapKeyShare(storage_key, PlaceOf(cell, share), key_share);
  row.share = std::move(share);
  form.row = std::make_shared<const Bytes>(row.Encode());
  return form;
}

// Empty when the share is this node's and of this version.
std::string Misplaced(const Cell& cell, NodeIndex index, const VersionRef& version,
                      const Share& share) {
  if (share.index == index && share.core.key_tag == version.key_tag &&
      share.slot == cell.SlotOf(version.key_tag) && share.slot_epoch == version.slot_epoch &&
      share.version == version.version) {
    return {};
  }
  return absl::StrCat("share ", index.value(), " of version ", version.version.value(), " on node ",
                      cell.node(index).name, ": in its place lies share ", share.index.value(),
                      " of version ", share.version.value(),
                      share.core.key_tag == version.key_tag ? "" : " of another key");
}

// All that judging needs, by value: it may run on the pool while the node is being taken down.
struct ShareJudge {
  std::shared_ptr<const Cell> cell;
  NodeIndex index;
  const cryptoscatter::StorageKey* storage_key;  // outlives the pool's work, as NodeParts demands
  VersionRef version;
  bool with_fragment = true;

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
    if (!held.key_share.has_value()) {
      absl::StrAppend(&held.reason, held.reason.empty() ? "" : "; ", "share ", index.value(),
                      " of version ", version.version.value(), " on node ", cell->node(index).name,
                      ": its key share does not unwrap");
    }
  }
};

}  // namespace

Bytes ShareRow::Encode() const {
  ByteWriter w(1024 + share.fragment.size());
  w.U8(kRowFormat).U8(fragment_apart ? 1 : 0);
  w.Sized(share.EncodeMetadata());
  key_share.AppendTo(w);
  if (!fragment_apart) w.Raw(share.fragment);
  return std::move(w).Take();
}

absl::StatusOr<ShareRow> ShareRow::Decode(ByteSpan bytes) {
  ByteReader r(bytes);
  ShareRow row;
  if (r.U8() != kRowFormat) r.Fail("unknown format");
  const std::uint8_t apart = r.U8();
  if (apart > 1) r.Fail("flag out of range");
  row.fragment_apart = apart == 1;
  const ByteSpan metadata = r.Sized(kMetadataBytesMax);
  row.key_share = cryptoscatter::StoredKeyShare::ReadFrom(r);
  const ByteSpan fragment = r.ok() ? r.View(row.fragment_apart ? 0 : r.remaining()) : ByteSpan();
  WORLDB_RETURN_IF_ERROR(r.Finish("share row"));
  WORLDB_ASSIGN_OR_RETURN(row.share, Share::DecodeMetadata(metadata));
  row.share.fragment = ToBytes(fragment);
  return row;
}

std::string ShareRow::KeyPrefix(const KeyTag& key_tag) {
  return absl::StrCat(kFamilyPrefix, AsText(key_tag.span()));
}

std::string ShareRow::Key(const KeyTag& key_tag, SlotEpoch slot_epoch, Version version) {
  return absl::StrCat(KeyPrefix(key_tag), BigEndian(~std::uint64_t{slot_epoch.value()}, 4),
                      BigEndian(~version.value(), 8));
}

absl::StatusOr<ListedShare> ShareRow::List(ByteSpan bytes) {
  WORLDB_ASSIGN_OR_RETURN(const ShareRow row, Decode(bytes));
  return ListedShare{row.share.slot_epoch, row.share.version, row.share.core.Id(),
                     row.share.script};
}

std::optional<VersionRef> ShareRow::ParseKey(absl::string_view row_key) {
  VersionRef version;
  if (row_key.size() != 2 + version.key_tag.bytes.size() + 12) return std::nullopt;
  if (row_key.substr(0, 2) != kFamilyPrefix) return std::nullopt;
  const ByteSpan bytes = AsBytes(row_key.substr(2));
  const auto big_endian = [&bytes](std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes.subspan(at, count)) value = value << 8 | byte;
    return ~value;
  };
  std::copy_n(bytes.begin(), 16, version.key_tag.bytes.begin());
  version.slot_epoch = SlotEpoch(static_cast<std::uint32_t>(big_endian(16, 4)));
  version.version = Version(big_endian(20, 8));
  return version;
}

std::string ScriptRow::Key(const ScriptId& id) {
  return absl::StrCat(kFamilyPrefix, AsText(id.span()));
}

Bytes ScriptRow::Encode(const cryptoscatter::Script& script) {
  ByteWriter w(1 + script.text().size());
  return std::move(w.U8(kScriptRowFormat).Raw(AsBytes(script.text()))).Take();
}

absl::StatusOr<CellScripts::ScriptPtr> ScriptRow::Decode(absl::string_view row_key,
                                                         ByteSpan bytes) {
  ByteReader r(bytes);
  if (r.U8() != kScriptRowFormat) r.Fail("unknown format");
  const ByteSpan text = r.ok() ? r.View(r.remaining()) : ByteSpan();
  WORLDB_RETURN_IF_ERROR(r.Finish("script row"));
  WORLDB_ASSIGN_OR_RETURN(CellScripts::ScriptPtr script,
                          cryptoscatter::Script::Compile(AsText(text)));
  if (script->text() != AsText(text) || Key(script->id()) != row_key) {
    return absl::InvalidArgumentError("script row: it is not the canonical text of its script id");
  }
  return script;
}

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
  SharedBytes row;
  SharedBytes fragment;
  bool known = false;      // stored before: receipt again, nothing to write
  bool under_way = false;  // named in under_way_ until its commit is answered
};
// All that checking needs, by value: it may run on the pool while the node is being taken down.
struct ShareStore::Checker {
  std::shared_ptr<const Cell> cell;
  NodeIndex index;
  const cryptoscatter::StorageKey* storage_key;  // outlives the pool's work, as NodeParts demands

  void Check(IntakeItem& item, cryptoscatter::BatchVerifier& verifier) const;
};
struct ShareStore::Intake {
  NodeIndex from;
  RequestId id = 0;
  std::vector<IntakeItem> items;
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
    for (IntakeItem& item : intake->items) checker.Check(item, context_.verifier);
    Resolve(std::move(intake));
    return;
  }
  context_.executor().Offload(
      [checker, intake] {
        cryptoscatter::BatchVerifier verifier;
        for (IntakeItem& item : intake->items) checker.Check(item, verifier);
      },
      [this, intake] { Resolve(intake); });
}

void ShareStore::Checker::Check(IntakeItem& item, cryptoscatter::BatchVerifier& verifier) const {
  if (!item.status.ok()) return;
  const auto key_share = CheckDelivery(*cell, index, *item.delivery, *item.opener, verifier);
  item.status = key_share.status();
  if (!item.status.ok()) return;

  StoredForm stored = MakeStoredForm(*cell, *storage_key, item.delivery->share, *key_share);
  item.row = std::move(stored.row);
  item.fragment = std::move(stored.fragment);
}

// Looks up what is stored under the same version: the same value is a repeat, another one an alarm.
void ShareStore::Resolve(std::shared_ptr<Intake> intake) {
  std::vector<std::string> keys;
  for (const IntakeItem& item : intake->items) {
    if (item.status.ok()) keys.push_back(item.row_key);
  }
  context_.parts.store->GetMany(RowFamily::kRows, std::move(keys),
                                [this, intake](std::vector<absl::StatusOr<Bytes>> stored) {
                                  auto next = stored.begin();
                                  for (IntakeItem& item : intake->items) {
                                    if (item.status.ok()) ResolveItem(item, *next++);
                                  }
                                  Commit(intake);
                                });
}

void ShareStore::ResolveItem(IntakeItem& item, const absl::StatusOr<Bytes>& stored) {
  if (!stored.ok() && !absl::IsNotFound(stored.status())) {
    item.status = stored.status();
    return;
  }
  const CommitmentId offered = item.delivery->share.Commitment();
  std::optional<CommitmentId> present;
  if (const auto it = under_way_.find(item.row_key); it != under_way_.end()) {
    present = it->second;
  } else if (stored.ok()) {
    // A row that is damaged counts as none: it is written anew.
    const absl::StatusOr<ShareRow> row = ShareRow::Decode(*stored);
    if (row.ok()) {
      const auto key_share =
          cryptoscatter::UnwrapKeyShare(context_.parts.secrets->storage_key,
                                        PlaceOf(context_.cell(), row->share), row->key_share);
      const auto verdict = cryptoscatter::VerifyShare(
          row->share, context_.cell().id(), context_.verifier,
          key_share.ok() ? &*key_share : nullptr, {}, /*has_fragment=*/!row->fragment_apart,
          context_.cell().scripts().book());
      if (verdict.proof_ok) present = verdict.commitment;
      // What is not known to be whole is written again before a receipt says that it is held.
      item.known = present == offered && verdict.fragment_usable() && verdict.key_share_usable();
    }
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
  std::size_t fresh = 0;
  for (const IntakeItem& item : intake->items) {
    if (!item.status.ok() || item.known) continue;
    ++fresh;
    writes.push_back(StoreWrite::Put(RowFamily::kRows, item.row_key, item.row));
    if (item.fragment != nullptr) {
      writes.push_back(StoreWrite::Put(RowFamily::kBlobs, item.row_key, item.fragment));
    }
    AddScriptRow(item.delivery->share.script, writes, scripts);
  }
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
            if (const auto listed = ShareRow::List(row.value); listed.ok()) {
              reply.shares.push_back(*listed);
            }
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
  context_.parts.store->Get(
      RowFamily::kRows, key, [this, from, request, key, fail](absl::StatusOr<Bytes> bytes) {
        const VersionRef version{request.key_tag, request.slot_epoch, request.version};
        if (absl::IsDataLoss(bytes.status())) NoteDamage(version);
        if (!bytes.ok()) return fail(bytes.status());
        absl::StatusOr<ShareRow> row = ShareRow::Decode(*bytes);
        const std::string wrong =
            row.ok() ? Misplaced(context_.cell(), context_.index(), version, row->share)
                     : std::string(row.status().message());
        if (!wrong.empty()) {
          NoteDamage(version);
          return fail(absl::DataLossError(wrong));
        }
        if (!row->fragment_apart) return Answer(from, request, *row);
        auto held = std::make_shared<ShareRow>(*std::move(row));
        context_.parts.store->Get(
            RowFamily::kBlobs, key,
            [this, from, request, version, held](absl::StatusOr<Bytes> fragment) {
              // Without its fragment the key share may still be what is missing.
              if (fragment.ok()) {
                held->share.fragment = *std::move(fragment);
              } else {
                NoteDamage(version);
              }
              Answer(from, request, *held);
            });
      });
}

void ShareStore::Inspect(const VersionRef& version, bool with_fragment,
                         std::function<void(HeldShare)> done) {
  const std::string key = ShareRow::Key(version);
  context_.parts.store->Get(
      RowFamily::kRows, key,
      [this, version, with_fragment, key, done = std::move(done)](absl::StatusOr<Bytes> bytes) {
        auto held = std::make_shared<HeldShare>();
        held->row = bytes.status();
        absl::StatusOr<ShareRow> row = bytes.ok() ? ShareRow::Decode(*bytes) : bytes.status();
        if (!row.ok()) {
          if (bytes.ok()) held->row = absl::DataLossError(row.status().message());
          held->reason = absl::StrCat(
              "share ", context_.index().value(), " of version ", version.version.value(),
              " on node ", context_.cell().node(context_.index()).name, ": ",
              absl::IsNotFound(held->row) ? "missing" : row.status().message());
          return done(std::move(*held));
        }
        held->share = std::move(row->share);
        held->stored_key_share = row->key_share;
        if (!row->fragment_apart || !with_fragment) {
          return Judge(version, with_fragment, held, done);
        }
        context_.parts.store->Get(RowFamily::kBlobs, key,
                                  [this, version, held, done](absl::StatusOr<Bytes> fragment) {
                                    // Without it the fragment is empty, and judged as such.
                                    if (fragment.ok()) held->share.fragment = *std::move(fragment);
                                    if (!fragment.ok() && !absl::IsNotFound(fragment.status()) &&
                                        !absl::IsDataLoss(fragment.status())) {
                                      held->row = fragment.status();
                                      return done(std::move(*held));
                                    }
                                    Judge(version, /*with_fragment=*/true, held, done);
                                  });
      });
}

void ShareStore::Judge(const VersionRef& version, bool with_fragment,
                       std::shared_ptr<HeldShare> held, std::function<void(HeldShare)> done) {
  const ShareJudge judge{context_.parts.cell, context_.index(),
                         &context_.parts.secrets->storage_key, version, with_fragment};
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
  const CommitmentId commitment = share.Commitment();
  const std::string key = ShareRow::Key(version);
  const ScriptId script = share.script;
  if (!under_way_.emplace(key, commitment).second) {
    return done(absl::UnavailableError("the share is being written"));
  }
  const StoredForm stored = MakeStoredForm(context_.cell(), context_.parts.secrets->storage_key,
                                           std::move(share), key_share);
  const auto end = [this, key, done = std::move(done)](absl::Status status) {
    under_way_.erase(key);
    if (status.ok()) ++stored_count_;
    if (status.ok()) store_status_ = status;
    done(std::move(status));
  };
  Inspect(version, /*with_fragment=*/false,
          [this, key, commitment, script, stored, end](HeldShare held) {
            if (held.metadata_ok && held.share.Commitment() != commitment) {
              return end(absl::AlreadyExistsError("a good share of another value is stored"));
            }
            std::vector<StoreWrite> writes = {StoreWrite::Put(RowFamily::kRows, key, stored.row)};
            writes.push_back(stored.fragment != nullptr
                                 ? StoreWrite::Put(RowFamily::kBlobs, key, stored.fragment)
                                 : StoreWrite::Delete(RowFamily::kBlobs, key));
            std::set<ScriptId> scripts;
            AddScriptRow(script, writes, scripts);
            context_.parts.store->Commit(std::move(writes), /*sync=*/true, end);
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
