// A map that holds its newest entries only: each beyond the capacity drives out the oldest.
//
// Threads: one owner.
#ifndef WORLDB_CRYPTOSCATTER_NEWEST_MAP_H_
#define WORLDB_CRYPTOSCATTER_NEWEST_MAP_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cryptoscatter/base/check.h"

namespace worldb::cryptoscatter {

template <typename Key, typename Value>
class NewestMap {
 public:
  // REQUIRES: capacity > 0.
  explicit NewestMap(std::size_t capacity) : capacity_(capacity) { WORLDB_CHECK(capacity > 0); }

  // Null if there is none; good until the next Add().
  Value* Find(const Key& key) {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
  }

  // REQUIRES: there is none for this key.
  void Add(const Key& key, Value value) {
    if (order_.size() < capacity_) {
      order_.push_back(key);
    } else {
      entries_.erase(order_[next_]);
      order_[next_] = key;
      next_ = (next_ + 1) % capacity_;
    }
    WORLDB_CHECK(entries_.emplace(key, std::move(value)).second);
  }

 private:
  const std::size_t capacity_;
  absl::flat_hash_map<Key, Value> entries_;
  std::vector<Key> order_;  // ring, oldest at next_
  std::size_t next_ = 0;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_NEWEST_MAP_H_
