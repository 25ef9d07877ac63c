#include "engine/node/start_up.h"

#include <cstdint>
#include <utility>

namespace worldb::engine {
namespace {

// 0 without a row: no life came before this one.
absl::StatusOr<StreamEpoch> LastEpoch(const absl::StatusOr<Bytes>& row) {
  if (absl::IsNotFound(row.status())) return StreamEpoch();
  if (!row.ok()) return row.status();
  ByteReader r(*row);
  const StreamEpoch last(r.U64());
  if (absl::Status status = r.Finish("stream epoch"); !status.ok()) return status;
  return last;
}

}  // namespace

void StartUp::Run(Store& store, std::vector<Load> loads, Ready ready) {
  // Whichever callback waits for the next step keeps it alive.
  const std::shared_ptr<StartUp> start(new StartUp(store, std::move(loads), std::move(ready)));
  start->ReadEpoch();
}

void StartUp::ReadEpoch() {
  store_.Get(
      RowFamily::kRows, kStreamEpochRow,
      [self = shared_from_this()](const absl::StatusOr<Bytes>& row) { self->RaiseEpoch(row); });
}

void StartUp::RaiseEpoch(const absl::StatusOr<Bytes>& row) {
  const absl::StatusOr<StreamEpoch> last = LastEpoch(row);
  if (!last.ok()) return ready_(last.status());
  epoch_ = last->Next();
  ByteWriter w;
  w.U64(epoch_.value());
  store_.Commit({StoreWrite::Put(RowFamily::kRows, kStreamEpochRow,
                                 std::make_shared<const Bytes>(std::move(w).Take()))},
                /*sync=*/true, [self = shared_from_this()](absl::Status status) {
                  if (!status.ok()) return self->ready_(std::move(status));
                  self->LoadFrom(0);
                });
}

void StartUp::LoadFrom(std::size_t next) {
  if (next == loads_.size()) return ready_(epoch_);
  loads_[next]([self = shared_from_this(), next](absl::Status status) {
    if (!status.ok()) return self->ready_(std::move(status));
    self->LoadFrom(next + 1);
  });
}

}  // namespace worldb::engine
