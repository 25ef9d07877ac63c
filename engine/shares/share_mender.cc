#include "engine/shares/share_mender.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/shares/stored_form.h"

namespace worldb::engine {

using cryptoscatter::BatchRef;

struct ShareMender::Mending {
  StoredForm form;
  std::string row_key;
  BatchRows::BatchPtrs held_batches;
  std::function<void(absl::Status)> done;
};

void ShareMender::Mend(cryptoscatter::Share share, const cryptoscatter::KeyShare& key_share,
                       std::function<void(absl::Status)> done) {
  const VersionRef version{share.core.key_tag, share.slot_epoch, share.version};
  const std::string row_key = ShareRow::Key(version);
  const CoreId core = share.core.Id();
  const CommitmentId commitment = share.Commitment();
  const BatchRef batch = cryptoscatter::BatchRefOf(share.core.cell, share.proof, commitment);
  if (!writes_.Keep(row_key, commitment)) {
    return done(absl::UnavailableError("the share is being written"));
  }
  const auto mending = std::make_shared<Mending>();
  mending->form = StoredForm::Make(self_.cell(), storage_key_, std::move(share),
                                   {core, commitment, batch, key_share.Duplicate()});
  mending->row_key = row_key;
  mending->done = std::move(done);
  if (const auto& ref = mending->form.batch; ref.has_value()) {
    mending->held_batches[*ref] = batches_.Hold(*ref);
  }
  reader_.Inspect(version, /*with_fragment=*/false,
                  [this, mending](const HeldShare& held) { TakeHeld(mending, held); });
}

void ShareMender::TakeHeld(const MendingPtr& mending, const HeldShare& held) {
  if (held.unread()) return End(mending, held.row);
  const CommitmentId& commitment = mending->form.commitment;
  if (held.proved.value_or(commitment) != commitment) {
    return End(mending, absl::AlreadyExistsError("a good share of another value is stored"));
  }
  std::set<BatchRef> refs;
  if (const auto& ref = mending->form.batch; ref.has_value()) refs.insert(*ref);
  batches_.Read(refs, BatchRows::From::kDisk,
                [this, mending](const absl::StatusOr<BatchRows::Parts>& read) {
                  if (!read.ok()) return End(mending, read.status());
                  Commit(mending);
                });
}

void ShareMender::Commit(const MendingPtr& mending) {
  StoredForm& form = mending->form;
  std::vector<StoreWrite> writes;
  for (const auto& [ref, batch] : mending->held_batches) {
    BatchRows::Place(form.row, ref, *batch, form.commitment);
    if (form.row.batch.has_value()) writes.push_back(PutBatchRow(ref, *batch));
  }
  if (form.fragment == nullptr) {
    writes.push_back(StoreWrite::Delete(RowFamily::kBlobs, mending->row_key));
  }
  form.AppendTo(writes, mending->row_key);
  std::set<ScriptId> scripts;
  writes_.AppendScript(form.row.share.script, writes, scripts);
  store_.Commit(std::move(writes), /*sync=*/true,
                [this, mending](absl::Status status) { End(mending, std::move(status)); });
}

void ShareMender::End(const MendingPtr& mending, absl::Status status) {
  batches_.LetGo(mending->held_batches);
  writes_.LetGo(mending->row_key);
  if (status.ok()) writes_.NoteShares(1, status);
  mending->done(std::move(status));
}

}  // namespace worldb::engine
