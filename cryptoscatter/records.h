// The records everything else hangs on: core, commitment, commit proof, receipt.
//
// Fixed little-endian layouts, one encoding for each value; decoders refuse trailing bytes, unknown
// formats and suites, and absurd sizes.
// Errors:  InvalidArgument for bytes that are wrong for ever, an unknown suite among them;
//          Unauthenticated for a proof that does not verify.
// Threads: plain values and pure functions; a BatchVerifier has one owner.
// Source:  docs/share-format.md sections 2 and 7.
#ifndef WORLDB_CRYPTOSCATTER_RECORDS_H_
#define WORLDB_CRYPTOSCATTER_RECORDS_H_

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/batch_nodes.h"
#include "cryptoscatter/merkle.h"
#include "cryptoscatter/newest_map.h"
#include "cryptoscatter/signing.h"
#include "cryptoscatter/suite.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kKeyNameBytesMax = 1024;
inline constexpr std::size_t kValueBytesMax = std::size_t{4} << 20;
// What is sealed: u16 length of the key's name, the name, the value.
inline constexpr std::size_t kSealedPlaintextBytesMax = 2 + kKeyNameBytesMax + kValueBytesMax;
// What a decoder takes for ciphertext or one fragment of a value, before the core says how much it is.
inline constexpr std::size_t kCiphertextBytesMax = std::size_t{8} << 20;
// Of a file: u16 length of its base name, the name, the content.
inline constexpr std::uint64_t kFilePlaintextBytesMax = std::uint64_t{1} << 40;

// The tag that stands for a key's name outside sealed values; the tag key belongs to the cell.
KeyTag KeyTagOf(const SecretArray<32>& tag_key, ByteSpan key_name);

// What a version is: a value, or the record that the key was deleted, whose value is empty.
// A file is split without a cell: no node takes it, and its plaintext may be large.
enum class ValueKind : std::uint16_t { kValue = 0, kTombstone = 1, kFile = 2 };

// The immutable heart of one version. Its prefix binds the derived keys.
struct Core {
  static constexpr std::size_t kBytes = 102;
  static constexpr std::size_t kPrefixBytes = 62;

  Suite suite = kDefaultSuite;
  ValueKind kind = ValueKind::kValue;
  CellId cell;
  KeyTag key_tag;
  OpId op_id;
  std::uint32_t segment_bytes = 0;    // plaintext bytes of a full segment; the prefix ends here
  std::uint64_t plaintext_bytes = 0;  // of the sealed plaintext, name and length included
  Hash256 key_commit;

  std::array<std::uint8_t, kBytes> Encode() const;
  static absl::StatusOr<Core> Decode(ByteSpan bytes);
  CoreId Id() const;
  // REQUIRES: segment_bytes > 0.
  std::size_t CiphertextBytes() const;
  friend bool operator==(const Core&, const Core&) = default;
};

// What a writer signs: this value, under this script, scattered as these nine leaves.
CommitmentId CommitmentIdOf(const CoreId& core, const ScriptId& script, const Hash256& leaf_root);

// One signature over a tree of up to 256 items, as seen from one of them.
struct BatchProof {
  SigningPublicKey signer;
  Signature signature;
  std::uint32_t count = 0;
  std::uint32_t index = 0;
  std::vector<Hash256> path;  // BatchPathLength(index, count) hashes

  // REQUIRES: path of the right length.
  void AppendTo(ByteWriter& out) const;
  // Marks the reader as bad when the proof is not well formed.
  static BatchProof ReadFrom(ByteReader& in);
  Bytes Encode() const;
  static absl::StatusOr<BatchProof> Decode(ByteSpan bytes);
  friend bool operator==(const BatchProof&, const BatchProof&) = default;
};
// The signer is the writer, the items are commitment ids.
using CommitProof = BatchProof;

// One proof for each commitment, in order; every 256 of them share one signature.
std::vector<CommitProof> SignBatch(const SigningKeyPair& writer, const CellId& cell,
                                   std::span<const CommitmentId> commitments);

// What the writer of a commit batch signs.
Hash256 CommitBatchDigest(const CellId& cell, const Hash256& root, std::uint32_t count,
                          const SigningPublicKey& signer);

// What a node says it holds durably: fragment and key share of one version.
struct ReceiptClaim {
  Slot slot;
  SlotEpoch slot_epoch;
  Version version;
  CoreId core;
  std::uint32_t generation = 0;
  NodeIndex index;

  Hash256 Leaf() const;
  friend bool operator==(const ReceiptClaim&, const ReceiptClaim&) = default;
};
struct Receipt {
  ReceiptClaim claim;
  BatchProof proof;  // the signer is the node

  Bytes Encode() const;
  static absl::StatusOr<Receipt> Decode(ByteSpan bytes);
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

// One receipt for each claim, in order; every 256 of them share one signature.
std::vector<Receipt> SignReceipts(const SigningKeyPair& node, const CellId& cell,
                                  std::span<const ReceiptClaim> claims);
// The signatures of these receipts alone, one for every 256 claims: all that whoever knows the claims lacks.
std::vector<Signature> SignClaims(const SigningKeyPair& node, const CellId& cell,
                                  std::span<const ReceiptClaim> claims);
absl::Status VerifyClaims(const SigningPublicKey& node, const CellId& cell,
                          std::span<const ReceiptClaim> claims,
                          std::span<const Signature> signatures);

// What a node says it cannot hold, and that the fault is its writer's: the key share that was sealed to it is
// not the one that was signed. `delivered` says what it was handed, so that whoever handed it over can tell
// whether it was the writer's.
struct RefusalClaim {
  ReceiptClaim of;
  Hash256 delivered;

  Hash256 Leaf() const;
  friend bool operator==(const RefusalClaim&, const RefusalClaim&) = default;
};
struct Refusal {
  RefusalClaim claim;
  BatchProof proof;  // the signer is the node
  friend bool operator==(const Refusal&, const Refusal&) = default;
};
Refusal SignRefusal(const SigningKeyPair& node, const CellId& cell, const RefusalClaim& claim);

// Verifies proofs, each batch signature once: the last `capacity` good ones are remembered. Of the
// last kTreesMax batches the tree's nodes are too, as far as good proofs have shown them, so that a
// further item is hashed only up to a node that is known: once, on average, where all items come in
// order. What does not fit the nodes is checked as if nothing were known.
// Memory: up to 17 KiB for a tree, 2.2 MiB for all, and 200 bytes for a signature.
// It says that `signer` signed, not that `signer` may: that is the caller's question.
class BatchVerifier {
 public:
  static constexpr std::size_t kTreesMax = 128;

  explicit BatchVerifier(std::size_t capacity = 1024);

  // CommitBatchDigest() of the batch.
  absl::StatusOr<Hash256> VerifyCommit(const CommitProof& proof, const CellId& cell,
                                       const CommitmentId& commitment);
  absl::Status VerifyReceipt(const Receipt& receipt, const CellId& cell);
  absl::Status VerifyRefusal(const Refusal& refusal, const CellId& cell);
  // Signatures really checked so far.
  std::uint64_t signature_checks() const { return signature_checks_; }

 private:
  // What was signed.
  absl::StatusOr<Hash256> Verify(const BatchProof& proof, const Hash256& item, const CellId& cell,
                                 const HashLabel& node_label, const HashLabel& signed_label,
                                 absl::string_view what);

  // What says which batch it is, with no hash computed: all that is signed but the root, and the
  // signature. Only a signer who cheats can have one signature hold for two roots; then the tree that
  // is kept is that of the first.
  struct Batch {
    HashLabel signed_label;
    CellId cell;
    std::uint32_t count;
    SigningPublicKey signer;
    Signature signature;
    friend bool operator==(const Batch&, const Batch&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Batch& batch) {
      return H::combine(std::move(h), batch.signature);
    }
  };
  struct Tree {
    BatchNodes nodes;
    Hash256 digest;
  };

  NewestMap<Hash256, Signature> good_;  // by signed digest
  NewestMap<Batch, Tree> trees_;
  std::uint64_t signature_checks_ = 0;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_RECORDS_H_
