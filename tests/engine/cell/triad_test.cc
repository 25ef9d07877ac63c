// Goal:   a triad is the three nodes of a data center, and each has two siblings, whoever counts.
// Method: all nine nodes.
#include "engine/cell/triad.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

TEST(Triad, HasTheNodesOfItsDataCenter) {
  for (int dc = 0; dc < kDataCenterCount; ++dc) {
    const Triad triad(DataCenterAt(dc));
    NodeSet nodes;
    for (const NodeIndex node : triad.nodes()) nodes.Add(node);
    EXPECT_EQ(nodes, triad.set());
    for (int i = 0; i < kNodeCount; ++i) EXPECT_EQ(triad.Has(NodeAt(i)), triad.set().Has(i));
  }
}

TEST(Triad, EveryNodeStandsInItsPlaceBesideTwoSiblings) {
  for (int i = 0; i < kNodeCount; ++i) {
    const NodeIndex node = NodeAt(i);
    const Triad triad = Triad::Of(node);
    EXPECT_EQ(triad.At(Triad::PlaceOf(node)), node);
    EXPECT_EQ(triad.At(Triad::PlaceOf(node) + kNodesPerDataCenter), node);
    NodeSet all;
    all.Add(node);
    for (const NodeIndex sibling : Triad::SiblingsOf(node)) {
      EXPECT_FALSE(all.Has(sibling));
      all.Add(sibling);
    }
    EXPECT_EQ(all, triad.set());
  }
  EXPECT_EQ(Triad::SiblingsOf(NodeAt(5))[0], NodeAt(3));
}

}  // namespace
}  // namespace worldb::engine
