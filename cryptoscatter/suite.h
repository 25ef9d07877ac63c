// A suite: the AEAD that seals the segments and the hash of the fragment tree, by the id in the core.
//
// Suite 1 is XChaCha20-Poly1305 and BLAKE2b (libsodium), suite 2 is AES-256-GCM and SHA-256
// (libcrypto). Everything else (ids, key derivation, share tree, batches) is labelled BLAKE2b in
// both.
// Whoever does one thing under one suite and another under the other switches over them without a
// default, so that the compiler names every place a third one is missing from.
// Errors:  InvalidArgument for an unknown suite; nothing falls back.
// Threads: a TreeHash has one owner.
// Source:  docs/share-format.md sections 2 and 7; docs/decisions/008-default-suite.md.
#ifndef WORLDB_CRYPTOSCATTER_SUITE_H_
#define WORLDB_CRYPTOSCATTER_SUITE_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::cryptoscatter {

enum class Suite : std::uint16_t { kXChaCha20Blake2b = 1, kAes256GcmSha256 = 2 };

inline constexpr std::array<Suite, 2> kAllSuites = {Suite::kXChaCha20Blake2b,
                                                    Suite::kAes256GcmSha256};
// What is sealed under when nobody says otherwise.
inline constexpr Suite kDefaultSuite = Suite::kAes256GcmSha256;

absl::Status CheckSuite(Suite suite);
// REQUIRES, here and wherever a suite is taken: CheckSuite(suite) is OK.
absl::string_view NameOf(Suite suite);

// The hash of the fragment tree: BLAKE2b-256 personalised with the label, or SHA-256 of the data and
// then the padded label. Keeps what the library wants between calls, so one call costs little more
// than its bytes.
class TreeHash {
 public:
  explicit TreeHash(Suite suite);
  ~TreeHash();
  TreeHash(TreeHash&&) noexcept;
  TreeHash& operator=(TreeHash&&) noexcept;

  Suite suite() const { return suite_; }
  Hash256 Of(const HashLabel& label, ByteSpan data);

 private:
  struct Sha256;
  Suite suite_;
  std::unique_ptr<Sha256> sha256_;  // null in suite 1
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SUITE_H_
