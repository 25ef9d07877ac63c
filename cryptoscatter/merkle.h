// The trees: over a fragment, over the nine share leaves, and over a batch of signed items.
//
// Fragment tree: 1 KiB leaves; a level's odd last node is promoted unchanged; core id, generation,
// index and total are bound in the root. Share tree: nine leaves, three data center nodes, one
// root. Batch tree: up to 256 items, same promotion rule; the length of a path follows from index
// and count.
// Threads: pure functions.
// Source:  docs/share-format.md section 7.
#ifndef WORLDB_CRYPTOSCATTER_MERKLE_H_
#define WORLDB_CRYPTOSCATTER_MERKLE_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/key_sharing.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kMerkleLeafBytes = 1024;
inline constexpr std::uint32_t kBatchCountMax = 256;

// Top of the tree over the bytes alone; that of no bytes is one empty leaf.
Hash256 FragmentTop(ByteSpan fragment);
Hash256 FragmentRoot(const CoreId& core, std::uint32_t generation, NodeIndex index,
                     ByteSpan fragment);

Hash256 KeyShareHash(const CoreId& core, NodeIndex index, const KeyShare& share);
Hash256 ShareLeaf(const CoreId& core, NodeIndex index, const Hash256& fragment_root,
                  const Hash256& key_share_hash);

// What leads from one share leaf to the root: the two sibling leaves in index order, then the
// nodes of the two other data centers in index order. 128 bytes.
struct SharePath {
  std::array<Hash256, 2> leaves;
  std::array<Hash256, 2> data_centers;
  friend bool operator==(const SharePath&, const SharePath&) = default;
};

class ShareTree {
 public:
  explicit ShareTree(const std::array<Hash256, kNodeCount>& leaves);
  const Hash256& root() const { return root_; }
  SharePath PathOf(NodeIndex index) const;

 private:
  std::array<Hash256, kNodeCount> leaves_;
  std::array<Hash256, kDataCenterCount> data_centers_;
  Hash256 root_;
};
Hash256 ShareRootFrom(NodeIndex index, const Hash256& leaf, const SharePath& path);

// Which batch a tree belongs to decides the label of its inner nodes.
class BatchTree {
 public:
  // REQUIRES: 1 to kBatchCountMax items.
  BatchTree(const HashLabel& node_label, std::span<const Hash256> items);
  const Hash256& root() const { return levels_.back().front(); }
  std::uint32_t count() const { return static_cast<std::uint32_t>(levels_.front().size()); }
  std::vector<Hash256> PathOf(std::uint32_t index) const;

 private:
  std::vector<std::vector<Hash256>> levels_;
};
// Number of hashes in the path of item `index` of `count`, 0 to 8. REQUIRES: index < count.
std::size_t BatchPathLength(std::uint32_t index, std::uint32_t count);
// REQUIRES: index < count, path.size() == BatchPathLength(index, count).
Hash256 BatchRootFrom(const HashLabel& node_label, std::uint32_t index, std::uint32_t count,
                      const Hash256& item, std::span<const Hash256> path);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_MERKLE_H_
