// Merges what three homes tell of their names, piece by piece, into one page.
//
// Every home's names come in byte order, so the smallest one at the front of three is the next one, once
// each home has either told a next name or that there is none. Homes that have not are asked to go on.
// Bounds:  a page, and what was told beyond it: a home is asked only when nothing of it is left.
// Threads: one owner.
// Source:  ARCHITECTURE.md, "Names, listings and watches".
#ifndef WORLDB_ENGINE_GATEWAY_NAME_MERGE_H_
#define WORLDB_ENGINE_GATEWAY_NAME_MERGE_H_

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "engine/api/versions.h"

namespace worldb::engine {

class NameMerge {
 public:
  // What comes behind `after`; all there is when that is empty. REQUIRES: page_size > 0.
  NameMerge(const Bytes& after, std::size_t page_size);

  struct Question {
    DataCenterIndex home;
    Bytes after;  // this name
  };
  // Goes on as far as it gets. Answers with what has to be asked before it gets further: of each home
  // once, until it is told.
  std::vector<Question> Advance();
  // The home's next names, ascending. `told_to`: every name up to this one is told; empty when all are.
  void Tell(DataCenterIndex home, std::vector<ListedKey> keys, Bytes told_to);

  // The page is full, or there are no further names.
  bool done() const { return done_; }
  // Names may follow those of the page.
  bool more() const;
  // REQUIRES: done(), and not called before.
  std::vector<ListedKey> TakePage() { return std::move(page_); }
  std::size_t page_size() const { return page_size_; }
  // A home that is asked and has not told.
  std::optional<DataCenterIndex> awaited() const;

 private:
  struct Source {
    std::deque<ListedKey> keys;  // not taken yet
    Bytes to;                    // told up to this name
    bool all = false;            // there are no further ones
    bool asked = false;
  };
  // The one with the smallest name; null when there is none.
  Source* Smallest();

  const std::size_t page_size_;
  std::array<Source, kDataCenterCount> sources_;  // by home
  std::vector<ListedKey> page_;
  bool done_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_NAME_MERGE_H_
