#include "engine/home/checkpoint_store.h"

#include <memory>
#include <utility>

#include "cryptoscatter/base/key_order.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {

RowRange CheckpointStore::AllRows() const {
  return RowRange::WithPrefix(RowFamily::kRows, generation_.prefix());
}

void CheckpointStore::Open(std::function<void()> done) {
  store_.Get(RowFamily::kRows, CheckpointGeneration::kNumberKey,
             [this, done = std::move(done)](absl::StatusOr<Bytes> row) {
               if (row.ok()) {
                 ByteReader r(*row);
                 generation_ = CheckpointGeneration(r.U64());
               } else if (!absl::IsNotFound(row.status())) {
                 executor_.PostAfter(kTryAgainAfter, [this, done] { Open(done); });
                 return;
               }
               DeleteOld();
               done();
             });
}

void CheckpointStore::Wipe(std::function<void()> done) {
  generation_ = generation_.Next();
  ByteWriter w;
  w.U64(generation_.number());
  store_.Commit({StoreWrite::Put(RowFamily::kRows, CheckpointGeneration::kNumberKey,
                                 std::make_shared<const Bytes>(std::move(w).Take()))},
                /*sync=*/true, [this, done = std::move(done)](const absl::Status& status) {
                  if (!status.ok()) {
                    executor_.PostAfter(kTryAgainAfter, [this, done] { Wipe(done); });
                    return;
                  }
                  DeleteOld();
                  done();
                });
}

// Rows of older generations, page by page.
void CheckpointStore::DeleteOld() {
  const RowRange old{RowFamily::kRows, CheckpointGeneration::kFamilyPrefix, generation_.prefix()};
  ReadPage(store_, old, kRowsPerPage, [this](absl::StatusOr<RowPage> page) {
    if (!page.ok() || page->rows.empty()) return;
    std::vector<StoreWrite> writes;
    writes.reserve(page->rows.size());
    for (StoreRow& row : page->rows) {
      writes.push_back(StoreWrite::Delete(RowFamily::kRows, std::move(row.key)));
    }
    store_.Commit(std::move(writes), /*sync=*/false, [this](const absl::Status& status) {
      if (status.ok()) DeleteOld();
    });
  });
}

void CheckpointStore::ReadAll(
    std::function<absl::Status(absl::string_view row_key, ByteSpan value)> visit,
    std::function<void(absl::Status)> done) {
  ReadPages(
      store_, AllRows(), kRowsPerPage,
      [generation = generation_, visit = std::move(visit)](std::vector<StoreRow>& rows) {
        for (const StoreRow& row : rows) {
          WORLDB_RETURN_IF_ERROR(visit(generation.RowKey(row.key), row.value));
        }
        return absl::OkStatus();
      },
      std::move(done));
}

void CheckpointStore::ReadAfter(absl::string_view row_key,
                                std::function<void(absl::StatusOr<RowPage>)> done) {
  RowRange left = AllRows();
  if (!row_key.empty()) left.begin = KeyAfter(generation_.StoreKey(row_key));
  ReadPage(store_, left, kRowsPerPage, std::move(done));
}

StoreWrite CheckpointStore::Write(absl::string_view row_key, SharedBytes value) const {
  std::string key = generation_.StoreKey(row_key);
  return value == nullptr ? StoreWrite::Delete(RowFamily::kRows, std::move(key))
                          : StoreWrite::Put(RowFamily::kRows, std::move(key), std::move(value));
}

}  // namespace worldb::engine
