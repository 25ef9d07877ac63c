// Linear sharing of a value's key over the nine nodes, bit-sliced and constant time.
//
// The 48-byte secret is the data key and 16 bytes of blinding (so the hash of a key share tells
// nothing about it). A node has a row of the key matrix for each of its places in the key clause, and
// of each row its key share has that row times (secret, random coefficients), byte by byte over
// GF(2^8)/0x11d; the coefficients are uniform, zero included. A set reads exactly when its rows span
// (1, 0, ..., 0), which is when the gates of the clause admit it.
// Shapes:  0 to kKeyRowsMax rows a node, so at most kKeyPlacesMax rows and as many columns.
// Errors:  FailedPrecondition when the shares are not of a qualified set; InvalidArgument for an
//          index twice or out of range, or a share with another number of rows than its node's.
// Threads: immutable; const methods may be called from any thread.
// Secrets: secret, coefficients and shares. Nothing branches or indexes on them; only on the
//          public policy, its matrix, and numbers of rows.
// Source:  docs/share-format.md sections 3 and 5.
#ifndef WORLDB_CRYPTOSCATTER_KEY_SHARING_H_
#define WORLDB_CRYPTOSCATTER_KEY_SHARING_H_

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/gf256.h"
#include "cryptoscatter/script_text.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kDataKeyBytes = 32;
inline constexpr std::size_t kBlindingBytes = 16;
inline constexpr std::size_t kKeyRowBytes = kDataKeyBytes + kBlindingBytes;

// Data key, then blinding.
using KeySecret = SecretArray<kKeyRowBytes>;

// What one node holds of a key: its rows, one after the other. Move-only, in locked memory.
class KeyShare {
 public:
  // All zero. REQUIRES: 0 <= rows <= kKeyRowsMax.
  explicit KeyShare(int rows = 0);

  KeyShare Duplicate() const { return KeyShare(bytes_.Duplicate()); }
  int rows() const { return static_cast<int>(bytes_.size() / kKeyRowBytes); }
  std::size_t size() const { return bytes_.size(); }
  ByteSpan ExposeSecret() const { return bytes_.ExposeSecret(); }
  MutableByteSpan ExposeSecretMutable() { return bytes_.ExposeSecretMutable(); }
  ByteSpan ExposeRow(int row) const {
    return ExposeSecret().subspan(static_cast<std::size_t>(row) * kKeyRowBytes, kKeyRowBytes);
  }
  MutableByteSpan ExposeRowMutable(int row) {
    return ExposeSecretMutable().subspan(static_cast<std::size_t>(row) * kKeyRowBytes,
                                         kKeyRowBytes);
  }

 private:
  explicit KeyShare(SecretSlot bytes) : bytes_(std::move(bytes)) {}

  SecretSlot bytes_;
};
using KeyShares = std::array<KeyShare, kNodeCount>;

struct IndexedKeyShare {
  NodeIndex index;
  KeyShare share;
};

// The rows of one key share times public factors, added up: row t of the result is the sum of
// factors.at(t, r) times row r. What combining is made of, for repair. REQUIRES: at most kKeyRowsMax
// rows of factors, and a column for each row of the share.
KeyShare Weigh(const gf256::Matrix& factors, const KeyShare& share);
// REQUIRES: as many rows.
void AddTo(KeyShare& sum, const KeyShare& term);

class KeySharing {
 public:
  // REQUIRES: thresholds of 1 to as many as there are members, at most kKeyRowsMax places a node.
  explicit KeySharing(const KeyPolicy& policy);

  // The rows of node 0 in the order of its places, then those of node 1, and so on.
  const gf256::Matrix& matrix() const { return matrix_; }
  int RowCount(NodeIndex node) const {
    return first_row_[node.value() + std::size_t{1}] - first_row_[node.value()];
  }
  // The rows of the matrix that `set` holds, in order.
  std::vector<int> RowsOf(NodeSet set) const;
  bool CanRead(NodeSet set) const { return can_read_[set.bits()]; }

  KeyShares Split(const KeySecret& secret, Entropy& entropy) const;
  // The secret, from shares of a qualified set; uses only as many as it needs. Shares that were not
  // checked before can give a wrong secret: the key commitment decides.
  absl::StatusOr<KeySecret> Combine(std::span<const IndexedKeyShare> shares) const;

 private:
  // By rows of the matrix: what to multiply each with; zero for one that is not needed.
  using Factors = std::array<std::uint8_t, kKeyPlacesMax>;

  Factors FactorsOf(NodeSet qualified) const;
  void AddFactors(const KeyPolicy& policy, NodeSet set, std::uint8_t scale, int first_place,
                  Factors& factors) const;

  KeyPolicy policy_;
  std::array<int, kNodeCount + 1> first_row_{};
  std::vector<int> row_of_place_;  // places in the order of the text
  gf256::Matrix matrix_;
  std::array<bool, NodeSet::kSubsetCount> can_read_{};
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_KEY_SHARING_H_
