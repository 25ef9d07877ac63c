// A sealed value on its way to being scattered, and how questions between nodes are numbered.
#ifndef WORLDB_ENGINE_MESSAGES_PAYLOAD_H_
#define WORLDB_ENGINE_MESSAGES_PAYLOAD_H_

#include <cstdint>
#include <memory>

#include "arbiter/log_entry.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/sealed_value.h"

namespace worldb::engine {

// Unique per sending node; 0 is never used.
using RequestId = std::uint64_t;

// A sealed value on its way to being scattered, with what is costly to derive from it. Without
// ciphertext it is what is left in staging once enough nodes hold their fragments: the key shares that
// others are still owed.
struct Payload {
  bool whole() const { return !sealed.ciphertext.empty(); }

  cryptoscatter::SealedValue sealed;
  CommitmentId commitment;
  SharedBytes encoded;  // sealed.Encode(): what staging stores
  Bytes key;            // the key's name, for the home's index; empty where it is not known
};
using PayloadPtr = std::shared_ptr<const Payload>;

// What the writer of such an op seals.
inline cryptoscatter::ValueKind ValueKindOf(arbiter::OpKind kind) {
  return kind == arbiter::OpKind::kDelete ? cryptoscatter::ValueKind::kTombstone
                                          : cryptoscatter::ValueKind::kValue;
}

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_PAYLOAD_H_
