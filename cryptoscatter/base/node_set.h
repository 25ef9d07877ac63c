// A set of the cell's nine nodes, as a value.
#ifndef WORLDB_CRYPTOSCATTER_BASE_NODE_SET_H_
#define WORLDB_CRYPTOSCATTER_BASE_NODE_SET_H_

#include <array>
#include <bit>
#include <cstdint>

#include "cryptoscatter/base/ids.h"

namespace worldb {

class NodeSet {
 public:
  static constexpr int kSubsetCount = 1 << kNodeCount;

  constexpr NodeSet() = default;
  // Bit j stands for node j; bits above the ninth are dropped.
  static constexpr NodeSet FromBits(std::uint32_t bits) {
    NodeSet s;
    s.bits_ = static_cast<std::uint16_t>(bits & (kSubsetCount - 1));
    return s;
  }
  static constexpr NodeSet All() { return FromBits(kSubsetCount - 1); }
  static constexpr NodeSet Of(DataCenterIndex dc) {
    return FromBits(7u << (kNodesPerDataCenter * dc.value()));
  }

  constexpr std::uint16_t bits() const { return bits_; }
  constexpr bool Has(NodeIndex node) const { return (bits_ >> node.value()) & 1; }
  constexpr bool Has(int index) const { return (bits_ >> index) & 1; }
  constexpr int Count() const { return std::popcount(bits_); }
  constexpr int CountIn(DataCenterIndex dc) const { return (*this & Of(dc)).Count(); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr void Add(NodeIndex node) { bits_ |= static_cast<std::uint16_t>(1u << node.value()); }
  constexpr void Remove(NodeIndex node) {
    bits_ &= static_cast<std::uint16_t>(~(1u << node.value()));
  }
  constexpr NodeSet Minus(NodeSet other) const { return FromBits(bits_ & ~other.bits_); }
  // Shares per data center, in data center order.
  constexpr std::array<int, kDataCenterCount> PerDataCenter() const {
    return {CountIn(DataCenterAt(0)), CountIn(DataCenterAt(1)), CountIn(DataCenterAt(2))};
  }

  friend constexpr NodeSet operator|(NodeSet a, NodeSet b) { return FromBits(a.bits_ | b.bits_); }
  friend constexpr NodeSet operator&(NodeSet a, NodeSet b) { return FromBits(a.bits_ & b.bits_); }
  friend constexpr bool operator==(NodeSet, NodeSet) = default;

 private:
  std::uint16_t bits_ = 0;
};

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_NODE_SET_H_
