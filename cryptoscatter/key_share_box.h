// A key share under a key of somebody's: writer to node, node to reader, node to its own disk.
//
// Shapes:  u8 rows, then XChaCha20-Poly1305 of the rows: 17 + 48 bytes for each row.
// Errors:  OpenFailure() for anything that was not sealed so; a reader turns bad for more than
//          kKeyRowsMax rows.
// Threads: plain values and pure functions.
// Secrets: the key and the key share; the number of rows is public.
// Source:  docs/share-format.md section 8; docs/decisions/013-several-rows-a-node.md.
#ifndef WORLDB_CRYPTOSCATTER_KEY_SHARE_BOX_H_
#define WORLDB_CRYPTOSCATTER_KEY_SHARE_BOX_H_

#include <cstdint>
#include <span>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/key_sharing.h"

namespace worldb::cryptoscatter {

class KeyShareBox {
 public:
  static constexpr std::size_t kNonceBytes = 24;
  static constexpr std::size_t kTagBytes = 16;
  static constexpr std::size_t kBytesMin = 1 + kTagBytes;
  static constexpr std::size_t kBytesMax = kBytesMin + kKeyRowsMax * kKeyRowBytes;
  using Nonce = std::span<const std::uint8_t, kNonceBytes>;

  // All zero; opens under no key.
  explicit KeyShareBox(int rows = 0)
      : sealed_(static_cast<std::size_t>(rows) * kKeyRowBytes + kTagBytes) {}
  // REQUIRES: under this key, the nonce was and will be used with this share only.
  static KeyShareBox Seal(const SecretArray<32>& key, Nonce nonce, ByteSpan additional_data,
                          const KeyShare& share);
  absl::StatusOr<KeyShare> Open(const SecretArray<32>& key, Nonce nonce,
                                ByteSpan additional_data) const;

  // The nonce where no other travels along: the key-share hash begins with it. The hash is of core,
  // index and all of the rows, with 16 bytes of blinding in each, so a nonce comes again only with
  // the same key share. REQUIRES: to seal, that it is the hash of this very share.
  static Nonce NonceOf(const Hash256& key_share_hash);

  int rows() const { return static_cast<int>((sealed_.size() - kTagBytes) / kKeyRowBytes); }
  std::size_t bytes() const { return 1 + sealed_.size(); }
  void AppendTo(ByteWriter& out) const;
  static KeyShareBox ReadFrom(ByteReader& in);
  friend bool operator==(const KeyShareBox&, const KeyShareBox&) = default;

 private:
  // Whole rows and the tag; of one row without any heap.
  absl::InlinedVector<std::uint8_t, kKeyRowBytes + kTagBytes> sealed_;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_KEY_SHARE_BOX_H_
