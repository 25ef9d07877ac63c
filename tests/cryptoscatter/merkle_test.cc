// Goal:   the trees are the ones of the format page, and a path leads to the root from its own item
// only. Method: plain recursive second implementations as judges, with libsodium's SHA-256 for
//         suite 2; every count and index of a batch.
#include "cryptoscatter/merkle.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sodium.h>

#include <bit>

#include "cryptoscatter/labels.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

using PlainHash = Hash256 (*)(const HashLabel&, ByteSpan);

Hash256 PlainSha256(const HashLabel& label, ByteSpan data) {
  ByteWriter input;
  input.Raw(data).Raw(label.bytes());
  Hash256 out;
  crypto_hash_sha256(out.bytes.data(), input.span().data(), input.size());
  return out;
}

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

Hash256 PlainFragmentTop(PlainHash hash, ByteSpan fragment) {
  std::vector<Hash256> leaves;
  std::size_t at = 0;
  do {
    const std::size_t bytes = std::min<std::size_t>(1024, fragment.size() - at);
    leaves.push_back(hash(labels::kFragmentLeaf, fragment.subspan(at, bytes)));
    at += bytes;
  } while (at < fragment.size());
  // Level by level: groups of sixteen leaves, then of four; a lone last one goes up unchanged.
  for (std::size_t group_size = 16; leaves.size() > 1; group_size = 4) {
    std::vector<Hash256> up;
    for (std::size_t i = 0; i < leaves.size(); i += group_size) {
      ByteWriter group;
      for (std::size_t j = i; j < std::min(i + group_size, leaves.size()); ++j) {
        group.Raw(leaves[j].bytes);
      }
      up.push_back(group.size() == 32 ? leaves[i] : hash(labels::kFragmentNode, group.span()));
    }
    leaves = up;
  }
  return leaves.front();
}

std::vector<Hash256> RandomItems(std::size_t count, Entropy& entropy) {
  std::vector<Hash256> items(count);
  for (Hash256& item : items) item.bytes = entropy.Draw<32>();
  return items;
}

RC_GTEST_PROP(FragmentTree, AgreesWithThePlainOneHoweverItIsCut, ()) {
  testing::SeededEntropy entropy(*rc::gen::arbitrary<std::uint64_t>());
  const Suite suite = *rc::gen::elementOf(kAllSuites);
  const PlainHash hash = suite == Suite::kAes256GcmSha256 ? PlainSha256 : LabelledHash;
  const std::size_t around = 1024 * *rc::gen::inRange<std::size_t>(0, 300);
  Bytes fragment(around + *rc::gen::element<std::size_t>(0, 1, 2, 1023));
  entropy.Fill(fragment);
  const Hash256 top = PlainFragmentTop(hash, fragment);
  RC_ASSERT(FragmentTop(suite, fragment) == top);
  CoreId core;
  core.bytes = entropy.Draw<32>();
  ByteWriter root;
  root.Raw(core.bytes).U32(9).U8(4).U64(fragment.size()).Raw(top.bytes);
  RC_ASSERT(FragmentRoot(suite, core, 9, NodeAt(4), fragment) ==
            hash(labels::kFragmentRoot, root.span()));

  TreeHash tree_hash(suite);
  FragmentHasher hasher(tree_hash);
  std::size_t at = 0;
  while (at < fragment.size()) {
    const std::size_t some =
        std::min(fragment.size() - at, *rc::gen::element<std::size_t>(1, 700, 1024, 16384, 70'000));
    hasher.Update(ByteSpan(fragment).subspan(at, some));
    at += some;
    if (*rc::gen::inRange(0, 8) == 0) {
      RC_ASSERT(hasher.Top() == PlainFragmentTop(hash, ByteSpan(fragment).first(at)));
    }
  }
  RC_ASSERT(hasher.bytes() == fragment.size());
  RC_ASSERT(hasher.Top() == top);
  // Each block on its own, and all of them together.
  std::vector<Hash256> block_tops;
  at = 0;
  do {
    const std::size_t some = std::min(kMerkleBlockBytes, fragment.size() - at);
    block_tops.push_back(PlainFragmentTop(hash, ByteSpan(fragment).subspan(at, some)));
    at += some;
  } while (at < fragment.size());
  RC_ASSERT(FragmentTopOfBlocks(suite, block_tops) == top);
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
