#include "cryptoscatter/records.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/erasure_code.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::array<std::uint8_t, 4> kCoreMagic = {'W', 'D', 'C', '1'};
constexpr std::uint16_t kCoreFormat = 1;
constexpr std::size_t kReceiptFixedBytes = 2 + 4 + 8 + 32 + 4 + 1;

Hash256 SignedDigest(const HashLabel& label, const CellId& cell, const Hash256& root,
                     std::uint32_t count, const SigningPublicKey& signer) {
  FixedWriter<16 + 32 + 4 + 32> input;
  input.Raw(cell.bytes).Raw(root.bytes).U32(count).Raw(signer.bytes);
  return LabelledHash(label, input.array());
}

std::vector<Hash256> LeavesOf(std::span<const ReceiptClaim> claims) {
  std::vector<Hash256> leaves;
  leaves.reserve(claims.size());
  for (const ReceiptClaim& claim : claims) leaves.push_back(claim.Leaf());
  return leaves;
}

Hash256 ReceiptsDigest(const SigningPublicKey& node, const CellId& cell,
                       std::span<const ReceiptClaim> claims) {
  const BatchTree tree(labels::kReceiptBatchNode, LeavesOf(claims));
  return SignedDigest(labels::kReceiptBatchSigned, cell, tree.root(), tree.count(), node);
}

// One proof for each item; every kBatchCountMax of them share a tree and a signature.
std::vector<BatchProof> Sign(const SigningKeyPair& signer, const CellId& cell,
                             std::span<const Hash256> items, const HashLabel& node_label,
                             const HashLabel& signed_label) {
  std::vector<BatchProof> proofs;
  proofs.reserve(items.size());
  while (!items.empty()) {
    const std::size_t count = std::min<std::size_t>(items.size(), kBatchCountMax);
    const BatchTree tree(node_label, items.first(count));
    const Hash256 digest =
        SignedDigest(signed_label, cell, tree.root(), tree.count(), signer.public_key());
    const Signature signature = signer.Sign(digest.bytes);
    for (std::uint32_t i = 0; i < count; ++i) {
      proofs.push_back({signer.public_key(), signature, tree.count(), i, tree.PathOf(i)});
    }
    items = items.subspan(count);
  }
  return proofs;
}

Hash256 ItemOf(const CommitmentId& commitment) { return Hash256{commitment.bytes}; }

}  // namespace

KeyTag KeyTagOf(const SecretArray<32>& tag_key, ByteSpan key_name) {
  KeyTag tag;
  KeyedHash(labels::kKeyTag, tag_key.ExposeSecret(), key_name, tag.bytes);
  return tag;
}

std::array<std::uint8_t, Core::kBytes> Core::Encode() const {
  FixedWriter<kBytes> out;
  out.Raw(kCoreMagic).U16(kCoreFormat).U16(static_cast<std::uint16_t>(suite));
  out.U16(static_cast<std::uint16_t>(kind)).Raw(cell.bytes);
  out.Raw(key_tag.bytes).Raw(op_id.bytes).U32(segment_bytes);
  WORLDB_CHECK(out.size() == kPrefixBytes);
  return out.U64(plaintext_bytes).Raw(key_commit.bytes).array();
}

absl::StatusOr<Core> Core::Decode(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.Array<4>() != kCoreMagic) in.Fail("not a core: wrong magic");
  if (in.U16() != kCoreFormat) in.Fail("unknown core format");
  Core core;
  core.suite = static_cast<Suite>(in.U16());
  const std::uint16_t kind = in.U16();
  if (kind > static_cast<std::uint16_t>(ValueKind::kFile)) in.Fail("unknown kind");
  core.kind = static_cast<ValueKind>(kind);
  core.cell.bytes = in.Array<16>();
  core.key_tag.bytes = in.Array<16>();
  core.op_id.bytes = in.Array<16>();
  core.segment_bytes = in.U32();
  core.plaintext_bytes = in.U64();
  core.key_commit.bytes = in.Array<32>();
  WORLDB_RETURN_IF_ERROR(in.Finish("core"));
  if (const absl::Status known = CheckSuite(core.suite); !known.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("core: ", known.message()));
  }
  const std::uint64_t stripe_bytes = std::uint64_t{core.segment_bytes} + kSegmentTagBytes;
  if (stripe_bytes % kStripeUnitBytes != 0 || stripe_bytes > kNodeCount * kStripeUnitBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("core: ", core.segment_bytes, " is not a segment size of any code"));
  }
  const std::uint64_t plaintext_bytes_max = core.kind == ValueKind::kFile ? kFilePlaintextBytesMax
                                            : core.kind == ValueKind::kTombstone
                                                ? 2 + kKeyNameBytesMax
                                                : kSealedPlaintextBytesMax;
  if (core.plaintext_bytes < 2 || core.plaintext_bytes > plaintext_bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "core: ", core.plaintext_bytes, " plaintext bytes, not 2 to ", plaintext_bytes_max));
  }
  return core;
}

CoreId Core::Id() const { return CoreId{LabelledHash(labels::kCoreId, Encode()).bytes}; }

std::size_t Core::CiphertextBytes() const {
  return cryptoscatter::CiphertextBytes(plaintext_bytes, segment_bytes);
}

CommitmentId CommitmentIdOf(const CoreId& core, const ScriptId& script, const Hash256& leaf_root) {
  FixedWriter<96> input;
  input.Raw(core.bytes).Raw(script.bytes).Raw(leaf_root.bytes);
  return CommitmentId{LabelledHash(labels::kCommitmentId, input.array()).bytes};
}

void BatchProof::AppendTo(ByteWriter& out) const {
  WORLDB_CHECK(index < count && path.size() == BatchPathLength(index, count));
  out.Raw(signer.bytes).Raw(signature.bytes).U32(count).U32(index);
  for (const Hash256& hash : path) out.Raw(hash.bytes);
}

BatchProof BatchProof::ReadFrom(ByteReader& in) {
  BatchProof proof;
  proof.signer.bytes = in.Array<32>();
  proof.signature.bytes = in.Array<64>();
  proof.count = in.U32();
  proof.index = in.U32();
  if (!in.ok()) return proof;
  if (proof.count > kBatchCountMax || proof.index >= proof.count) {
    in.Fail(absl::StrCat("item ", proof.index, " of a batch of ", proof.count));
    return proof;
  }
  proof.path.resize(BatchPathLength(proof.index, proof.count));
  for (Hash256& hash : proof.path) hash.bytes = in.Array<32>();
  return proof;
}

Bytes BatchProof::Encode() const {
  ByteWriter out;
  AppendTo(out);
  return std::move(out).Take();
}

absl::StatusOr<BatchProof> BatchProof::Decode(ByteSpan bytes) {
  ByteReader in(bytes);
  BatchProof proof = ReadFrom(in);
  WORLDB_RETURN_IF_ERROR(in.Finish("batch proof"));
  return proof;
}

std::vector<CommitProof> SignBatch(const SigningKeyPair& writer, const CellId& cell,
                                   std::span<const CommitmentId> commitments) {
  std::vector<Hash256> items;
  items.reserve(commitments.size());
  for (const CommitmentId& commitment : commitments) items.push_back(ItemOf(commitment));
  return Sign(writer, cell, items, labels::kCommitBatchNode, labels::kCommitBatchSigned);
}

Hash256 CommitBatchDigest(const CellId& cell, const Hash256& root, std::uint32_t count,
                          const SigningPublicKey& signer) {
  return SignedDigest(labels::kCommitBatchSigned, cell, root, count, signer);
}

Hash256 ReceiptClaim::Leaf() const {
  FixedWriter<kReceiptFixedBytes> input;
  input.U16(slot.value()).U32(slot_epoch.value()).U64(version.value());
  input.Raw(core.bytes).U32(generation).U8(index.value());
  return LabelledHash(labels::kReceiptLeaf, input.array());
}

Bytes Receipt::Encode() const {
  ByteWriter out;
  out.U16(claim.slot.value()).U32(claim.slot_epoch.value()).U64(claim.version.value());
  out.Raw(claim.core.bytes).U32(claim.generation).U8(claim.index.value());
  proof.AppendTo(out);
  return std::move(out).Take();
}

absl::StatusOr<Receipt> Receipt::Decode(ByteSpan bytes) {
  ByteReader in(bytes);
  Receipt receipt;
  receipt.claim.slot = Slot(in.U16());
  receipt.claim.slot_epoch = SlotEpoch(in.U32());
  receipt.claim.version = Version(in.U64());
  receipt.claim.core.bytes = in.Array<32>();
  receipt.claim.generation = in.U32();
  receipt.claim.index = NodeIndex(in.U8());
  if (receipt.claim.index.value() >= kNodeCount) in.Fail("share index above 8");
  receipt.proof = BatchProof::ReadFrom(in);
  WORLDB_RETURN_IF_ERROR(in.Finish("receipt"));
  return receipt;
}

std::vector<Receipt> SignReceipts(const SigningKeyPair& node, const CellId& cell,
                                  std::span<const ReceiptClaim> claims) {
  std::vector<BatchProof> proofs =
      Sign(node, cell, LeavesOf(claims), labels::kReceiptBatchNode, labels::kReceiptBatchSigned);
  std::vector<Receipt> receipts;
  receipts.reserve(claims.size());
  for (std::size_t i = 0; i < claims.size(); ++i) {
    receipts.push_back({claims[i], std::move(proofs[i])});
  }
  return receipts;
}

std::vector<Signature> SignClaims(const SigningKeyPair& node, const CellId& cell,
                                  std::span<const ReceiptClaim> claims) {
  std::vector<Signature> signatures;
  while (!claims.empty()) {
    const auto batch = claims.first(std::min<std::size_t>(claims.size(), kBatchCountMax));
    signatures.push_back(node.Sign(ReceiptsDigest(node.public_key(), cell, batch).bytes));
    claims = claims.subspan(batch.size());
  }
  return signatures;
}

absl::Status VerifyClaims(const SigningPublicKey& node, const CellId& cell,
                          std::span<const ReceiptClaim> claims,
                          std::span<const Signature> signatures) {
  if (signatures.size() != (claims.size() + kBatchCountMax - 1) / kBatchCountMax) {
    return absl::InvalidArgumentError(absl::StrCat("receipts: ", signatures.size(),
                                                   " signatures for ", claims.size(), " claims"));
  }
  for (const Signature& signature : signatures) {
    const auto batch = claims.first(std::min<std::size_t>(claims.size(), kBatchCountMax));
    WORLDB_RETURN_IF_ERROR(
        VerifySignature(node, ReceiptsDigest(node, cell, batch).bytes, signature, "receipts"));
    claims = claims.subspan(batch.size());
  }
  return absl::OkStatus();
}

Hash256 RefusalClaim::Leaf() const {
  FixedWriter<2 * 32> input;
  input.Raw(of.Leaf().bytes).Raw(delivered.bytes);
  return LabelledHash(labels::kRefusalLeaf, input.array());
}

Refusal SignRefusal(const SigningKeyPair& node, const CellId& cell, const RefusalClaim& claim) {
  const Hash256 item = claim.Leaf();
  return {claim, std::move(Sign(node, cell, {&item, 1}, labels::kRefusalBatchNode,
                                labels::kRefusalBatchSigned)
                               .front())};
}

BatchVerifier::BatchVerifier(std::size_t capacity)
    : good_(capacity), trees_(std::min(capacity, kTreesMax)) {
  WORLDB_CHECK(sodium_init() >= 0);  // a pure reader owns no key pair, and wants the fast BLAKE2b
}

absl::StatusOr<Hash256> BatchVerifier::VerifyCommit(const CommitProof& proof, const CellId& cell,
                                                    const CommitmentId& commitment) {
  return Verify(proof, ItemOf(commitment), cell, labels::kCommitBatchNode,
                labels::kCommitBatchSigned, "commit proof");
}

absl::Status BatchVerifier::VerifyReceipt(const Receipt& receipt, const CellId& cell) {
  return Verify(receipt.proof, receipt.claim.Leaf(), cell, labels::kReceiptBatchNode,
                labels::kReceiptBatchSigned, "receipt")
      .status();
}

absl::Status BatchVerifier::VerifyRefusal(const Refusal& refusal, const CellId& cell) {
  return Verify(refusal.proof, refusal.claim.Leaf(), cell, labels::kRefusalBatchNode,
                labels::kRefusalBatchSigned, "refusal")
      .status();
}

absl::StatusOr<Hash256> BatchVerifier::Verify(const BatchProof& proof, const Hash256& item,
                                              const CellId& cell, const HashLabel& node_label,
                                              const HashLabel& signed_label,
                                              absl::string_view what) {
  if (proof.index >= proof.count || proof.count > kBatchCountMax ||
      proof.path.size() != BatchPathLength(proof.index, proof.count)) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": item ", proof.index, " of ", proof.count, " with a path of ", proof.path.size()));
  }
  const Batch batch{signed_label, cell, proof.count, proof.signer, proof.signature};
  Tree* const tree = trees_.Find(batch);
  if (tree != nullptr && tree->nodes.Add(proof.index, item, proof.path)) return tree->digest;
  BatchNodes nodes(node_label, proof.count);
  WORLDB_CHECK(nodes.Add(proof.index, item, proof.path));  // nothing is known to contradict
  const Hash256 digest = SignedDigest(signed_label, cell, nodes.root(), proof.count, proof.signer);
  Signature* const good = good_.Find(digest);
  if (good == nullptr || *good != proof.signature) {
    ++signature_checks_;
    WORLDB_RETURN_IF_ERROR(VerifySignature(proof.signer, digest.bytes, proof.signature, what));
    if (good != nullptr) {
      *good = proof.signature;
    } else {
      good_.Add(digest, proof.signature);
    }
  }
  if (tree == nullptr) trees_.Add(batch, {std::move(nodes), digest});
  return digest;
}

}  // namespace worldb::cryptoscatter
