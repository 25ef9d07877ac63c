// What is known of one batch tree: nodes of it, and what follows from them.
//
// Whoever knows that an item with its path leads to the root knows all siblings on that path too. So
// a further item is folded only up to a node that is known, which for its neighbour is the item
// itself; above that, hashes are compared, not computed.
// Shapes:  1 to kBatchCountMax items; at most 511 nodes of 32 bytes, set aside at once.
// Threads: a plain value.
// Source:  docs/share-format.md section 7.
#ifndef WORLDB_CRYPTOSCATTER_BATCH_NODES_H_
#define WORLDB_CRYPTOSCATTER_BATCH_NODES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/merkle.h"

namespace worldb::cryptoscatter {

class BatchNodes {
 public:
  // A node of the tree: the items are level 0.
  struct Place {
    std::size_t level;
    std::uint32_t index;
  };

  // None is known. REQUIRES: 1 <= count <= kBatchCountMax.
  BatchNodes(const HashLabel& node_label, std::uint32_t count);

  std::uint32_t count() const { return WidthOf(0); }
  std::size_t top_level() const { return level_at_.size() - 2; }
  std::uint32_t WidthOf(std::size_t level) const { return level_at_[level + 1] - level_at_[level]; }
  bool Knows(Place place) const { return known_[IndexOf(place)]; }
  // Zero where not known.
  const Hash256& At(Place place) const { return nodes_[IndexOf(place)]; }
  const Hash256& root() const { return nodes_.back(); }
  // REQUIRES: Knows({0, index}).
  std::vector<Hash256> PathOf(std::uint32_t index) const;

  // Takes in an item and its path. False, and all is as it was, if with them the root would be
  // another one than what is known leads to.
  // REQUIRES: index < count(), path.size() == BatchPathLength(index, count()).
  bool Add(std::uint32_t index, const Hash256& item, std::span<const Hash256> path);

  // The other way to fill one of which nothing is known: nodes that cover all items and of which none
  // is above another, then what is above them.
  void Set(Place place, const Hash256& hash);
  void Fold() { FoldTo({top_level(), 0}); }

  friend bool operator==(const BatchNodes&, const BatchNodes&) = default;

 private:
  std::size_t IndexOf(Place place) const { return level_at_[place.level] + place.index; }
  bool HasSibling(Place place) const { return (place.index ^ 1) < WidthOf(place.level); }
  Hash256 ParentOf(const Hash256& left, const Hash256& right) const;
  void FoldTo(Place place);

  HashLabel node_label_;
  std::vector<std::uint32_t> level_at_;  // where each level begins in nodes_, and the end
  // With a known node its sibling is known, and all above it, and they are what follows from it.
  std::vector<Hash256> nodes_;
  std::vector<bool> known_;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_BATCH_NODES_H_
