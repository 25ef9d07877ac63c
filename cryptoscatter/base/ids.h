// Distinct types for every identifier, so a version can never be passed where an epoch is meant.
//
// Threads: plain values.
#ifndef WORLDB_CRYPTOSCATTER_BASE_IDS_H_
#define WORLDB_CRYPTOSCATTER_BASE_IDS_H_

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "cryptoscatter/base/bytes.h"

namespace worldb {

// N opaque bytes. Ordered bytewise; the order carries no meaning but is the same everywhere.
template <typename Tag, std::size_t N>
struct FixedId {
  static constexpr std::size_t kBytes = N;
  std::array<std::uint8_t, N> bytes{};

  friend auto operator<=>(const FixedId&, const FixedId&) = default;
  ByteSpan span() const { return bytes; }
  std::string Hex() const { return HexEncode(bytes); }
  bool IsZero() const {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
  }
  template <typename H>
  friend H AbslHashValue(H h, const FixedId& id) {
    return H::combine(std::move(h), id.bytes);
  }
};

// An integer that does not mix with others. Arithmetic goes through value().
template <typename Tag, typename Int>
class StrongInt {
 public:
  using Underlying = Int;
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Int value) : value_(value) {}
  constexpr Int value() const { return value_; }
  constexpr StrongInt Next() const { return StrongInt(static_cast<Int>(value_ + 1)); }
  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;
  template <typename H>
  friend H AbslHashValue(H h, StrongInt v) {
    return H::combine(std::move(h), v.value_);
  }

 private:
  Int value_ = 0;
};

using CellId = FixedId<struct CellIdTag, 16>;
// Keyed hash of a key's name: what logs and shares carry instead of the name.
using KeyTag = FixedId<struct KeyTagTag, 16>;
// UUIDv7 of one operation (arbiter/op_id.h).
using OpId = FixedId<struct OpIdTag, 16>;
// Hash of a node's Ed25519 public key.
using NodeId = FixedId<struct NodeIdTag, 16>;
// What the client says its op does, hashed under a secret of the client's: "same content".
using ContentTag = FixedId<struct ContentTagTag, 16>;
using Hash128 = FixedId<struct Hash128Tag, 16>;
using Hash256 = FixedId<struct Hash256Tag, 32>;
using CoreId = FixedId<struct CoreIdTag, 32>;
using ScriptId = FixedId<struct ScriptIdTag, 32>;
using CommitmentId = FixedId<struct CommitmentIdTag, 32>;

// Position of a node in its cell, 0 to 8; data center d holds 3d, 3d+1, 3d+2.
using NodeIndex = StrongInt<struct NodeIndexTag, std::uint8_t>;
using DataCenterIndex = StrongInt<struct DataCenterIndexTag, std::uint8_t>;
using Slot = StrongInt<struct SlotTag, std::uint16_t>;
// Counts from 1 for each key; 0 means "no version yet".
using Version = StrongInt<struct VersionTag, std::uint64_t>;
using SlotEpoch = StrongInt<struct SlotEpochTag, std::uint32_t>;
using StreamEpoch = StrongInt<struct StreamEpochTag, std::uint64_t>;
using FrameNumber = StrongInt<struct FrameNumberTag, std::uint64_t>;
using KeyEpoch = StrongInt<struct KeyEpochTag, std::uint32_t>;
using LogEpoch = StrongInt<struct LogEpochTag, std::uint64_t>;
using LogIndex = StrongInt<struct LogIndexTag, std::uint64_t>;

inline constexpr int kDataCenterCount = 3;
inline constexpr int kNodesPerDataCenter = 3;
inline constexpr int kNodeCount = kDataCenterCount * kNodesPerDataCenter;

constexpr DataCenterIndex DataCenterOf(NodeIndex node) {
  return DataCenterIndex(static_cast<std::uint8_t>(node.value() / kNodesPerDataCenter));
}
constexpr NodeIndex NodeAt(int index) { return NodeIndex(static_cast<std::uint8_t>(index)); }
constexpr DataCenterIndex DataCenterAt(int index) {
  return DataCenterIndex(static_cast<std::uint8_t>(index));
}

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_IDS_H_
