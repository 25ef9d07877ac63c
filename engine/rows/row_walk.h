// A walk over rows that damage does not end: one bad row costs that row, or the few that lie with it.
//
// A page that cannot be read is asked for again by half, down to one row; damage is then stepped over, wider and
// wider, until something reads again. For families whose keys go on behind their prefix as hashes do, evenly spread:
// a step is a part of the room they lie in.
// Threads: one owner; ReadWhole() on the store's executor.
// Source:  engine/rows/row_pages.h, for what damage means.
#ifndef WORLDB_ENGINE_ROWS_ROW_WALK_H_
#define WORLDB_ENGINE_ROWS_ROW_WALK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/rows/row_pages.h"

namespace worldb::engine {

class RowWalk {
 public:
  // `digits`: how many bytes of a key say where it lies; a step is at least one of the last of them.
  RowWalk(RowFamily family, std::string prefix, std::size_t rows_max, std::size_t digits);

  // The next page to read, of at most rows().
  const RowRange& left() const { return left_; }
  std::size_t rows() const { return rows_; }
  // That page was read: on behind it.
  void Took(const RowPage& page);
  // It was not: another try, shorter or further on. An error that is no damage is tried again in the same place.
  void StepOver(const absl::Status& why);

 private:
  std::string prefix_;
  std::size_t rows_max_;
  std::size_t digits_;
  RowRange left_;
  std::size_t rows_;
  std::uint64_t step_ = 1;
};

// The whole walk: `visit` gets one page after the other and may move out of the rows. `done` is told the first error
// that is no damage, else OK.
void ReadWhole(Store& store, RowWalk walk, std::function<void(std::vector<StoreRow>& rows)> visit,
               std::function<void(absl::Status)> done);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROWS_ROW_WALK_H_
