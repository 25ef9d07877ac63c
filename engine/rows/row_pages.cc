#include "engine/rows/row_pages.h"

#include <utility>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/key_order.h"

namespace worldb::engine {

RowRange RowRange::WithPrefix(RowFamily family, std::string prefix) {
  std::string end = PrefixEnd(prefix);
  return {family, std::move(prefix), std::move(end)};
}

void ReadPage(Store& store, const RowRange& range, std::size_t rows_max,
              std::function<void(absl::StatusOr<RowPage>)> done) {
  WORLDB_CHECK(rows_max > 0);
  store.Scan(range.family, range.begin, range.end, rows_max,
             [rows_max, done = std::move(done)](absl::StatusOr<std::vector<StoreRow>> rows) {
               if (!rows.ok()) return done(rows.status());
               RowPage page;
               page.rows = *std::move(rows);
               page.last = page.rows.size() < rows_max;
               if (!page.last) page.next = KeyAfter(page.rows.back().key);
               done(std::move(page));
             });
}

void ReadPages(Store& store, RowRange range, std::size_t rows_max,
               std::function<absl::Status(std::vector<StoreRow>& rows)> visit,
               std::function<void(absl::Status)> done) {
  ReadPage(store, range, rows_max,
           [&store, range, rows_max, visit = std::move(visit),
            done = std::move(done)](absl::StatusOr<RowPage> page) mutable {
             if (!page.ok()) return done(page.status());
             absl::Status status = visit(page->rows);
             if (page->last || !status.ok()) return done(std::move(status));
             range.begin = std::move(page->next);
             ReadPages(store, std::move(range), rows_max, std::move(visit), std::move(done));
           });
}

}  // namespace worldb::engine
