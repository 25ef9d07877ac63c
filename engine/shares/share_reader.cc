#include "engine/shares/share_reader.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/key_order.h"
#include "engine/rows/row_pages.h"
#include "engine/shares/verify_or_offload.h"

namespace worldb::engine {
namespace {

// Rows as large as they get, 4 KiB and more: half a megabyte at a time.
constexpr std::size_t kFindPageRows = 128;

// Gives `completed` the proof that its batch row has, or says why there is none.
void TakeProof(CompletedRow& completed, const BatchRows::Found& found) {
  ShareRow& row = completed.row;
  completed.proof =
      found.part != nullptr
          ? row.TakeProof(*found.part)
          : absl::InvalidArgumentError(absl::StrCat("the row of its batch, ", row.batch->Hex(),
                                                    ", is missing or damaged"));
  if (!completed.proof.ok() && found.in_memory != nullptr) {
    // Then it says nothing of the share, either.
    row.TakeProof(*found.in_memory).IgnoreError();
  }
}

}  // namespace

absl::Status ShareReader::CompleteWithoutProof(ShareRow& row) const {
  const auto script = self_.cell().scripts().book().Find(row.script);
  if (!script.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("share row: ", script.status().message()));
  }
  return row.Complete(self_.cell().id(), **script);
}

void ShareReader::FindRows(const KeyTag& first, const KeyTag& last,
                           std::function<void(absl::StatusOr<std::set<VersionRef>>)> done) {
  const RowRange range{RowFamily::kRows, ShareRow::KeyPrefix(first),
                       PrefixEnd(ShareRow::KeyPrefix(last))};
  auto found = std::make_shared<std::set<VersionRef>>();
  ReadPages(
      store_, range, kFindPageRows,
      [found](std::vector<StoreRow>& rows) {
        for (const StoreRow& row : rows) {
          if (const auto version = ShareRow::ParseKey(row.key)) found->insert(*version);
        }
        return absl::OkStatus();
      },
      [found, done = std::move(done)](const absl::Status& status) {
        if (!status.ok()) return done(status);
        done(std::move(*found));
      });
}

void ShareReader::Complete(std::vector<ShareRow> rows, BatchRows::From from,
                           std::function<void(absl::StatusOr<std::vector<CompletedRow>>)> done) {
  std::vector<CompletedRow> completed;
  std::set<cryptoscatter::BatchRef> refs;
  for (ShareRow& row : rows) {
    const absl::Status share = CompleteWithoutProof(row);
    if (row.batch.has_value()) refs.insert(*row.batch);
    completed.push_back({std::move(row), share, absl::OkStatus()});
  }
  auto take_parts = [completed = std::move(completed), done = std::move(done)](
                        const absl::StatusOr<BatchRows::Parts>& parts) mutable {
    if (!parts.ok()) return done(parts.status());
    for (CompletedRow& one : completed) {
      if (one.row.batch.has_value()) TakeProof(one, parts->at(*one.row.batch));
    }
    done(std::move(completed));
  };
  batches_.Read(refs, from, std::move(take_parts));
}

struct ShareReader::Inspection {
  const VersionRef version;
  const bool with_fragment;
  const std::function<void(HeldShare)> done;
  absl::Status proof;
  HeldShare held;
};

void ShareReader::Inspect(const VersionRef& version, bool with_fragment,
                          std::function<void(HeldShare)> done) {
  const auto inspection = std::make_shared<Inspection>(
      Inspection{version, with_fragment, std::move(done), absl::OkStatus(), HeldShare()});
  store_.Get(
      RowFamily::kRows, ShareRow::Key(version),
      [this, inspection](absl::StatusOr<Bytes> bytes) { TakeRow(inspection, std::move(bytes)); });
}

void ShareReader::TakeRow(const InspectionPtr& inspection, absl::StatusOr<Bytes> bytes) {
  if (!bytes.ok()) return EndUnusable(inspection, bytes.status());
  absl::StatusOr<ShareRow> row = ShareRow::Decode(ShareRow::Key(inspection->version), *bytes);
  if (!row.ok()) return EndUnusable(inspection, absl::DataLossError(row.status().message()));
  Complete({*std::move(row)}, BatchRows::From::kDisk,
           [this, inspection](absl::StatusOr<std::vector<CompletedRow>> completed) {
             if (!completed.ok()) return EndUnusable(inspection, completed.status());
             TakeCompleted(inspection, std::move(completed->front()));
           });
}

void ShareReader::TakeCompleted(const InspectionPtr& inspection, CompletedRow completed) {
  if (!completed.share.ok()) {
    return EndUnusable(inspection, absl::DataLossError(completed.share.message()));
  }
  inspection->proof = completed.proof;
  inspection->held.stored_key_share = completed.row.key_share;
  inspection->held.share = std::move(completed.row.share);
  if (!completed.row.fragment_apart || !inspection->with_fragment) return Judge(inspection);
  store_.Get(RowFamily::kBlobs, ShareRow::Key(inspection->version),
             [this, inspection](absl::StatusOr<Bytes> fragment) {
               TakeFragment(inspection, std::move(fragment));
             });
}

void ShareReader::TakeFragment(const InspectionPtr& inspection, absl::StatusOr<Bytes> fragment) {
  HeldShare& held = inspection->held;
  if (!fragment.ok() && !IsMissingOrDamaged(fragment.status())) {
    held.row = fragment.status();
    return inspection->done(std::move(held));
  }
  // Without it the fragment is empty, and judged as such.
  if (fragment.ok()) held.share.fragment = *std::move(fragment);
  Judge(inspection);
}

void ShareReader::Judge(const InspectionPtr& inspection) {
  const ShareJudge judge{
      self_.shared_cell(),       self_.index(),    &storage_key_, inspection->version,
      inspection->with_fragment, inspection->proof};
  VerifyOrOffload(
      self_.executor(), inspection->held.share.fragment.size(), verifier_,
      [judge, inspection](cryptoscatter::BatchVerifier& verifier) {
        judge.Judge(inspection->held, verifier);
      },
      [inspection] { inspection->done(std::move(inspection->held)); });
}

void ShareReader::EndUnusable(const InspectionPtr& inspection, const absl::Status& row) const {
  inspection->done(HeldShare::Unusable(self_.cell(), self_.index(), inspection->version, row));
}

}  // namespace worldb::engine
