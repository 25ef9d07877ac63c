// One commit batch as far as somebody knows it: what its writer signed, and of the tree over its
// members the hashes that lead to those that are *held*.
//
// It grows with each proof that is added, and gives each back byte for byte. Of a subtree without a
// held member only the top is kept, so many proofs cost little more than one hash for each member.
// Shapes:  1 to kBatchCountMax members, at least one of them held.
// Errors:  InvalidArgument for a proof that does not fit what is known, which then stays as it was,
//          and for bytes that do not decode.
// Threads: a plain value.
// Source:  docs/share-format.md sections 7 and 16.
#ifndef WORLDB_CRYPTOSCATTER_BATCH_PART_H_
#define WORLDB_CRYPTOSCATTER_BATCH_PART_H_

#include <bitset>
#include <cstdint>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/batch_nodes.h"
#include "cryptoscatter/merkle.h"
#include "cryptoscatter/records.h"

namespace worldb::cryptoscatter {

// The first bytes of the digest a batch's writer signed: a short name for the batch.
using BatchRef = FixedId<struct BatchRefTag, 8>;
BatchRef BatchRefOf(const Hash256& digest);
// REQUIRES: a well-formed proof.
BatchRef BatchRefOf(const CellId& cell, const CommitProof& proof, const CommitmentId& member);

class BatchPart {
 public:
  // REQUIRES: a well-formed proof. Whether it holds is for the caller to know.
  static BatchPart Of(const CellId& cell, const CommitProof& proof, const CommitmentId& member);

  // Holds one more member; again, if it is held. REQUIRES: a well-formed proof. One that contradicts
  // what is known is of another batch, or does not hold.
  absl::Status Add(const CellId& cell, const CommitProof& proof, const CommitmentId& member);

  const CellId& cell() const { return cell_; }
  std::uint32_t count() const { return nodes_.count(); }
  bool Holds(std::uint32_t index) const { return index < count() && held_[index]; }
  // The lowest of those held.
  std::uint32_t first_held() const;
  // REQUIRES: Holds(index).
  CommitmentId Member(std::uint32_t index) const;
  CommitProof ProofOf(std::uint32_t index) const;
  BatchRef ref() const;

  // cell id, signer, signature, u16 count, one bit for each member that says whether it is held, and
  // the hashes: from left to right each member and each top of a subtree without a held member.
  void AppendTo(ByteWriter& out) const;
  Bytes Encode() const;
  // Marks the reader as failed for what AppendTo() does not write; the part is then not to be used.
  static BatchPart ReadFrom(ByteReader& in);
  static absl::StatusOr<BatchPart> Decode(ByteSpan bytes);
  // Same members held of the same batch.
  friend bool operator==(const BatchPart&, const BatchPart&) = default;

 private:
  BatchPart(const CellId& cell, const SigningPublicKey& signer, const Signature& signature,
            std::uint32_t count);
  using Place = BatchNodes::Place;
  bool AnyHeldBelow(Place place) const;
  // Visits the nodes whose hashes are written, from left to right.
  template <typename Visit>
  void ForEachWritten(Place place, const Visit& visit) const;

  CellId cell_;
  SigningPublicKey signer_;
  Signature signature_;
  BatchNodes nodes_;
  std::bitset<kBatchCountMax> held_;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_BATCH_PART_H_
