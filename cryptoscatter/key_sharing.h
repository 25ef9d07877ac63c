// Linear sharing of a value's key over the nine nodes, bit-sliced and constant time.
//
// The 48-byte secret is the data key and 16 bytes of blinding (so the hash of a key share tells
// nothing about it). Share j is row j of the key matrix times (secret, random coefficients), byte
// by byte over GF(2^8)/0x11d; the coefficients are uniform, zero included. A set reads exactly when
// its rows span (1, 0, ..., 0).
// Errors:  FailedPrecondition when the shares are not of a qualified set; InvalidArgument for an
//          index twice or out of range.
// Threads: immutable; const methods may be called from any thread.
// Secrets: secret, coefficients and shares. Nothing branches or indexes on them; only on the
//          public matrix.
// Source:  docs/share-format.md section 5.
#ifndef WORLDB_CRYPTOSCATTER_KEY_SHARING_H_
#define WORLDB_CRYPTOSCATTER_KEY_SHARING_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/gf256.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kDataKeyBytes = 32;
inline constexpr std::size_t kBlindingBytes = 16;
inline constexpr std::size_t kKeyShareBytes = kDataKeyBytes + kBlindingBytes;

// Data key, then blinding.
using KeySecret = SecretArray<kKeyShareBytes>;
using KeyShare = SecretArray<kKeyShareBytes>;
using KeyShares = std::array<KeyShare, kNodeCount>;

struct IndexedKeyShare {
  NodeIndex index;
  KeyShare share;
};

// `factor` times each byte of a key share, and one key share added to another: what combining is
// made of, for repair. Constant time in the shares; the factor is public.
KeyShare Scale(std::uint8_t factor, const KeyShare& share);
void AddTo(KeyShare& sum, const KeyShare& term);

class KeySharing {
 public:
  // REQUIRES: nine rows, 1 to 9 columns.
  explicit KeySharing(gf256::Matrix matrix);

  const gf256::Matrix& matrix() const { return matrix_; }
  bool CanRead(NodeSet set) const { return can_read_[set.bits()]; }

  KeyShares Split(const KeySecret& secret, Entropy& entropy) const;
  // The secret, from shares of a qualified set; uses only as many as it needs. Shares that were not
  // checked before can give a wrong secret: the key commitment decides.
  absl::StatusOr<KeySecret> Combine(std::span<const IndexedKeyShare> shares) const;

 private:
  gf256::Matrix matrix_;
  std::array<bool, NodeSet::kSubsetCount> can_read_{};
  // For a qualified set: what to multiply each share with; zero for a share that is not needed.
  std::array<std::array<std::uint8_t, kNodeCount>, NodeSet::kSubsetCount> combine_{};
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_KEY_SHARING_H_
