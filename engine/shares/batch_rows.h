// The batch rows of one node's store: where most of its share rows have their proofs.
//
// A batch row grows as shares of its batch arrive, and each commit that writes share rows of a batch
// writes its row with them. Whoever is about to write *holds* the batch from before its row is read
// until the commit is answered, and all who do see one and the same. So of two commits in flight the
// later row has all members of the earlier, whether that one fails or not. What a commit that failed
// left on the disk may show later, when the batch is in memory without it: whatever is read of a row
// that is good goes into memory too, and who promises a share out of such rows writes the row again, as
// a commit in flight may be about to write it without. So every row has all members that were promised
// before, and no share that was promised is left without its proof.
// Bounds:  kBatchesMax batches in memory, and those held.
// Errors:  a row that is missing (NotFound), that the store cannot read (DataLoss), or that neither
//          decodes nor verifies, is none: it is read again for each who needs it, and written anew with
//          what comes in. Any other error of the store says nothing of the row, and is passed on.
// Threads: its node's executor.
// Source:  docs/share-format.md section 16; docs/decisions/014-compact-rows.md.
#ifndef WORLDB_ENGINE_SHARES_BATCH_ROWS_H_
#define WORLDB_ENGINE_SHARES_BATCH_ROWS_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/batch_part.h"
#include "cryptoscatter/records.h"
#include "engine/cell/cell.h"
#include "engine/ports/store.h"
#include "engine/rows/share_rows.h"

namespace worldb::engine {

class BatchRows {
 public:
  static constexpr std::size_t kBatchesMax = 128;

  // A batch as its row was last written or read, or is about to be.
  struct Batch {
    bool loaded = false;
    std::shared_ptr<cryptoscatter::BatchPart> part;  // null when there is no good row
    // How often rows on the disk had members that were not in memory, and how many of these times lie
    // before a row that is known to be written.
    std::uint64_t learned = 0;
    std::uint64_t learned_written = 0;

    // Otherwise its row is to be read, again if there was no good one.
    bool known() const { return loaded && part != nullptr; }
  };
  using BatchPtr = std::shared_ptr<Batch>;
  using BatchPtrs = std::map<cryptoscatter::BatchRef, BatchPtr>;

  // All of it outlives this object.
  BatchRows(const Cell& cell, Store& store, cryptoscatter::BatchVerifier& verifier)
      : cell_(cell), store_(store), verifier_(verifier) {}

  BatchPtr Hold(const cryptoscatter::BatchRef& ref);
  // Empties `held`, and forgets what is above the bound.
  void LetGo(BatchPtrs& held);
  // Takes in what was read of its row since it was held. Returns what the row says, null when it is
  // none. The error is the store's: nothing is changed then.
  using PartPtr = std::shared_ptr<const cryptoscatter::BatchPart>;
  absl::StatusOr<PartPtr> Load(const cryptoscatter::BatchRef& ref, Batch& batch,
                               const absl::StatusOr<Bytes>& row);
  // Makes the batch row say the proof of this share, and the share row say that it does; the proof
  // stays in the share row if another batch with this reference is there. REQUIRES: `batch` is loaded,
  // and `ref` that of the share's proof, which holds.
  static void Place(ShareRow& row, const cryptoscatter::BatchRef& ref, Batch& batch,
                    const CommitmentId& commitment);

  // Which are in memory need not be read from the disk, unless it is the disk that is in question.
  enum class From { kMemory, kDisk };
  struct Found {
    PartPtr part;       // null when it is missing or bad
    PartPtr in_memory;  // null when it is not there
  };
  using Parts = std::map<cryptoscatter::BatchRef, Found>;
  // The error is the store's.
  void Read(const std::set<cryptoscatter::BatchRef>& refs, From from,
            std::function<void(absl::StatusOr<Parts>)> done);

  std::size_t in_memory() const { return batches_.size(); }

 private:
  // Null unless the row is good.
  std::shared_ptr<cryptoscatter::BatchPart> Judge(const cryptoscatter::BatchRef& ref, ByteSpan row);
  static void Learn(Batch& batch, std::shared_ptr<cryptoscatter::BatchPart> part);
  // Forgets those not held that were used longest ago, until `count_max` are left or all are held.
  void Shrink(std::size_t count_max);

  struct Entry {
    BatchPtr batch;
    std::uint64_t used = 0;
  };
  const Cell& cell_;
  Store& store_;
  cryptoscatter::BatchVerifier& verifier_;
  absl::flat_hash_map<cryptoscatter::BatchRef, Entry> batches_;
  std::uint64_t uses_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_BATCH_ROWS_H_
