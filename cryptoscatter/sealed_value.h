// What leaves the edge: ciphertext, nine sealed key shares and the commitment. No plaintext, no
// key.
//
// Errors:  InvalidArgument for a name or value too long, a tombstone with a value, bytes that do not
//          decode, or a sealed value whose roots do not match its ciphertext (naming the fragment).
// Threads: plain values and pure functions; a const WriterSession may be used from any thread.
// Secrets: name, value, data key and key shares live only inside Seal().
// Source:  docs/share-format.md sections 8 and 9.
#ifndef WORLDB_CRYPTOSCATTER_SEALED_VALUE_H_
#define WORLDB_CRYPTOSCATTER_SEALED_VALUE_H_

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/key_share_box.h"
#include "cryptoscatter/key_sharing.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/script.h"

namespace worldb::cryptoscatter {

// A key share under a pairwise key: writer to node, or node to reader.
using SealedKeyShare = KeyShareBox;

// Whose key share it is, and its signed hash: what a sealed value and share metadata say of it.
struct KeyShareRef {
  CoreId core;
  NodeIndex index;
  Hash256 hash;
};
// `receiver` is the receiving node's id, or ReaderIdOf() of a reader's key. REQUIRES: `share` has
// the hash; nonces are made of it (key_share_box.h).
SealedKeyShare SealKeyShare(const PairwiseKey& pairwise, const KeyShareRef& ref,
                            const NodeId& receiver, const KeyShare& share);
// What opens may have another hash still, if its sealer lied.
absl::StatusOr<KeyShare> OpenKeyShare(const PairwiseKey& pairwise, const KeyShareRef& ref,
                                      const NodeId& receiver, const SealedKeyShare& sealed);
// What a node was handed, as its refusal names it.
Hash256 DeliveredHash(const ExchangePublicKey& writer, const SealedKeyShare& sealed);

// A node as a writer sees it: its id and its exchange key of the present key epoch.
struct SealTarget {
  NodeId node;
  ExchangePublicKey exchange_key;
};

// A writer process's ephemeral pair with its nine pairwise keys. The owner renews it at least every
// hour or 2^20 values, and when a node's exchange key changes.
class WriterSession {
 public:
  static absl::StatusOr<WriterSession> Create(const std::array<SealTarget, kNodeCount>& nodes,
                                              Entropy& entropy);
  const ExchangePublicKey& public_key() const { return pair_.public_key(); }
  const std::array<SealTarget, kNodeCount>& nodes() const { return nodes_; }
  const PairwiseKey& pairwise_key(NodeIndex node) const { return pairwise_[node.value()]; }
  // Hedges data keys against a bad random generator.
  const SecretArray<32>& hedge() const { return hedge_; }

 private:
  WriterSession(ExchangeKeyPair pair, const std::array<SealTarget, kNodeCount>& nodes);

  ExchangeKeyPair pair_;
  std::array<SealTarget, kNodeCount> nodes_;
  std::array<PairwiseKey, kNodeCount> pairwise_;
  SecretArray<32> hedge_;
};

struct SealedValue {
  Core core;
  ScriptId script;
  std::array<Hash256, kNodeCount> fragment_roots;  // generation 0
  std::array<Hash256, kNodeCount> key_share_hashes;
  ExchangePublicKey writer_exchange_key;
  std::array<ExchangePublicKey, kNodeCount> node_exchange_keys;
  std::array<SealedKeyShare, kNodeCount> key_shares;
  CommitProof proof;  // filled in by the batcher
  Bytes ciphertext;

  // Nine leaf hashes and four nodes: keep the result rather than ask twice.
  ShareTree Leaves(const CoreId& core_id) const;
  CommitmentId Commitment() const;

  // REQUIRES: a proof (SignBatch).
  Bytes Encode() const;
  // Well formed, and the ciphertext has the size the core says or, where that is allowed, is absent:
  // what nodes are still owed when the ciphertext has been let go. Nothing is verified.
  enum class Ciphertext { kRequired, kMayBeAbsent };
  static absl::StatusOr<SealedValue> Decode(ByteSpan bytes,
                                            Ciphertext rule = Ciphertext::kRequired);
  friend bool operator==(const SealedValue&, const SealedValue&) = default;
};

struct SealRequest {
  CellId cell;
  KeyTag key_tag;
  OpId op_id;
  ByteSpan key_name;
  ByteSpan value;
  ValueKind kind = ValueKind::kValue;
  Suite suite = kDefaultSuite;
};
// Everything but the proof.
absl::StatusOr<SealedValue> Seal(const Script& script, const SealRequest& request,
                                 const WriterSession& session, Entropy& entropy);

// Codes the ciphertext again and compares all nine roots with the claimed ones. The proof is verified
// elsewhere (BatchVerifier).
absl::Status VerifySealedValue(const Script& script, const SealedValue& sealed);
// The same, and keeps the fragments, so that the scatterer need not code twice.
absl::StatusOr<Fragments> CheckSealedValue(const Script& script, const SealedValue& sealed);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SEALED_VALUE_H_
