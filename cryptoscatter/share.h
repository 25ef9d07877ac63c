// What one node stores of one version: metadata and fragment, and apart from them its key share
// under the node's storage key. share_file.h has the file that carries all three.
//
// Errors:  InvalidArgument for bytes that do not decode; verdicts name share, version and reason.
// Threads: plain values and pure functions.
// Secrets: the key share; it is never in a Share, and at rest only wrapped.
// Source:  docs/share-format.md section 10.
#ifndef WORLDB_CRYPTOSCATTER_SHARE_H_
#define WORLDB_CRYPTOSCATTER_SHARE_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/merkle.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/script_book.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share_fault.h"

namespace worldb::cryptoscatter {

struct Share {
  static constexpr std::size_t kMetadataBytesMin =
      2 + Core::kBytes + 32 + 4 + 1 + 2 + 4 + 8 + 32 + 32 + 128 + 32 + 64 + 4 + 4;
  static constexpr std::size_t kMetadataBytesMax = kMetadataBytesMin + 8 * 32;

  Core core;
  ScriptId script;
  std::uint32_t generation = 0;
  NodeIndex index;
  Slot slot;
  SlotEpoch slot_epoch;
  Version version;
  Hash256 fragment_root;
  Hash256 key_share_hash;
  SharePath path;
  CommitProof proof;
  Bytes fragment;

  // What the writer signed, if leaf and path are honest.
  CommitmentId Commitment() const;
  ReceiptClaim Claim() const { return Claim(core.Id()); }
  // REQUIRES: `core_id` is that of its core.
  ReceiptClaim Claim(const CoreId& core_id) const {
    return {slot, slot_epoch, version, core_id, generation, index};
  }

  // Metadata and fragment are stored apart; the metadata decoder leaves `fragment` empty.
  Bytes EncodeMetadata() const;
  static absl::StatusOr<Share> DecodeMetadata(ByteSpan bytes);
  // Metadata, then the fragment.
  Bytes Encode() const;
  static absl::StatusOr<Share> Decode(ByteSpan bytes);
  friend bool operator==(const Share&, const Share&) = default;
};

// The shares of all nine nodes, hashing the leaves once; takes the fragments it is given.
std::array<Share, kNodeCount> MakeShares(const SealedValue& sealed, Fragments fragments, Slot slot,
                                         SlotEpoch slot_epoch, Version version);

// What a share tells of another one of its data center: all metadata but fragment root and key-share
// hash, which it knows only hashed together, as `leaf`.
struct SiblingMetadata {
  Share share;  // fragment root and key-share hash are zero
  Hash256 leaf;
};
// REQUIRES: another index of the same data center.
SiblingMetadata MetadataOfSibling(const Share& share, NodeIndex sibling);

// Fragment and key share stand or fall apart, but neither without the proof.
struct ShareVerdict {
  bool proof_ok = false;      // leaf, path and writer's signature hold together
  bool fragment_ok = false;   // the fragment has the signed root
  bool key_share_ok = false;  // a key share was given and has the signed hash
  // What fails, by class; kNone where nothing fails or nothing was given.
  ShareFault record_fault = ShareFault::kNone;
  ShareFault fragment_fault = ShareFault::kNone;
  ShareFault key_share_fault = ShareFault::kNone;
  CommitmentId commitment;  // when the proof holds: what the writer signed
  Hash256 batch;            // and CommitBatchDigest() of the batch it was signed in
  std::string reason;       // names share, version and what fails; empty when all given parts hold

  bool fragment_usable() const { return proof_ok && fragment_ok; }
  bool key_share_usable() const { return proof_ok && key_share_ok; }
};
// `key_share` may be null when there is none to judge, `has_fragment` false when the share came as
// metadata alone. `source` names the node in the reason. Slot, slot epoch and version are not the
// writer's to sign: the receipt and the log bind them. A share whose script is not in `scripts` has no
// proof.
ShareVerdict VerifyShare(const Share& share, const CellId& cell, BatchVerifier& verifier,
                         const KeyShare* key_share = nullptr, absl::string_view source = {},
                         bool has_fragment = true,
                         const ScriptBook& scripts = *ScriptBook::Shipped());
// The same for whoever has the id of its core. REQUIRES: `core_id` is that.
ShareVerdict VerifyShareOfCore(const Share& share, const CoreId& core_id, const CellId& cell,
                               BatchVerifier& verifier, const KeyShare* key_share,
                               absl::string_view source, bool has_fragment,
                               const ScriptBook& scripts);
// OK when everything given holds; otherwise InvalidArgument with the reason.
absl::Status ToStatus(const ShareVerdict& verdict);

// A key share under its node's storage key.
using StoredKeyShare = KeyShareBox;
using StorageKey = SecretArray<32>;
// Where a stored key share belongs, bound into its box, and its signed hash, which makes the nonce.
struct KeySharePlace {
  CoreId core;
  std::uint32_t generation = 0;
  NodeIndex index;
  NodeId node;
  Hash256 hash;
};
// REQUIRES: `share` has the hash; nonces are made of it (key_share_box.h).
StoredKeyShare WrapKeyShare(const StorageKey& storage_key, const KeySharePlace& place,
                            const KeyShare& share);
absl::StatusOr<KeyShare> UnwrapKeyShare(const StorageKey& storage_key, const KeySharePlace& place,
                                        const StoredKeyShare& stored);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SHARE_H_
