// Where the rows of a checkpoint lie in a node's store.
//
// All rows of one checkpoint lie under one generation. When a checkpoint is given up, the next one's
// rows lie under the next generation, so that none of the old ones can be taken for one of them.
// Threads: plain functions.
// Source:  docs/checkpoint-format.md says what the rows hold.
#ifndef WORLDB_ENGINE_ROWS_CHECKPOINT_ROWS_H_
#define WORLDB_ENGINE_ROWS_CHECKPOINT_ROWS_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/key_order.h"

namespace worldb::engine {

class CheckpointGeneration {
 public:
  static constexpr char kFamilyPrefix[] = "h/";
  // Holds the number of the generation in use, 8 bytes little-endian; there is none before the second.
  static constexpr char kNumberKey[] = "n/checkpoint_generation";

  explicit CheckpointGeneration(std::uint64_t number = 0)
      : number_(number), prefix_(absl::StrCat(kFamilyPrefix, BigEndian(number), "/")) {}

  std::uint64_t number() const { return number_; }
  CheckpointGeneration Next() const { return CheckpointGeneration(number_ + 1); }
  // "h/", number (8 bytes, big-endian), "/": what its rows' keys begin with. Those of older generations
  // come before it.
  const std::string& prefix() const { return prefix_; }
  // The store's key of a checkpoint row, and back.
  std::string StoreKey(absl::string_view row_key) const { return absl::StrCat(prefix_, row_key); }
  absl::string_view RowKey(absl::string_view store_key) const {
    return store_key.substr(prefix_.size());
  }

  friend bool operator==(const CheckpointGeneration& a, const CheckpointGeneration& b) {
    return a.number_ == b.number_;
  }

 private:
  std::uint64_t number_;
  std::string prefix_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROWS_CHECKPOINT_ROWS_H_
