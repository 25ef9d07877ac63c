// The checkpoint a node keeps in its own store: one, whole or none.
//
// Its rows lie under a generation (engine/rows/checkpoint_rows.h). A checkpoint that is given up is not
// deleted row by row first: the next generation begins, and from that moment on none of the old rows
// counts. They are then deleted behind the scenes; what cannot be read stays, and harms nobody.
// Errors:  reading tells damage as engine/rows/row_pages.h says. Open() and Wipe() try again until the
//          store does what they need.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_HOME_CHECKPOINT_STORE_H_
#define WORLDB_ENGINE_HOME_CHECKPOINT_STORE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/bytes.h"
#include "engine/ports/executor.h"
#include "engine/ports/store.h"
#include "engine/rows/checkpoint_rows.h"
#include "engine/rows/row_pages.h"

namespace worldb::engine {

class CheckpointStore {
 public:
  static constexpr std::size_t kRowsPerPage = 1024;
  static constexpr absl::Duration kTryAgainAfter = absl::Seconds(1);

  // Both outlive this object.
  CheckpointStore(Store& store, Executor& executor) : store_(store), executor_(executor) {}

  // Finds the generation in use. REQUIRES: before all else.
  void Open(std::function<void()> done);
  // From here on it holds no checkpoint; `done` when that is durable.
  void Wipe(std::function<void()> done);
  // Differs after each Wipe(), from the moment it is called.
  const CheckpointGeneration& generation() const { return generation_; }

  // Every row in the order of the keys. An error of `visit` ends it.
  void ReadAll(std::function<absl::Status(absl::string_view row_key, ByteSpan value)> visit,
               std::function<void(absl::Status)> done);
  // One page of the rows behind `row_key`, which may be empty. Their keys are the store's: RowKey() of
  // the generation.
  void ReadAfter(absl::string_view row_key, std::function<void(absl::StatusOr<RowPage>)> done);

  // A null value deletes the row.
  StoreWrite Write(absl::string_view row_key, SharedBytes value) const;
  void Commit(std::vector<StoreWrite> writes, bool sync, std::function<void(absl::Status)> done) {
    store_.Commit(std::move(writes), sync, std::move(done));
  }

 private:
  RowRange AllRows() const;
  void DeleteOld();

  Store& store_;
  Executor& executor_;
  CheckpointGeneration generation_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_CHECKPOINT_STORE_H_
