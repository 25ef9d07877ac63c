#include "cryptoscatter/evidence.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/erasure_code.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'W', 'D', 'E', '\r', '\n', 0x1a, '\n'};
constexpr std::uint16_t kFormat = 1;
constexpr std::uint16_t kShareFormat = 1;  // the one whose records it judges
constexpr std::size_t kRecordBytesMax = 4096;
constexpr std::size_t kReceiptBytesMax = 1024;

std::size_t PresentedBytesMax(EvidencePart part) {
  switch (part) {
    case EvidencePart::kRecord:
      return kRecordBytesMax;
    case EvidencePart::kFragment:
      return kCiphertextBytesMax;
    case EvidencePart::kKeyShare:
      return 32;
    case EvidencePart::kPlace:
      return 0;
  }
  return 0;
}

absl::Status NothingShown(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("evidence: it shows nothing wrong: ", why));
}

// What is wrong with metadata presented as share `index` of the value of `signed_` by its writer.
absl::StatusOr<ShareFault> JudgeRecord(ByteSpan presented, NodeIndex index, const Share& signed_,
                                       const CommitmentId& commitment, const CellId& cell,
                                       BatchVerifier& verifier) {
  // A later format may say the same in other bytes.
  if (presented.size() >= 2 && (presented[0] | (presented[1] << 8)) != kShareFormat) {
    return absl::UnimplementedError("evidence: the record presented has a format not known here");
  }
  const absl::StatusOr<Share> share = Share::DecodeMetadata(presented);
  if (absl::IsUnimplemented(share.status())) return share.status();
  if (!share.ok()) return ShareFault::kUnreadableRecord;
  if (share->core.Id() != signed_.core.Id()) return ShareFault::kOtherCore;
  if (share->index != index) return ShareFault::kOtherIndex;
  if (share->generation != signed_.generation) return ShareFault::kOtherGeneration;
  const CommitmentId presented_commitment = share->Commitment();
  if (!verifier.VerifyCommit(share->proof, cell, presented_commitment).ok()) {
    return ShareFault::kNotSigned;
  }
  if (share->proof.signer != signed_.proof.signer) return ShareFault::kOtherWriter;
  if (presented_commitment != commitment) return ShareFault::kOtherTree;
  return NothingShown("the record is what the writer signed");
}

absl::StatusOr<ShareFault> JudgePlace(const Share& share, const ReceiptClaim& claim) {
  if (claim.slot_epoch != share.slot_epoch) {
    return NothingShown("a share may be held in one slot epoch and in another");
  }
  if (claim.slot == share.slot && claim.version == share.version) {
    return NothingShown("the share names the place of the receipt");
  }
  return ShareFault::kOtherPlace;
}

}  // namespace

Bytes Evidence::Encode() const {
  ByteWriter out;
  out.Raw(kMagic).U16(kFormat).U8(static_cast<std::uint8_t>(part)).U8(index.value());
  out.Sized(reference.EncodeMetadata()).Sized(presented);
  out.Sized(receipt ? receipt->Encode() : Bytes());
  return std::move(out).Take();
}

absl::StatusOr<Evidence> Evidence::Decode(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.Array<8>() != kMagic) in.Fail("not evidence: wrong magic");
  if (in.U16() != kFormat) in.Fail("unknown format");
  Evidence evidence;
  const std::uint8_t part = in.U8();
  if (part > static_cast<std::uint8_t>(EvidencePart::kPlace)) in.Fail("unknown part");
  evidence.part = static_cast<EvidencePart>(part);
  evidence.index = NodeIndex(in.U8());
  if (evidence.index.value() >= kNodeCount) in.Fail("share index above 8");
  const ByteSpan reference = in.Sized(kRecordBytesMax);
  const ByteSpan presented = in.ok() ? in.Sized(PresentedBytesMax(evidence.part)) : ByteSpan();
  if (evidence.part == EvidencePart::kKeyShare && presented.size() != 32) in.Fail("not a hash");
  const ByteSpan receipt = in.Sized(kReceiptBytesMax);
  WORLDB_RETURN_IF_ERROR(in.Finish("evidence"));
  WORLDB_ASSIGN_OR_RETURN(evidence.reference, Share::DecodeMetadata(reference));
  if (!receipt.empty()) {
    WORLDB_ASSIGN_OR_RETURN(evidence.receipt, Receipt::Decode(receipt));
  }
  evidence.presented = ToBytes(presented);
  return evidence;
}

std::string Finding::ToText() const {
  std::string text =
      absl::StrCat("what was presented is not share ", index.value(), " of core ", core.Hex(),
                   " as writer ", writer.Hex(), " signed it (", NameOf(fault), ")");
  if (holder) {
    absl::StrAppend(&text, "; node ", holder->node.Hex(),
                    " signed that it held that share as version ", holder->claim.version.value(),
                    " in slot epoch ", holder->claim.slot_epoch.value());
  }
  return text;
}

absl::StatusOr<Finding> CheckEvidence(const Evidence& evidence, const CellId& cell) {
  if (evidence.presented.size() > PresentedBytesMax(evidence.part)) {
    return absl::InvalidArgumentError("evidence: what was presented is too large");
  }
  BatchVerifier verifier(/*capacity=*/4);
  Share share = evidence.reference;
  share.fragment.clear();
  if (share.core.cell != cell) {
    return absl::InvalidArgumentError("evidence: its reference is of another cell");
  }
  // Nobody signs the generation, and the first one is all that format 1 has.
  if (share.generation != 0) {
    return absl::InvalidArgumentError("evidence: its reference is of a generation not known here");
  }
  // Scripts play no part: the commitment names the script, and k follows from the segment size.
  const CommitmentId commitment = share.Commitment();
  if (const absl::Status proof = verifier.VerifyCommit(share.proof, cell, commitment).status();
      !proof.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("evidence: its reference: ", proof.message()));
  }
  Finding finding;
  finding.core = share.core.Id();
  finding.index = evidence.index;
  finding.commitment = commitment;
  finding.writer = share.proof.signer;
  if (evidence.receipt) {
    const ReceiptClaim& claim = evidence.receipt->claim;
    if (claim.core != finding.core || claim.index != evidence.index ||
        claim.generation != share.generation) {
      return absl::InvalidArgumentError("evidence: its receipt is for another share");
    }
    WORLDB_RETURN_IF_ERROR(verifier.VerifyReceipt(*evidence.receipt, cell));
    const SigningPublicKey& key = evidence.receipt->proof.signer;
    finding.holder = Finding::Holder{NodeIdOf(key), key, claim};
  }
  if (evidence.part == EvidencePart::kRecord) {
    WORLDB_ASSIGN_OR_RETURN(finding.fault, JudgeRecord(evidence.presented, evidence.index, share,
                                                       finding.commitment, cell, verifier));
    return finding;
  }
  if (share.index != evidence.index) {
    return absl::InvalidArgumentError("evidence: its reference is another node's share");
  }
  if (evidence.part == EvidencePart::kFragment) {
    const int data_count =
        static_cast<int>((share.core.segment_bytes + kSegmentTagBytes) / kStripeUnitBytes);
    if (FragmentRoot(share.core.suite, finding.core, share.generation, share.index,
                     evidence.presented) == share.fragment_root) {
      return NothingShown("the fragment has the signed root");
    }
    const std::size_t signed_bytes =
        ErasureCode::FragmentBytes(data_count, share.core.CiphertextBytes());
    finding.fault = evidence.presented.size() == signed_bytes ? ShareFault::kFragmentBytes
                                                              : ShareFault::kFragmentSize;
  } else if (evidence.part == EvidencePart::kKeyShare) {
    if (!std::equal(evidence.presented.begin(), evidence.presented.end(),
                    share.key_share_hash.bytes.begin(), share.key_share_hash.bytes.end())) {
      finding.fault = ShareFault::kKeyShareBytes;
    } else {
      return NothingShown("the key share has the signed hash");
    }
  } else {
    if (!evidence.receipt) return NothingShown("a place is signed by nobody but the node");
    WORLDB_ASSIGN_OR_RETURN(finding.fault, JudgePlace(share, evidence.receipt->claim));
  }
  return finding;
}

absl::StatusOr<Finding> CheckEvidence(ByteSpan bytes, const CellId& cell) {
  WORLDB_ASSIGN_OR_RETURN(const Evidence evidence, Evidence::Decode(bytes));
  return CheckEvidence(evidence, cell);
}

namespace {

absl::StatusOr<Evidence> Made(EvidencePart part, NodeIndex index, const Share& reference,
                              ByteSpan presented, std::optional<Receipt> receipt = std::nullopt) {
  Evidence evidence;
  evidence.part = part;
  evidence.index = index;
  evidence.reference = reference;
  evidence.reference.fragment.clear();
  evidence.presented = ToBytes(presented);
  evidence.receipt = std::move(receipt);
  WORLDB_RETURN_IF_ERROR(CheckEvidence(evidence, reference.core.cell).status());
  return evidence;
}

}  // namespace

absl::StatusOr<Evidence> EvidenceOfRecord(ByteSpan presented_metadata, NodeIndex index,
                                          const Share& reference) {
  return Made(EvidencePart::kRecord, index, reference, presented_metadata);
}

absl::StatusOr<Evidence> EvidenceOfFragment(const Share& presented) {
  return Made(EvidencePart::kFragment, presented.index, presented, presented.fragment);
}

absl::StatusOr<Evidence> EvidenceOfKeyShare(const Share& presented,
                                            const Hash256& presented_key_share_hash) {
  return Made(EvidencePart::kKeyShare, presented.index, presented, presented_key_share_hash.bytes);
}

absl::StatusOr<Evidence> EvidenceOfPlace(const Share& presented, const Receipt& receipt) {
  return Made(EvidencePart::kPlace, presented.index, presented, {}, receipt);
}

}  // namespace worldb::cryptoscatter
