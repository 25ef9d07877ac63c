#include "engine/shares/share_intake.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/shares/delivery_check.h"
#include "engine/shares/stored_form.h"
#include "engine/shares/verify_or_offload.h"

namespace worldb::engine {
namespace {

using cryptoscatter::BatchRef;
using cryptoscatter::BatchVerifier;
using cryptoscatter::Share;

// One delivery on its way.
struct Item {
  std::shared_ptr<const ShareDelivery> delivery;
  PairwiseKeys::KeyPtr opener;
  absl::Status status;
  std::string row_key;
  // Set when the share is found good.
  std::optional<StoredForm> form;
  CoreId core;                 // once it is checked
  bool writers_fault = false;  // its key share is not what was signed
  bool known = false;          // stored before: receipt again, nothing to write
  bool kept = false;           // its row, until the commit is answered
};

// All that checking needs, by value: it may run on the pool while the node is being taken down.
struct Checker {
  std::shared_ptr<const Cell> cell;
  NodeIndex index;
  const cryptoscatter::StorageKey* storage_key;  // outlives the pool's work, as NodeParts demands

  void Check(Item& item, BatchVerifier& verifier) const {
    const auto checked = CheckDelivery(*cell, index, *item.delivery, *item.opener, verifier);
    item.status = checked.status();
    item.writers_fault = absl::IsDataLoss(item.status);
    if (!item.status.ok()) return;
    item.core = checked->core;
    item.form = StoredForm::Make(*cell, *storage_key, item.delivery->share, *checked);
  }
  void Check(std::vector<Item>& items, BatchVerifier& verifier) const {
    for (Item& item : items) {
      if (item.status.ok()) Check(item, verifier);
    }
  }
};

}  // namespace

// One call on its way in. Its steps stand in the order they are gone through; each begins the next one
// when what it asked for is there. Only Check() leaves the executor, and takes the items alone along.
class ShareIntake::Call : public std::enable_shared_from_this<Call> {
 public:
  Call(ShareIntake& intake, NodeIndex from, RequestId id, Load load)
      : intake_(intake), from_(from), id_(id), load_(load) {
    items_.reserve(load.deliveries);
  }

  void Add(std::shared_ptr<const ShareDelivery> delivery);
  void Check();

 private:
  void LookUp();
  void TakeRows(const std::vector<absl::StatusOr<Bytes>>& rows);
  void TakeStored(absl::StatusOr<std::vector<CompletedRow>> stored);
  void Commit();
  void Answer(const absl::Status& committed);

  void LoadBatch(const BatchRef& ref, const absl::StatusOr<Bytes>& row);
  // Null where nothing is stored that counts.
  void Resolve(Item& item, const CompletedRow* stored);
  void Conflict(Item& item, const CommitmentId& present);
  // The value that is stored of it; says of the item whether it is known.
  std::optional<CommitmentId> Judge(Item& item, const CompletedRow& stored);
  void Append(Item& item, std::vector<StoreWrite>& writes);
  void NoteWritten();

  ShareIntake& intake_;
  const NodeIndex from_;
  const RequestId id_;
  const Load load_;
  std::vector<Item> items_;
  BatchRows::BatchPtrs batches_;        // held until the commit is answered
  std::vector<BatchRef> batches_read_;  // in the order of their rows, behind those of the items
  std::vector<Item*> stored_;           // of which a row was found
  // Being committed.
  std::size_t fresh_count_ = 0;
  std::set<ScriptId> scripts_;
  std::map<BatchRef, std::uint64_t> grown_;  // and what had been learned of it
};

ShareIntake::Load ShareIntake::LoadOf(const PutShares& request) {
  // A call without a delivery is on its way, too.
  Load load{std::max<std::size_t>(request.deliveries.size(), 1), 0};
  for (const std::shared_ptr<const ShareDelivery>& delivery : request.deliveries) {
    if (delivery != nullptr) load.bytes += delivery->share.fragment.size();
  }
  return load;
}

void ShareIntake::Take(NodeIndex from, PutShares request) {
  const Load load = LoadOf(request);
  Load& under_way = under_way_[from.value()];
  if (under_way.deliveries + load.deliveries > kDeliveriesUnderWayMax ||
      under_way.bytes + load.bytes > kBytesUnderWayMax) {
    return Refuse(from, request);
  }
  under_way.deliveries += load.deliveries;
  under_way.bytes += load.bytes;
  const auto call = std::make_shared<Call>(*this, from, request.id, load);
  for (std::shared_ptr<const ShareDelivery>& delivery : request.deliveries) {
    call->Add(std::move(delivery));
  }
  call->Check();
}

void ShareIntake::Refuse(NodeIndex to, const PutShares& request) const {
  PutSharesReply reply;
  reply.id = request.id;
  for (std::size_t i = 0; i < request.deliveries.size(); ++i) {
    reply.refusals.push_back(
        {.delivery = static_cast<std::uint32_t>(i),
         .reason = "too many shares are on their way in; offer it again later"});
  }
  self_.Send(to, std::move(reply));
}

void ShareIntake::Call::Add(std::shared_ptr<const ShareDelivery> delivery) {
  Item& item = items_.emplace_back();
  if (delivery == nullptr) {
    item.status = absl::InvalidArgumentError("a delivery without a share");
    return;
  }
  const Share& share = delivery->share;
  item.row_key = ShareRow::Key(share.core.key_tag, share.slot_epoch, share.version);
  const Cell& cell = intake_.self_.cell();
  const DataCenterIndex home = cell.HomeOf(share.slot);  // which is compared with the key's
  if (DataCenterOf(from_) != home) {
    item.status =
        absl::PermissionDeniedError(absl::StrCat("the key's home is ", cell.data_center_name(home),
                                                 ": only its nodes hand out shares of it"));
  } else if (share.index != intake_.self_.index()) {
    item.status = absl::InvalidArgumentError(absl::StrCat(
        "share ", share.index.value(), " was handed to node ", intake_.self_.index().value()));
  } else if (auto key = intake_.keys_.OpenerKey(delivery->writer_exchange_key); key.ok()) {
    item.opener = *std::move(key);
  } else {
    item.status = key.status();
  }
  item.delivery = std::move(delivery);
}

void ShareIntake::Call::Check() {
  const Checker checker{intake_.self_.shared_cell(), intake_.self_.index(),
                        &intake_.secrets_.storage_key};
  const auto call = shared_from_this();
  VerifyOrOffload(
      intake_.self_.executor(), load_.bytes, intake_.verifier_,
      [checker, call](BatchVerifier& verifier) { checker.Check(call->items_, verifier); },
      [call] { call->LookUp(); });
}

// Looks up what is stored under the same versions, and the batches it is about to write. From here on
// nobody writes another value into their rows: what is read now may be old by the time it is here.
void ShareIntake::Call::LookUp() {
  std::vector<std::string> keys;
  for (Item& item : items_) {
    if (!item.status.ok()) continue;
    const CommitmentId& offered = item.form->commitment;
    item.kept = intake_.writes_.Keep(item.row_key, offered);
    if (const auto present = intake_.writes_.UnderWay(item.row_key); present != offered) {
      Conflict(item, *present);
      continue;
    }
    keys.push_back(item.row_key);
    if (item.form->batch.has_value())
      batches_[*item.form->batch] = intake_.batches_.Hold(*item.form->batch);
  }
  for (const auto& [ref, batch] : batches_) {
    if (batch->known()) continue;
    batches_read_.push_back(ref);
    keys.push_back(BatchRow::Key(ref));
  }
  intake_.store_.GetMany(
      RowFamily::kRows, std::move(keys),
      [call = shared_from_this()](const std::vector<absl::StatusOr<Bytes>>& rows) {
        call->TakeRows(rows);
      });
}

void ShareIntake::Call::TakeRows(const std::vector<absl::StatusOr<Bytes>>& rows) {
  std::vector<ShareRow> found;
  auto next = rows.begin();
  for (Item& item : items_) {
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
      Resolve(item, nullptr);
    } else {
      found.push_back(*std::move(row));
      stored_.push_back(&item);
    }
  }
  for (const BatchRef& ref : batches_read_) LoadBatch(ref, *next++);
  intake_.reader_.Complete(
      std::move(found), BatchRows::From::kDisk,
      [call = shared_from_this()](absl::StatusOr<std::vector<CompletedRow>> stored) {
        call->TakeStored(std::move(stored));
      });
}

void ShareIntake::Call::LoadBatch(const BatchRef& ref, const absl::StatusOr<Bytes>& row) {
  const auto loaded = intake_.batches_.Load(ref, *batches_[ref], row);
  if (loaded.ok()) return;
  for (Item& item : items_) {
    if (item.status.ok() && item.form->batch == ref) item.status = loaded.status();
  }
}

void ShareIntake::Call::TakeStored(absl::StatusOr<std::vector<CompletedRow>> stored) {
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    Item& item = *stored_[i];
    if (!item.status.ok()) continue;
    if (!stored.ok()) {
      item.status = stored.status();
    } else {
      const CompletedRow& one = (*stored)[i];
      Resolve(item, one.share.ok() ? &one : nullptr);
    }
  }
  Commit();
}

// The same value is a repeat, another one an alarm.
void ShareIntake::Call::Resolve(Item& item, const CompletedRow* stored) {
  if (stored == nullptr) return;
  const std::optional<CommitmentId> present = Judge(item, *stored);
  if (present.has_value() && *present != item.form->commitment) Conflict(item, *present);
}

void ShareIntake::Call::Conflict(Item& item, const CommitmentId& present) {
  ++intake_.core_conflict_count_;
  item.status = absl::AlreadyExistsError(
      absl::StrCat("version ", item.delivery->share.version.value(),
                   " is already stored with another value, ", present.Hex().substr(0, 16),
                   ", offered ", item.form->commitment.Hex().substr(0, 16), "; ask an auditor"));
}

std::optional<CommitmentId> ShareIntake::Call::Judge(Item& item, const CompletedRow& stored) {
  const ShareRow& row = stored.row;
  const Cell& cell = intake_.self_.cell();
  const auto key_share = cryptoscatter::UnwrapKeyShare(intake_.secrets_.storage_key,
                                                       PlaceOf(cell, row.share), row.key_share);
  const auto verdict = cryptoscatter::VerifyShare(
      row.share, cell.id(), intake_.verifier_, key_share.ok() ? &*key_share : nullptr, {},
      /*has_fragment=*/!row.fragment_apart, cell.scripts().book());
  if (!verdict.proof_ok) return std::nullopt;
  // What is not known to be whole is written again before a receipt says that it is held.
  item.known = stored.proof.ok() && verdict.commitment == item.form->commitment &&
               verdict.fragment_usable() && verdict.key_share_usable();
  return verdict.commitment;
}

void ShareIntake::Call::Commit() {
  std::vector<StoreWrite> writes;
  for (Item& item : items_) {
    if (item.status.ok()) Append(item, writes);
  }
  for (const auto& [ref, learned] : grown_) writes.push_back(PutBatchRow(ref, *batches_[ref]));
  // An empty commit still comes back after everything committed before it.
  intake_.store_.Commit(
      std::move(writes), /*sync=*/true,
      [call = shared_from_this()](const absl::Status& committed) { call->Answer(committed); });
}

void ShareIntake::Call::Append(Item& item, std::vector<StoreWrite>& writes) {
  StoredForm& form = *item.form;
  if (item.form->batch.has_value()) {
    BatchRows::Batch& batch = *batches_[*item.form->batch];
    BatchRows::Place(form.row, *item.form->batch, batch, form.commitment);
    if (form.row.batch.has_value() && (!item.known || batch.learned > batch.learned_written)) {
      grown_[*item.form->batch] = batch.learned;
    }
  }
  if (item.known) return;
  ++fresh_count_;
  form.AppendTo(writes, item.row_key);
  intake_.writes_.AppendScript(form.row.share.script, writes, scripts_);
}

void ShareIntake::Call::Answer(const absl::Status& committed) {
  if (committed.ok()) NoteWritten();
  if (fresh_count_ > 0) intake_.writes_.NoteShares(fresh_count_, committed);
  intake_.batches_.LetGo(batches_);
  PutSharesReply reply;
  reply.id = id_;
  std::vector<cryptoscatter::ReceiptClaim> claims;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    if (item.kept) intake_.writes_.LetGo(item.row_key);
    const absl::Status& failed = item.status.ok() ? committed : item.status;
    if (failed.ok()) {
      claims.push_back(item.delivery->share.Claim(item.core));
    } else {
      ShareRefusal& refusal = reply.refusals.emplace_back();
      refusal.delivery = static_cast<std::uint32_t>(i);
      refusal.reason = std::string(failed.message());
      if (item.writers_fault) {
        refusal.writers_fault = cryptoscatter::SignRefusal(
            intake_.secrets_.signing, intake_.self_.cell().id(),
            {item.delivery->share.Claim(),
             cryptoscatter::DeliveredHash(item.delivery->writer_exchange_key,
                                          item.delivery->key_share)});
      }
    }
  }
  reply.receipts =
      cryptoscatter::SignClaims(intake_.secrets_.signing, intake_.self_.cell().id(), claims);
  Load& under_way = intake_.under_way_[from_.value()];
  under_way.deliveries -= load_.deliveries;
  under_way.bytes -= load_.bytes;
  intake_.self_.Send(from_, std::move(reply));
}

void ShareIntake::Call::NoteWritten() {
  intake_.writes_.NoteScripts(scripts_);
  for (const auto& [ref, learned] : grown_) {
    std::uint64_t& written = batches_[ref]->learned_written;
    written = std::max(written, learned);
  }
}

}  // namespace worldb::engine
