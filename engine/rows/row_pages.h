// Rows of a store read page by page, in the order of their keys.
//
// What damage means, in one place: a page with a row that cannot be read is DataLoss as a whole, because
// the store does not say which row it is. Something that was stored is lost, then, and nothing is known
// of what lies behind. Any other error is the store's own and says nothing of what is stored: the same
// page may be asked for again. What a row holds is for whoever visits it; so is what its loss costs.
// Threads: the store's executor.
// Source:  engine/ports/store.h; keys are made by cryptoscatter/base/key_order.h.
#ifndef WORLDB_ENGINE_ROWS_ROW_PAGES_H_
#define WORLDB_ENGINE_ROWS_ROW_PAGES_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/ports/store.h"

namespace worldb::engine {

// Rows with `begin` <= key < `end`. An empty `end` has no bound.
struct RowRange {
  RowFamily family = RowFamily::kRows;
  std::string begin;
  std::string end;

  static RowRange WithPrefix(RowFamily family, std::string prefix);
};

struct RowPage {
  std::vector<StoreRow> rows;
  bool last = false;  // nothing of the range lies behind these
  std::string next;   // where the next page begins, unless this is the last
};

// One page of at most `rows_max` rows. The store outlives the call's answer.
void ReadPage(Store& store, const RowRange& range, std::size_t rows_max,
              std::function<void(absl::StatusOr<RowPage>)> done);

// All of `range`: `visit` gets one page after the other and may move out of the rows; an error of its
// own ends the reading. `done` is told that error, or the store's; OK when every row was visited.
void ReadPages(Store& store, RowRange range, std::size_t rows_max,
               std::function<absl::Status(std::vector<StoreRow>& rows)> visit,
               std::function<void(absl::Status)> done);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROWS_ROW_PAGES_H_
