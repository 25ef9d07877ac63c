// Reads the shares a node has stored, puts them together again, and judges them.
//
// A share row leaves out what its script, its batch and its fragment say (share_rows.h). Whoever is served
// takes the proof of a batch from memory where it lies there; whoever looks for damage, or is about to
// write, takes it from the disk.
// Errors:  an error of the store that says nothing of the row is passed on; what the row says is in
//          CompletedRow and HeldShare.
// Threads: its node's executor.
// Source:  docs/share-format.md section 16; docs/decisions/014-compact-rows.md.
#ifndef WORLDB_ENGINE_SHARES_SHARE_READER_H_
#define WORLDB_ENGINE_SHARES_SHARE_READER_H_

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/records.h"
#include "engine/context/node_self.h"
#include "engine/ports/store.h"
#include "engine/rows/share_rows.h"
#include "engine/shares/batch_rows.h"
#include "engine/shares/held_share.h"

namespace worldb::engine {

// A row that was read, with whatever proof there is.
struct CompletedRow {
  ShareRow row;
  absl::Status share;  // InvalidArgument: it is no share of this cell, and nothing of it counts
  // InvalidArgument: it has none where it was looked for. The row has that in memory then, if there
  // is one: it tells what the share is, not that the rows are whole.
  absl::Status proof;
};

class ShareReader {
 public:
  ShareReader(NodeSelf& self, Store& store, const cryptoscatter::StorageKey& storage_key,
              cryptoscatter::BatchVerifier& verifier, BatchRows& batches)
      : self_(self),
        store_(store),
        storage_key_(storage_key),
        verifier_(verifier),
        batches_(batches) {}

  // All but the proof, where that lies in a batch row. InvalidArgument: it is no share of this cell.
  absl::Status CompleteWithoutProof(ShareRow& row) const;
  // The error is the store's.
  void Complete(std::vector<ShareRow> rows, BatchRows::From from,
                std::function<void(absl::StatusOr<std::vector<CompletedRow>>)> done);

  // Of which versions of keys from `first` to `last`, by tag, there is a row at all. DataLoss when some row
  // cannot be read: nothing is known of the others then.
  void FindRows(const KeyTag& first, const KeyTag& last,
                std::function<void(absl::StatusOr<std::set<VersionRef>>)> done);

  // Reads and judges what is on the disk of a version; without its fragment if so asked.
  void Inspect(const VersionRef& version, bool with_fragment, std::function<void(HeldShare)> done);

 private:
  // The steps of Inspect(), in this order.
  struct Inspection;
  using InspectionPtr = std::shared_ptr<Inspection>;
  void TakeRow(const InspectionPtr& inspection, absl::StatusOr<Bytes> bytes);
  void TakeCompleted(const InspectionPtr& inspection, CompletedRow completed);
  void TakeFragment(const InspectionPtr& inspection, absl::StatusOr<Bytes> fragment);
  void Judge(const InspectionPtr& inspection);
  void EndUnusable(const InspectionPtr& inspection, const absl::Status& row) const;

  NodeSelf& self_;
  Store& store_;
  const cryptoscatter::StorageKey& storage_key_;
  cryptoscatter::BatchVerifier& verifier_;
  BatchRows& batches_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SHARE_READER_H_
