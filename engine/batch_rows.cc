#include "engine/batch_rows.h"

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
  MakeRoom();
  const auto batch = std::make_shared<Batch>();
  batches_[ref] = {batch, ++uses_};
  return batch;
}

void BatchRows::MakeRoom() {
  if (batches_.size() < kBatchesMax) return;
  auto oldest = batches_.end();
  for (auto it = batches_.begin(); it != batches_.end(); ++it) {
    const bool held = it->second.batch.use_count() > 1;
    if (!held && (oldest == batches_.end() || it->second.used < oldest->second.used)) oldest = it;
  }
  if (oldest != batches_.end()) batches_.erase(oldest);
}

absl::Status BatchRows::Load(const BatchRef& ref, Batch& batch, const absl::StatusOr<Bytes>& row) {
  if (batch.loaded) return absl::OkStatus();
  if (!row.ok() && !absl::IsNotFound(row.status()) && !absl::IsDataLoss(row.status())) {
    return row.status();
  }
  if (row.ok()) batch.part = Judge(ref, *row);
  batch.loaded = true;
  return absl::OkStatus();
}

std::shared_ptr<BatchPart> BatchRows::Judge(const BatchRef& ref, ByteSpan row) {
  auto part = BatchRow::Decode(BatchRow::Key(ref), row);
  if (!part.ok()) return nullptr;
  // Its hashes are what the reference was made of; the signature is not under it.
  const std::uint32_t member = part->first_held();
  if (!context_.verifier
           .VerifyCommit(part->ProofOf(member), context_.cell().id(), part->Member(member))
           .ok()) {
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
    if (from == From::kMemory && batch->loaded && batch->part != nullptr) {
      parts[ref] = batch->part;
    } else {
      asked[ref] = batch;
      keys.push_back(BatchRow::Key(ref));
    }
  }
  if (keys.empty()) return done(std::move(parts));
  context_.parts.store->GetMany(
      RowFamily::kRows, std::move(keys),
      [this, parts = std::move(parts), asked = std::move(asked),
       done = std::move(done)](std::vector<absl::StatusOr<Bytes>> rows) mutable {
        auto row = rows.begin();
        for (const auto& [ref, batch] : asked) {
          if (const absl::Status read = Load(ref, *batch, *row); !read.ok()) return done(read);
          std::shared_ptr<const BatchPart>& part = parts[ref];
          if (row->ok()) {
            const bool same = batch->part != nullptr && BatchRow::Encode(*batch->part) == **row;
            part = same ? batch->part : Judge(ref, **row);
          }
          ++row;
        }
        done(std::move(parts));
      });
}

}  // namespace worldb::engine
