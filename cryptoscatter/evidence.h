// Evidence about a bad share, which a third party can check without a cluster and without secrets.
//
// A record of what was presented as share j of a value and of what its writer signed for j. From
// the bytes and the cell's id alone CheckEvidence() finds: "these bytes are not share j of core C
// as writer W signed it", and with a receipt in it "and node N signed that it held that share".
// Against what W did sign for j no evidence can be made. What evidence does NOT say:
//  - who sent the bytes. Nobody signs what it sends, so whoever makes evidence may have made the
//    bytes too. A receipt shows who should have had the share, not that it gave those bytes;
//  - that W may write, and that N is node j: the caller knows its writers and its cell;
//  - of a key share, more than that its maker claims to have met one with another hash. Key shares
//    are never in evidence: a wrong one may be a good one of another value, or good but for a bit.
// Errors:  InvalidArgument for bytes that are no evidence, or whose signatures do not hold;
//          FailedPrecondition when nothing signed contradicts what was presented;
//          Unimplemented when this build cannot judge it.
// Threads: plain values and pure functions.
// Secrets: none.
// Source:  docs/share-format.md section 15.
#ifndef WORLDB_CRYPTOSCATTER_EVIDENCE_H_
#define WORLDB_CRYPTOSCATTER_EVIDENCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/share.h"
#include "cryptoscatter/share_fault.h"

namespace worldb::cryptoscatter {

// Which part of a share is shown to be wrong.
enum class EvidencePart : std::uint8_t { kRecord = 0, kFragment = 1, kKeyShare = 2, kPlace = 3 };

struct Evidence {
  EvidencePart part = EvidencePart::kRecord;
  NodeIndex index;  // as whose share it was presented
  // Metadata whose proof holds: of any share of the value when the record is what is wrong,
  // otherwise the metadata that were presented. Its fragment is not part of the evidence.
  Share reference;
  // Metadata bytes as presented; or the whole fragment; or the 32 bytes of the key share's hash;
  // or, of a place, nothing.
  Bytes presented;
  std::optional<Receipt> receipt;  // for kPlace it is needed

  Bytes Encode() const;
  static absl::StatusOr<Evidence> Decode(ByteSpan bytes);
  friend bool operator==(const Evidence&, const Evidence&) = default;
};

struct Finding {
  ShareFault fault = ShareFault::kNone;
  CoreId core;
  NodeIndex index;
  CommitmentId commitment;
  SigningPublicKey writer;
  // Who signed that it held the share, and as what.
  struct Holder {
    NodeId node;
    SigningPublicKey key;
    ReceiptClaim claim;
  };
  std::optional<Holder> holder;

  // One sentence that says it all, the receipt included.
  std::string ToText() const;
};

absl::StatusOr<Finding> CheckEvidence(ByteSpan bytes, const CellId& cell);
absl::StatusOr<Finding> CheckEvidence(const Evidence& evidence, const CellId& cell);

// Each gives evidence that CheckEvidence() accepts, or says why there is none.
// `reference`: any share of the value, its proof good.
absl::StatusOr<Evidence> EvidenceOfRecord(ByteSpan presented_metadata, NodeIndex index,
                                          const Share& reference);
// Of a share whose proof is good, and whose fragment is not.
absl::StatusOr<Evidence> EvidenceOfFragment(const Share& presented);
absl::StatusOr<Evidence> EvidenceOfKeyShare(const Share& presented,
                                            const Hash256& presented_key_share_hash);
// Of a share that is good but for naming another place, in the same slot epoch, than the receipt.
absl::StatusOr<Evidence> EvidenceOfPlace(const Share& presented, const Receipt& receipt);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_EVIDENCE_H_
