// The newest entries of a log in memory, one behind the other up to its tail.
//
// Bounds:  `entries_max` entries and `bytes_max` bytes; the oldest go first.
// Threads: one owner.
#ifndef WORLDB_ENGINE_LOCAL_LOG_CACHE_H_
#define WORLDB_ENGINE_LOCAL_LOG_CACHE_H_

#include <cstddef>
#include <deque>
#include <utility>

#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::engine {

class LogCache {
 public:
  LogCache(std::size_t entries_max, std::size_t bytes_max)
      : entries_max_(entries_max), bytes_max_(bytes_max) {}

  // The entry behind all others. One that does not follow the last one leaves nothing before it.
  void Add(LogIndex index, SharedBytes entry) {
    if (index != last_.Next()) DropUpTo(last_);
    last_ = index;
    bytes_ += entry->size();
    entries_.push_back(std::move(entry));
    while (entries_.size() > entries_max_ || (bytes_ > bytes_max_ && !entries_.empty()))
      DropOldest();
  }
  void DropUpTo(LogIndex index) {
    while (!entries_.empty() && first() <= index) DropOldest();
  }

  // Null when it is not here.
  SharedBytes Find(LogIndex index) const {
    if (index < first() || index > last_) return nullptr;
    return entries_[index.value() - first().value()];
  }

 private:
  LogIndex first() const { return LogIndex(last_.value() - entries_.size() + 1); }
  void DropOldest() {
    bytes_ -= entries_.front()->size();
    entries_.pop_front();
  }

  const std::size_t entries_max_;
  const std::size_t bytes_max_;
  LogIndex last_;
  std::deque<SharedBytes> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_LOG_CACHE_H_
