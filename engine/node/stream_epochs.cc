#include "engine/node/stream_epochs.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace worldb::engine {
namespace {

absl::StatusOr<StreamEpoch> LastEpoch(const absl::StatusOr<Bytes>& row) {
  if (absl::IsNotFound(row.status()) || absl::IsDataLoss(row.status())) return StreamEpoch();
  if (!row.ok()) return row.status();
  ByteReader r(*row);
  const StreamEpoch last(r.U64());
  return r.Finish("stream epoch").ok() ? last : StreamEpoch();
}

}  // namespace

void StreamEpochs::Begin(std::function<void(absl::StatusOr<StreamEpoch>)> done) {
  store_.Get(RowFamily::kRows, kRow,
             [this, done = std::move(done)](const absl::StatusOr<Bytes>& row) mutable {
               const absl::StatusOr<StreamEpoch> last = LastEpoch(row);
               if (!last.ok()) return done(last.status());
               Take(last->Next(), [this, done = std::move(done)](absl::Status status) {
                 if (!status.ok()) return done(std::move(status));
                 done(last_);
               });
             });
}

void StreamEpochs::RaiseAbove(StreamEpoch known, std::function<void(StreamEpoch)> done) {
  if (std::exchange(raising_, true)) return;
  Take(std::max(last_, known).Next(), [this, done = std::move(done)](const absl::Status& status) {
    raising_ = false;
    if (status.ok()) done(last_);
  });
}

// Used up even if the commit fails: its row may be there all the same.
void StreamEpochs::Take(StreamEpoch epoch, std::function<void(absl::Status)> done) {
  last_ = epoch;
  ByteWriter w;
  w.U64(epoch.value());
  store_.Commit(
      {StoreWrite::Put(RowFamily::kRows, kRow, std::make_shared<const Bytes>(std::move(w).Take()))},
      /*sync=*/true, std::move(done));
}

}  // namespace worldb::engine
