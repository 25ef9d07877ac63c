#include "cryptoscatter/share.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::uint16_t kShareFormat = 1;

void AppendMetadata(const Share& share, ByteWriter& out) {
  out.U16(kShareFormat).Raw(share.core.Encode()).Raw(share.script.bytes).U32(share.generation);
  out.U8(share.index.value()).U16(share.slot.value()).U32(share.slot_epoch.value());
  out.U64(share.version.value()).Raw(share.fragment_root.bytes).Raw(share.key_share_hash.bytes);
  for (const Hash256& hash : share.path.leaves) out.Raw(hash.bytes);
  for (const Hash256& hash : share.path.data_centers) out.Raw(hash.bytes);
  share.proof.AppendTo(out);
}

absl::StatusOr<Share> ReadMetadata(ByteReader& in) {
  if (in.U16() != kShareFormat) in.Fail("unknown share format");
  if (!in.ok()) return in.Finish("share");
  Share share;
  WORLDB_ASSIGN_OR_RETURN(share.core, Core::Decode(in.View(Core::kBytes)));
  share.script.bytes = in.Array<32>();
  share.generation = in.U32();
  share.index = NodeIndex(in.U8());
  if (share.index.value() >= kNodeCount) in.Fail("share index above 8");
  share.slot = Slot(in.U16());
  share.slot_epoch = SlotEpoch(in.U32());
  share.version = Version(in.U64());
  share.fragment_root.bytes = in.Array<32>();
  share.key_share_hash.bytes = in.Array<32>();
  for (Hash256& hash : share.path.leaves) hash.bytes = in.Array<32>();
  for (Hash256& hash : share.path.data_centers) hash.bytes = in.Array<32>();
  share.proof = CommitProof::ReadFrom(in);
  return share;
}

void ReadFragment(ByteReader& in, Share& share) {
  const std::size_t most = std::min(kCiphertextBytesMax, share.core.CiphertextBytes());
  share.fragment = ToBytes(in.Sized(most));
}

std::array<std::uint8_t, 53> MakePlaceAad(const KeySharePlace& place) {
  FixedWriter<53> aad;
  aad.Raw(place.core.bytes).U32(place.generation).U8(place.index.value());
  return aad.Raw(place.node.bytes).array();
}

// Everything of a share but its fragment and its place in the tree.
Share ShareWithoutPath(const SealedValue& sealed, NodeIndex index, Slot slot, SlotEpoch slot_epoch,
                       Version version) {
  WORLDB_CHECK(index.value() < kNodeCount);
  Share share;
  share.core = sealed.core;
  share.script = sealed.script;
  share.index = index;
  share.slot = slot;
  share.slot_epoch = slot_epoch;
  share.version = version;
  share.fragment_root = sealed.fragment_roots[index.value()];
  share.key_share_hash = sealed.key_share_hashes[index.value()];
  share.proof = sealed.proof;
  return share;
}

CommitmentId CommitmentOf(const Share& share, const CoreId& core_id) {
  const Hash256 leaf = ShareLeaf(core_id, share.index, share.fragment_root, share.key_share_hash);
  return CommitmentIdOf(core_id, share.script, ShareRootFrom(share.index, leaf, share.path));
}

// Leaf, path, script and writer's signature; OK when they hold together, and `verdict` then has the
// commitment, otherwise the fault.
absl::Status CheckProof(const Share& share, const CoreId& core_id, const CellId& cell,
                        BatchVerifier& verifier, const ScriptBook& scripts, ShareVerdict& verdict) {
  ShareFault& fault = verdict.record_fault;
  fault = ShareFault::kUnreadableRecord;
  if (share.index.value() >= kNodeCount) return absl::InvalidArgumentError("index above 8");
  fault = ShareFault::kOtherCell;
  if (share.core.cell != cell) return absl::InvalidArgumentError("it is of another cell");
  fault = ShareFault::kOtherGeneration;
  if (share.generation != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("generation ", share.generation, " is not known to format 1"));
  }
  fault = ShareFault::kUnknownScript;
  WORLDB_ASSIGN_OR_RETURN(const std::shared_ptr<const Script> script, scripts.Find(share.script));
  if (share.core.segment_bytes != script->segment_bytes()) {
    return absl::InvalidArgumentError("its segment size is not its script's");
  }
  fault = ShareFault::kNotSigned;
  verdict.commitment = CommitmentOf(share, core_id);
  const absl::StatusOr<Hash256> batch =
      verifier.VerifyCommit(share.proof, cell, verdict.commitment);
  if (!batch.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("core, leaf and path do not lead to what the writer signed (",
                     batch.status().message(), ")"));
  }
  verdict.batch = *batch;
  fault = ShareFault::kNone;
  return absl::OkStatus();
}

absl::Status CheckFragment(const Share& share, const CoreId& core_id, const ScriptBook& scripts,
                           ShareFault& fault) {
  fault = ShareFault::kFragmentSize;
  if (const auto script = scripts.Find(share.script); script.ok()) {
    const std::size_t bytes = (*script)->code().FragmentBytes(share.core.CiphertextBytes());
    if (share.fragment.size() != bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("its fragment has ", share.fragment.size(), " bytes, not ", bytes));
    }
  }
  fault = ShareFault::kFragmentBytes;
  if (FragmentRoot(share.core.suite, core_id, share.generation, share.index, share.fragment) !=
      share.fragment_root) {
    return absl::InvalidArgumentError("its fragment does not have the fragment root of its leaf");
  }
  fault = ShareFault::kNone;
  return absl::OkStatus();
}

absl::Status CheckKeyShare(const Share& share, const CoreId& core_id, const KeyShare& key_share,
                           const ScriptBook& scripts, ShareFault& fault) {
  fault = ShareFault::kKeyShareBytes;
  if (!EqualConstantTime(KeyShareHash(core_id, share.index, key_share).bytes,
                         share.key_share_hash.bytes)) {
    return absl::InvalidArgumentError("its key share does not have the hash of its leaf");
  }
  if (const auto script = scripts.Find(share.script); script.ok()) {
    const int rows = (*script)->key_sharing().RowCount(share.index);
    if (key_share.rows() != rows) {
      return absl::InvalidArgumentError(
          absl::StrCat("its key share has ", key_share.rows(), " rows, not ", rows));
    }
  }
  fault = ShareFault::kNone;
  return absl::OkStatus();
}

}  // namespace

CommitmentId Share::Commitment() const { return CommitmentOf(*this, core.Id()); }

Bytes Share::EncodeMetadata() const {
  ByteWriter out(kMetadataBytesMin + 32 * proof.path.size());
  AppendMetadata(*this, out);
  return std::move(out).Take();
}

absl::StatusOr<Share> Share::DecodeMetadata(ByteSpan bytes) {
  ByteReader in(bytes);
  WORLDB_ASSIGN_OR_RETURN(Share share, ReadMetadata(in));
  WORLDB_RETURN_IF_ERROR(in.Finish("share metadata"));
  return share;
}

Bytes Share::Encode() const {
  ByteWriter out(kMetadataBytesMin + 32 * proof.path.size() + 4 + fragment.size());
  AppendMetadata(*this, out);
  out.Sized(fragment);
  return std::move(out).Take();
}

absl::StatusOr<Share> Share::Decode(ByteSpan bytes) {
  ByteReader in(bytes);
  WORLDB_ASSIGN_OR_RETURN(Share share, ReadMetadata(in));
  if (share.core.kind == ValueKind::kFile) in.Fail("a file is not kept by nodes");
  if (in.ok()) ReadFragment(in, share);
  WORLDB_RETURN_IF_ERROR(in.Finish("share"));
  return share;
}

std::array<Share, kNodeCount> MakeShares(const SealedValue& sealed, Fragments fragments, Slot slot,
                                         SlotEpoch slot_epoch, Version version) {
  const ShareTree tree = sealed.Leaves(sealed.core.Id());
  std::array<Share, kNodeCount> shares;
  for (std::size_t j = 0; j < shares.size(); ++j) {
    const NodeIndex index = NodeAt(static_cast<int>(j));
    shares[j] = ShareWithoutPath(sealed, index, slot, slot_epoch, version);
    shares[j].path = tree.PathOf(index);
    shares[j].fragment = std::move(fragments[j]);
  }
  return shares;
}

SiblingMetadata MetadataOfSibling(const Share& share, NodeIndex sibling) {
  WORLDB_CHECK(sibling != share.index && sibling.value() < kNodeCount &&
               DataCenterOf(sibling) == DataCenterOf(share.index));
  std::array<Hash256, kNodesPerDataCenter> leaves;
  std::size_t at = 0;
  for (std::size_t place = 0; place < leaves.size(); ++place) {
    leaves[place] =
        place == share.index.value() % leaves.size()
            ? ShareLeaf(share.core.Id(), share.index, share.fragment_root, share.key_share_hash)
            : share.path.leaves[at++];
  }
  SiblingMetadata out;
  out.share = share;
  out.share.fragment.clear();
  out.share.index = sibling;
  out.share.fragment_root = {};
  out.share.key_share_hash = {};
  at = 0;
  for (std::size_t place = 0; place < leaves.size(); ++place) {
    if (place == sibling.value() % leaves.size()) {
      out.leaf = leaves[place];
    } else {
      out.share.path.leaves[at++] = leaves[place];
    }
  }
  return out;
}

ShareVerdict VerifyShare(const Share& share, const CellId& cell, BatchVerifier& verifier,
                         const KeyShare* key_share, absl::string_view source, bool has_fragment,
                         const ScriptBook& scripts) {
  return VerifyShareOfCore(share, share.core.Id(), cell, verifier, key_share, source, has_fragment,
                           scripts);
}

ShareVerdict VerifyShareOfCore(const Share& share, const CoreId& core_id, const CellId& cell,
                               BatchVerifier& verifier, const KeyShare* key_share,
                               absl::string_view source, bool has_fragment,
                               const ScriptBook& scripts) {
  ShareVerdict verdict;
  std::string failures;
  const auto judge = [&failures](const absl::Status& status) {
    if (!status.ok()) absl::StrAppend(&failures, failures.empty() ? "" : "; ", status.message());
    return status.ok();
  };
  verdict.proof_ok = judge(CheckProof(share, core_id, cell, verifier, scripts, verdict));
  if (has_fragment) {
    verdict.fragment_ok = judge(CheckFragment(share, core_id, scripts, verdict.fragment_fault));
  }
  if (key_share != nullptr) {
    verdict.key_share_ok =
        judge(CheckKeyShare(share, core_id, *key_share, scripts, verdict.key_share_fault));
  }
  if (!failures.empty()) {
    verdict.reason =
        absl::StrCat("share ", share.index.value(), " of version ", share.version.value(),
                     source.empty() ? "" : " on node ", source, ": ", failures);
  }
  return verdict;
}

absl::Status ToStatus(const ShareVerdict& verdict) {
  return verdict.reason.empty() ? absl::OkStatus() : absl::InvalidArgumentError(verdict.reason);
}

StoredKeyShare WrapKeyShare(const StorageKey& storage_key, const KeySharePlace& place,
                            const KeyShare& share) {
  return KeyShareBox::Seal(storage_key, KeyShareBox::NonceOf(place.hash), MakePlaceAad(place),
                           share);
}

absl::StatusOr<KeyShare> UnwrapKeyShare(const StorageKey& storage_key, const KeySharePlace& place,
                                        const StoredKeyShare& stored) {
  return stored.Open(storage_key, KeyShareBox::NonceOf(place.hash), MakePlaceAad(place));
}

}  // namespace worldb::cryptoscatter
