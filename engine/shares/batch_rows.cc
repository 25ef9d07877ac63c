#include "engine/shares/batch_rows.h"

#include <string>
#include <utility>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {

using cryptoscatter::BatchPart;
using cryptoscatter::BatchRef;

BatchRows::BatchPtr BatchRows::Hold(const BatchRef& ref) {
  if (const auto it = batches_.find(ref); it != batches_.end()) {
    it->second.used = ++uses_;
    return it->second.batch;
  }
  Shrink(kBatchesMax - 1);
  const auto batch = std::make_shared<Batch>();
  batches_[ref] = {batch, ++uses_};
  return batch;
}

void BatchRows::LetGo(BatchPtrs& held) {
  held.clear();
  Shrink(kBatchesMax);
}

void BatchRows::Shrink(std::size_t count_max) {
  while (batches_.size() > count_max) {
    auto oldest = batches_.end();
    for (auto it = batches_.begin(); it != batches_.end(); ++it) {
      if (it->second.batch.use_count() > 1) continue;
      if (oldest == batches_.end() || it->second.used < oldest->second.used) oldest = it;
    }
    if (oldest == batches_.end()) return;
    batches_.erase(oldest);
  }
}

absl::StatusOr<BatchRows::PartPtr> BatchRows::Load(const BatchRef& ref, Batch& batch,
                                                   const absl::StatusOr<Bytes>& row) {
  if (!row.ok() && !IsMissingOrDamaged(row.status())) return row.status();
  batch.loaded = true;
  if (!row.ok()) return nullptr;
  if (batch.part != nullptr && BatchRow::Encode(*batch.part) == *row) return batch.part;
  std::shared_ptr<BatchPart> part = Judge(ref, *row);
  if (part != nullptr) Learn(batch, part);
  return part;
}

void BatchRows::Learn(Batch& batch, std::shared_ptr<BatchPart> part) {
  if (batch.part == nullptr) {
    batch.part = std::move(part);
    return;
  }
  bool more = false;
  for (std::uint32_t i = 0; i < part->count(); ++i) {
    if (!part->Holds(i) || batch.part->Holds(i)) continue;
    // It fails where two batches have one reference.
    more |= batch.part->Add(part->cell(), part->ProofOf(i), part->Member(i)).ok();
  }
  if (more) ++batch.learned;
}

std::shared_ptr<BatchPart> BatchRows::Judge(const BatchRef& ref, ByteSpan row) {
  auto part = BatchRow::Decode(BatchRow::Key(ref), row);
  if (!part.ok()) return nullptr;
  // Its hashes are what the reference was made of; the signature is not under it.
  const std::uint32_t member = part->first_held();
  if (!verifier_.VerifyCommit(part->ProofOf(member), cell_.id(), part->Member(member)).ok()) {
    return nullptr;
  }
  return std::make_shared<BatchPart>(*std::move(part));
}

void BatchRows::Place(ShareRow& row, const BatchRef& ref, Batch& batch,
                      const CommitmentId& commitment) {
  WORLDB_CHECK(batch.loaded);
  const CellId& cell = row.share.core.cell;
  if (batch.part == nullptr) {
    batch.part = std::make_shared<BatchPart>(BatchPart::Of(cell, row.share.proof, commitment));
  }
  const bool placed = batch.part->Add(cell, row.share.proof, commitment).ok();
  row.batch = placed ? std::optional(ref) : std::nullopt;
}

void BatchRows::Read(const std::set<BatchRef>& refs, From from,
                     std::function<void(absl::StatusOr<Parts>)> done) {
  Parts parts;
  BatchPtrs asked;
  std::vector<std::string> keys;
  for (const BatchRef& ref : refs) {
    const BatchPtr batch = Hold(ref);
    if (from == From::kMemory && batch->known()) {
      parts[ref] = {batch->part, batch->part};
    } else {
      asked[ref] = batch;
      keys.push_back(BatchRow::Key(ref));
    }
  }
  if (keys.empty()) return done(std::move(parts));
  store_.GetMany(RowFamily::kRows, std::move(keys),
                 [this, parts = std::move(parts), asked = std::move(asked),
                  done = std::move(done)](const std::vector<absl::StatusOr<Bytes>>& rows) mutable {
                   absl::Status status;
                   auto row = rows.begin();
                   for (const auto& [ref, batch] : asked) {
                     absl::StatusOr<PartPtr> part = Load(ref, *batch, *row++);
                     status.Update(part.status());
                     if (part.ok()) parts[ref] = {*std::move(part), batch->part};
                   }
                   LetGo(asked);
                   if (!status.ok()) return done(status);
                   done(std::move(parts));
                 });
}

}  // namespace worldb::engine
