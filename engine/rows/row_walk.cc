#include "engine/rows/row_walk.h"

#include <algorithm>
#include <utility>

#include "cryptoscatter/base/key_order.h"

namespace worldb::engine {

RowWalk::RowWalk(RowFamily family, std::string prefix, std::size_t rows_max, std::size_t digits)
    : prefix_(prefix),
      rows_max_(rows_max),
      digits_(digits),
      left_(RowRange::WithPrefix(family, std::move(prefix))),
      rows_(rows_max) {}

void RowWalk::Took(const RowPage& page) {
  step_ = 1;
  rows_ = std::min(2 * rows_, rows_max_);
  left_.begin = page.last ? left_.end : page.next;
}

void RowWalk::StepOver(const absl::Status& why) {
  if (rows_ > 1) {
    rows_ /= 2;
  } else if (absl::IsDataLoss(why)) {
    left_.begin = KeyFurtherOn(prefix_, left_.begin, digits_, step_).value_or(left_.end);
    step_ *= 2;
  }
}

void ReadWhole(Store& store, RowWalk walk, std::function<void(std::vector<StoreRow>& rows)> visit,
               std::function<void(absl::Status)> done) {
  const RowRange left = walk.left();
  if (left.begin == left.end) return done(absl::OkStatus());
  const std::size_t rows = walk.rows();
  ReadPage(store, left, rows,
           [&store, walk = std::move(walk), visit = std::move(visit),
            done = std::move(done)](absl::StatusOr<RowPage> page) mutable {
             if (page.ok()) {
               walk.Took(*page);
               visit(page->rows);
             } else if (absl::IsDataLoss(page.status())) {
               walk.StepOver(page.status());
             } else {
               return done(page.status());
             }
             ReadWhole(store, std::move(walk), std::move(visit), std::move(done));
           });
}

}  // namespace worldb::engine
