// Goal:   the trees are the ones of the format page, and a path leads to the root from its own item
// only. Method: plain recursive second implementations as judges; every count and index of a batch.
#include "cryptoscatter/merkle.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>

#include "cryptoscatter/labels.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

// The largest power of two below n goes left: the same tree as promoting odd nodes level by level.
Hash256 PlainTop(const HashLabel& label, std::span<const Hash256> items) {
  if (items.size() == 1) return items.front();
  const std::size_t left = std::bit_floor(items.size() - 1);
  const Hash256 l = PlainTop(label, items.first(left));
  const Hash256 r = PlainTop(label, items.subspan(left));
  ByteWriter out;
  out.Raw(l.bytes).Raw(r.bytes);
  return LabelledHash(label, out.span());
}

std::vector<Hash256> RandomItems(std::size_t count, Entropy& entropy) {
  std::vector<Hash256> items(count);
  for (Hash256& item : items) item.bytes = entropy.Draw<32>();
  return items;
}

RC_GTEST_PROP(FragmentTree, AgreesWithThePlainOne, ()) {
  testing::SeededEntropy entropy(*rc::gen::arbitrary<std::uint64_t>());
  const std::size_t around = 1024 * *rc::gen::inRange<std::size_t>(0, 40);
  Bytes fragment(around + *rc::gen::element<std::size_t>(0, 1, 2, 1023));
  entropy.Fill(fragment);
  std::vector<Hash256> leaves;
  std::size_t at = 0;
  do {
    const std::size_t bytes = std::min<std::size_t>(1024, fragment.size() - at);
    leaves.push_back(LabelledHash(labels::kFragmentLeaf, ByteSpan(fragment).subspan(at, bytes)));
    at += bytes;
  } while (at < fragment.size());
  const Hash256 top = PlainTop(labels::kFragmentNode, leaves);
  RC_ASSERT(FragmentTop(fragment) == top);
  CoreId core;
  core.bytes = entropy.Draw<32>();
  ByteWriter root;
  root.Raw(core.bytes).U32(9).U8(4).U64(fragment.size()).Raw(top.bytes);
  RC_ASSERT(FragmentRoot(core, 9, NodeAt(4), fragment) ==
            LabelledHash(labels::kFragmentRoot, root.span()));
}

TEST(ShareTree, EachPathLeadsToTheRootFromItsOwnLeafAndPlaceOnly) {
  testing::SeededEntropy entropy(1);
  std::array<Hash256, kNodeCount> leaves;
  for (Hash256& leaf : leaves) leaf.bytes = entropy.Draw<32>();
  std::vector<std::uint8_t> dcs;
  for (std::size_t d = 0; d < 3; ++d) {
    ByteWriter three;
    for (std::size_t i = 0; i < 3; ++i) three.Raw(leaves[3 * d + i].bytes);
    const Hash256 dc = LabelledHash(labels::kShareDataCenter, three.span());
    dcs.insert(dcs.end(), dc.bytes.begin(), dc.bytes.end());
  }
  const ShareTree tree(leaves);
  EXPECT_EQ(tree.root(), LabelledHash(labels::kShareRoot, dcs));
  for (int j = 0; j < kNodeCount; ++j) {
    for (int place = 0; place < kNodeCount; ++place) {
      for (int leaf = 0; leaf < kNodeCount; ++leaf) {
        const bool right = j == place && j == leaf;
        EXPECT_EQ(ShareRootFrom(NodeAt(place), leaves[static_cast<std::size_t>(leaf)],
                                tree.PathOf(NodeAt(j))) == tree.root(),
                  right);
      }
    }
  }
}

TEST(BatchTree, AgreesWithThePlainOneForEveryCountAndIndex) {
  testing::SeededEntropy entropy(2);
  for (std::uint32_t count = 1; count <= kBatchCountMax; ++count) {
    const std::vector<Hash256> items = RandomItems(count, entropy);
    const BatchTree tree(labels::kCommitBatchNode, items);
    ASSERT_EQ(tree.root(), PlainTop(labels::kCommitBatchNode, items));
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::vector<Hash256> path = tree.PathOf(i);
      ASSERT_EQ(path.size(), BatchPathLength(i, count));
      ASSERT_LE(path.size(), 8u);
      ASSERT_EQ(BatchRootFrom(labels::kCommitBatchNode, i, count, items[i], path), tree.root());
      const std::uint32_t other = (i + 1) % count;
      if (count > 1) {
        ASSERT_NE(BatchRootFrom(labels::kCommitBatchNode, i, count, items[other], path),
                  tree.root());
      }
    }
  }
}

}  // namespace
}  // namespace worldb::cryptoscatter
