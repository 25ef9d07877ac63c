// What a node writes to its own disk beside shares and must not be readable there: sealed under the
// node's storage key and bound to the place it is stored at.
//
// Shapes:  a sealed one is nonce (24), ciphertext, tag (16): kAtRestOverheadBytes longer.
// Errors:  OpenFailure() (DataLoss) for anything that was not sealed for this place under this key.
// Threads: pure functions.
// Secrets: the storage key and what is sealed. Its length stays visible.
// Source:  docs/share-format.md section 2.
#ifndef WORLDB_CRYPTOSCATTER_AT_REST_H_
#define WORLDB_CRYPTOSCATTER_AT_REST_H_

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kAtRestOverheadBytes = 24 + 16;

Bytes SealAtRest(const SecretArray<32>& storage_key, ByteSpan place, ByteSpan plaintext,
                 Entropy& entropy);
absl::StatusOr<Bytes> OpenAtRest(const SecretArray<32>& storage_key, ByteSpan place,
                                 ByteSpan sealed);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_AT_REST_H_
