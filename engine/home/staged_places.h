// In which rows of its store a node's staged payloads lie, and which rows may go.
//
// A row is written by one commit and holds what was staged together; it may go once nothing of it is staged
// there any more and no commit under way writes it again.
// A core: rows, commits and elapsed time come as arguments.
// Bounds:  its owner's: one entry for each payload, one for each row.
// Threads: one owner.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ENGINE_HOME_STAGED_PLACES_H_
#define WORLDB_ENGINE_HOME_STAGED_PLACES_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::engine {

class StagedPlaces {
 public:
  // A commit that writes the row is under way.
  void Begin(const std::string& row);
  // It came to an end, and `written` lies there now and nowhere else; nothing does when it failed. Returns the
  // rows that may go.
  std::vector<std::string> End(const std::string& row, std::span<const CommitmentId> written,
                               absl::Duration now);
  // It is not staged any more. Returns the rows that may go, at most one.
  std::vector<std::string> Remove(const CommitmentId& commitment);

  // Something lies there, or a commit writes it.
  bool HasRow(const std::string& row) const { return rows_.contains(row); }
  // Null when it is not staged.
  const std::string* RowOf(const CommitmentId& commitment) const;
  // What is staged in rows that hold others as well, or did, and were written before `then`: row by row.
  std::vector<std::string> TogetherSince(absl::Duration then) const;
  std::size_t row_count() const { return rows_.size(); }

 private:
  struct Row {
    std::string key;
    absl::Duration written;
    std::size_t held = 0;   // payloads it was written with
    std::size_t alive = 0;  // of them, staged here and nowhere else
    std::size_t commits = 0;
  };
  using RowPtr = std::shared_ptr<Row>;

  RowPtr Find(const std::string& row);
  // Appends its key if it may go, and forgets it.
  void MayGo(const RowPtr& row, std::vector<std::string>& gone);

  absl::flat_hash_map<std::string, RowPtr> rows_;
  absl::flat_hash_map<CommitmentId, RowPtr> places_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_STAGED_PLACES_H_
