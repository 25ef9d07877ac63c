#include "cryptoscatter/merkle.h"

#include <algorithm>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/labels.h"

namespace worldb::cryptoscatter {
namespace {

Hash256 HashPair(const HashLabel& label, const Hash256& left, const Hash256& right) {
  return LabelledHash(label, FixedWriter<64>().Raw(left.bytes).Raw(right.bytes).array());
}

Hash256 HashTriple(const HashLabel& label, const Hash256& a, const Hash256& b, const Hash256& c) {
  return LabelledHash(label, FixedWriter<96>().Raw(a.bytes).Raw(b.bytes).Raw(c.bytes).array());
}

// Nodes of a fragment tree become one of the next level; a lone one goes up unchanged.
Hash256 Parent(TreeHash& hash, std::span<const Hash256> children) {
  static_assert(sizeof(Hash256) == Hash256::kBytes);
  if (children.size() == 1) return children.front();
  return hash.Of(labels::kFragmentNode, {children.front().bytes.data(), children.size_bytes()});
}

static_assert(kMerkleBlockBytes == kMerkleLeafBytes * kFragmentUnitLeaves * kFragmentTreeArity,
              "a block is a subtree");

// One level up; an odd last node is promoted unchanged. May work in place.
std::size_t FoldLevel(const HashLabel& label, std::span<const Hash256> in, Hash256* out) {
  const std::size_t pairs = in.size() / 2;
  for (std::size_t i = 0; i < pairs; ++i) out[i] = HashPair(label, in[2 * i], in[2 * i + 1]);
  if (in.size() % 2 == 0) return pairs;
  out[pairs] = in[2 * pairs];
  return pairs + 1;
}

Hash256 RootOver(TreeHash& hash, const CoreId& core, std::uint32_t generation, NodeIndex index,
                 std::uint64_t fragment_bytes, const Hash256& top) {
  return hash.Of(labels::kFragmentRoot, FixedWriter<77>()
                                            .Raw(core.bytes)
                                            .U32(generation)
                                            .U8(index.value())
                                            .U64(fragment_bytes)
                                            .Raw(top.bytes)
                                            .array());
}

}  // namespace

FragmentHasher::FragmentHasher(TreeHash& hash) : hash_(hash) {}

void FragmentHasher::Update(ByteSpan bytes) {
  const std::size_t pending = bytes_ % kMerkleLeafBytes;
  bytes_ += bytes.size();
  if (pending > 0) {
    const std::size_t taken = std::min(kMerkleLeafBytes - pending, bytes.size());
    std::copy_n(bytes.begin(), taken, pending_.begin() + static_cast<std::ptrdiff_t>(pending));
    if (pending + taken < kMerkleLeafBytes) return;
    AddLeaf(hash_.Of(labels::kFragmentLeaf, pending_));
    bytes = bytes.subspan(taken);
  }
  while (bytes.size() >= kMerkleLeafBytes) {
    AddLeaf(hash_.Of(labels::kFragmentLeaf, bytes.first(kMerkleLeafBytes)));
    bytes = bytes.subspan(kMerkleLeafBytes);
  }
  std::copy(bytes.begin(), bytes.end(), pending_.begin());
}

void FragmentHasher::AddLeaf(const Hash256& leaf) {
  const std::size_t at = leaf_count_ % kFragmentUnitLeaves;
  unit_[at] = leaf;
  if (at + 1 == kFragmentUnitLeaves) {
    Hash256 node = Parent(hash_, unit_);
    for (std::size_t level = 0;; ++level) {
      if (level == groups_.size()) groups_.emplace_back();
      const std::size_t count = CountAt(level);
      groups_[level][count] = node;
      if (count + 1 < kFragmentTreeArity) break;
      node = Parent(hash_, groups_[level]);
    }
  }
  ++leaf_count_;
}

Hash256 FragmentHasher::Top() {
  // The pending leaf and the complete subtrees, folded from the right.
  const std::size_t pending = bytes_ % kMerkleLeafBytes;
  Hash256 node;
  bool any = pending > 0 || bytes_ == 0;
  if (any) node = hash_.Of(labels::kFragmentLeaf, ByteSpan(pending_).first(pending));
  const auto fold = [&](std::span<Hash256> group, std::size_t count) {
    if (any) group[count++] = node;
    if (count == 0) return;
    node = Parent(hash_, group.first(count));
    any = true;
  };
  fold(unit_, leaf_count_ % kFragmentUnitLeaves);
  for (std::size_t level = 0; level < groups_.size(); ++level) fold(groups_[level], CountAt(level));
  return node;
}

Hash256 FragmentHasher::Root(const CoreId& core, std::uint32_t generation, NodeIndex index) {
  return RootOver(hash_, core, generation, index, bytes_, Top());
}

Hash256 FragmentRootOf(Suite suite, const CoreId& core, std::uint32_t generation, NodeIndex index,
                       std::uint64_t fragment_bytes, const Hash256& top) {
  TreeHash hash(suite);
  return RootOver(hash, core, generation, index, fragment_bytes, top);
}

Hash256 FragmentTop(Suite suite, ByteSpan fragment) {
  TreeHash hash(suite);
  FragmentHasher hasher(hash);
  hasher.Update(fragment);
  return hasher.Top();
}

Hash256 FragmentTopOfBlocks(Suite suite, std::span<const Hash256> block_tops) {
  WORLDB_CHECK(!block_tops.empty());
  TreeHash hash(suite);
  std::vector<Hash256> level;
  while (block_tops.size() > 1) {
    std::vector<Hash256> up;
    up.reserve(block_tops.size() / kFragmentTreeArity + 1);
    for (std::size_t i = 0; i < block_tops.size(); i += kFragmentTreeArity) {
      const std::size_t count = std::min(kFragmentTreeArity, block_tops.size() - i);
      up.push_back(Parent(hash, block_tops.subspan(i, count)));
    }
    level = std::move(up);
    block_tops = level;
  }
  return block_tops.front();
}

Hash256 FragmentRoot(Suite suite, const CoreId& core, std::uint32_t generation, NodeIndex index,
                     ByteSpan fragment) {
  TreeHash hash(suite);
  FragmentHasher hasher(hash);
  hasher.Update(fragment);
  return hasher.Root(core, generation, index);
}

Hash256 KeyShareHash(const CoreId& core, NodeIndex index, const KeyShare& share) {
  SecretSlot input(33 + share.size());
  const auto bytes = input.ExposeSecretMutable();
  std::copy(core.bytes.begin(), core.bytes.end(), bytes.begin());
  bytes[32] = index.value();
  const ByteSpan secret = share.ExposeSecret();
  std::copy(secret.begin(), secret.end(), bytes.begin() + 33);
  return LabelledHash(labels::kKeyShareHash, input.ExposeSecret());
}

Hash256 ShareLeaf(const CoreId& core, NodeIndex index, const Hash256& fragment_root,
                  const Hash256& key_share_hash) {
  return LabelledHash(labels::kShareLeaf, FixedWriter<97>()
                                              .Raw(core.bytes)
                                              .U8(index.value())
                                              .Raw(fragment_root.bytes)
                                              .Raw(key_share_hash.bytes)
                                              .array());
}

ShareTree::ShareTree(const std::array<Hash256, kNodeCount>& leaves) : leaves_(leaves) {
  for (std::size_t d = 0; d < data_centers_.size(); ++d) {
    data_centers_[d] = HashTriple(labels::kShareDataCenter, leaves_[3 * d], leaves_[3 * d + 1],
                                  leaves_[3 * d + 2]);
  }
  root_ = HashTriple(labels::kShareRoot, data_centers_[0], data_centers_[1], data_centers_[2]);
}

SharePath ShareTree::PathOf(NodeIndex index) const {
  WORLDB_CHECK(index.value() < kNodeCount);
  const std::size_t dc = index.value() / 3u;
  const std::size_t place = index.value() % 3u;
  SharePath path;
  std::size_t leaf_at = 0;
  std::size_t dc_at = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    if (i != place) path.leaves[leaf_at++] = leaves_[3 * dc + i];
    if (i != dc) path.data_centers[dc_at++] = data_centers_[i];
  }
  return path;
}

Hash256 ShareRootFrom(NodeIndex index, const Hash256& leaf, const SharePath& path) {
  WORLDB_CHECK(index.value() < kNodeCount);
  const auto insert = [](const Hash256& own, std::size_t place,
                         const std::array<Hash256, 2>& rest) {
    std::array<Hash256, 3> all;
    std::size_t at = 0;
    for (std::size_t i = 0; i < 3; ++i) all[i] = i == place ? own : rest[at++];
    return all;
  };
  const std::array<Hash256, 3> leaves = insert(leaf, index.value() % 3u, path.leaves);
  const Hash256 dc = HashTriple(labels::kShareDataCenter, leaves[0], leaves[1], leaves[2]);
  const std::array<Hash256, 3> dcs = insert(dc, index.value() / 3u, path.data_centers);
  return HashTriple(labels::kShareRoot, dcs[0], dcs[1], dcs[2]);
}

BatchTree::BatchTree(const HashLabel& node_label, std::span<const Hash256> items) {
  WORLDB_CHECK(!items.empty() && items.size() <= kBatchCountMax);
  levels_.emplace_back(items.begin(), items.end());
  while (levels_.back().size() > 1) {
    std::vector<Hash256> up((levels_.back().size() + 1) / 2);
    FoldLevel(node_label, levels_.back(), up.data());
    levels_.push_back(std::move(up));
  }
}

std::vector<Hash256> BatchTree::PathOf(std::uint32_t index) const {
  WORLDB_CHECK(index < count());
  std::vector<Hash256> path;
  path.reserve(levels_.size() - 1);
  for (const std::vector<Hash256>& level : levels_) {
    const std::uint32_t sibling = index ^ 1;
    if (sibling < level.size()) path.push_back(level[sibling]);
    index /= 2;
  }
  return path;
}

std::size_t BatchPathLength(std::uint32_t index, std::uint32_t count) {
  WORLDB_CHECK(index < count);
  std::size_t length = 0;
  for (; count > 1; count = (count + 1) / 2, index /= 2) {
    if ((index ^ 1) < count) ++length;
  }
  return length;
}

Hash256 BatchRootFrom(const HashLabel& node_label, std::uint32_t index, std::uint32_t count,
                      const Hash256& item, std::span<const Hash256> path) {
  WORLDB_CHECK(path.size() == BatchPathLength(index, count));
  Hash256 node = item;
  for (std::size_t used = 0; count > 1; count = (count + 1) / 2, index /= 2) {
    if ((index ^ 1) >= count) continue;
    const Hash256& sibling = path[used++];
    node =
        index % 2 == 0 ? HashPair(node_label, node, sibling) : HashPair(node_label, sibling, node);
  }
  return node;
}

}  // namespace worldb::cryptoscatter
