// The three nodes of one data center, which judge the keys whose home it is.
//
// Threads: plain values.
// Source:  docs/glossary.md, triad.
#ifndef WORLDB_ENGINE_CELL_TRIAD_H_
#define WORLDB_ENGINE_CELL_TRIAD_H_

#include <array>

#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::engine {

class Triad {
 public:
  // Two of three: what a triad has done on so many survives the loss of any one.
  static constexpr int kMajority = 2;

  constexpr explicit Triad(DataCenterIndex data_center) : data_center_(data_center) {}
  // The one `node` is of.
  static constexpr Triad Of(NodeIndex node) { return Triad(DataCenterOf(node)); }
  // Where `node` stands in its triad: 0 to 2.
  static constexpr int PlaceOf(NodeIndex node) { return node.value() % kNodesPerDataCenter; }

  constexpr DataCenterIndex data_center() const { return data_center_; }
  constexpr bool Has(NodeIndex node) const { return DataCenterOf(node) == data_center_; }
  constexpr NodeSet set() const { return NodeSet::Of(data_center_); }
  // `place` from 0; three on is the same node again.
  constexpr NodeIndex At(int place) const {
    return NodeAt(data_center_.value() * kNodesPerDataCenter + place % kNodesPerDataCenter);
  }
  constexpr std::array<NodeIndex, kNodesPerDataCenter> nodes() const {
    return {At(0), At(1), At(2)};
  }
  // The other two, the one after `node` first.
  static constexpr std::array<NodeIndex, kNodesPerDataCenter - 1> SiblingsOf(NodeIndex node) {
    const Triad triad = Of(node);
    return {triad.At(PlaceOf(node) + 1), triad.At(PlaceOf(node) + 2)};
  }

  friend constexpr bool operator==(Triad, Triad) = default;

 private:
  DataCenterIndex data_center_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CELL_TRIAD_H_
