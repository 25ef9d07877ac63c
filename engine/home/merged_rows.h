// The changed rows of checkpoints that are not on disk yet, merged: of each row what was said last.
//
// Threads: one owner.
#ifndef WORLDB_ENGINE_HOME_MERGED_ROWS_H_
#define WORLDB_ENGINE_HOME_MERGED_ROWS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "arbiter/checkpoint.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::engine {

class MergedRows {
 public:
  void Add(arbiter::Checkpoint checkpoint) {
    index_ = checkpoint.index;
    for (arbiter::CheckpointRow& row : checkpoint.rows) {
      SharedBytes value;
      if (row.value.has_value()) value = std::make_shared<const Bytes>(*std::move(row.value));
      bytes_ += row.key.size() + SizeOf(value);
      const auto [it, is_new] = rows_.try_emplace(std::move(row.key));
      if (!is_new) bytes_ -= it->first.size() + SizeOf(it->second);
      it->second = std::move(value);
    }
  }
  // Rows of earlier checkpoints: what is here stands.
  void AddBelow(MergedRows earlier) {
    if (rows_.empty()) index_ = earlier.index_;
    rows_.merge(earlier.rows_);
    bytes_ += earlier.bytes_;
    for (const auto& [key, value] : earlier.rows_) bytes_ -= key.size() + SizeOf(value);
  }

  bool empty() const { return rows_.empty(); }
  // Of keys and values.
  std::size_t bytes() const { return bytes_; }
  // Of the entry that the newest of the checkpoints follows.
  LogIndex index() const { return index_; }
  // In the order of the keys; null for a row that is gone.
  const std::map<std::string, SharedBytes>& rows() const { return rows_; }

 private:
  static std::size_t SizeOf(const SharedBytes& value) {
    return value == nullptr ? 0 : value->size();
  }

  std::map<std::string, SharedBytes> rows_;
  std::size_t bytes_ = 0;
  LogIndex index_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_MERGED_ROWS_H_
