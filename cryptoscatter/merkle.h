// The trees: over a fragment, over the nine share leaves, and over a batch of signed items.
//
// Fragment tree: 1 KiB leaves under the suite's hash, sixteen leaves to a node and four nodes to one
// above (decision 009); a level's last node, if alone, is promoted unchanged; core id, generation,
// index and total are bound in the root. A *block* is 64 KiB of a fragment, a full subtree of it or
// its short end, so a reader who knows the block tops can check each block on its own. Share tree:
// nine leaves, three data center nodes, one root. Batch tree: up to 256 items, two children to a
// node, same promotion rule; the length of a path follows from index and count.
// Threads: pure functions; a FragmentHasher has one owner.
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
#include "cryptoscatter/suite.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kMerkleLeafBytes = 1024;
inline constexpr std::size_t kMerkleBlockBytes = 65536;
inline constexpr std::size_t kFragmentUnitLeaves = 16;  // leaves under a node of the lowest level
inline constexpr std::size_t kFragmentTreeArity = 4;    // nodes under a node above that
inline constexpr std::uint32_t kBatchCountMax = 256;

// The fragment tree, byte by byte. Memory grows with the logarithm of the bytes.
class FragmentHasher {
 public:
  // `hash` must outlive the hasher; several, used one at a time, may share it.
  explicit FragmentHasher(TreeHash& hash);

  void Update(ByteSpan bytes);
  std::uint64_t bytes() const { return bytes_; }
  // Top of the tree over what was added so far, the bytes alone; that of no bytes is one empty leaf.
  Hash256 Top();
  // The fragment root over what was added so far.
  Hash256 Root(const CoreId& core, std::uint32_t generation, NodeIndex index);

 private:
  // Nodes that will be hashed together, side by side.
  using Unit = std::array<Hash256, kFragmentUnitLeaves>;
  using Group = std::array<Hash256, kFragmentTreeArity>;

  void AddLeaf(const Hash256& leaf);
  // How many nodes wait in the group of a level: a digit of the number of whole units, in base four.
  std::size_t CountAt(std::size_t level) const {
    return (leaf_count_ / kFragmentUnitLeaves >> (2 * level)) % kFragmentTreeArity;
  }
  TreeHash& hash_;
  std::uint64_t bytes_ = 0;
  std::uint64_t leaf_count_ = 0;
  Unit unit_;                  // the leaves since the last whole unit
  std::vector<Group> groups_;  // by level, from the units
  std::array<std::uint8_t, kMerkleLeafBytes> pending_;
};

Hash256 FragmentTop(Suite suite, ByteSpan fragment);
// The same out of the tops of its blocks. REQUIRES: at least one.
Hash256 FragmentTopOfBlocks(Suite suite, std::span<const Hash256> block_tops);
// The root over a fragment of which only size and top are at hand.
Hash256 FragmentRootOf(Suite suite, const CoreId& core, std::uint32_t generation, NodeIndex index,
                       std::uint64_t fragment_bytes, const Hash256& top);
Hash256 FragmentRoot(Suite suite, const CoreId& core, std::uint32_t generation, NodeIndex index,
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
