#include "cryptoscatter/batch_part.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"

namespace worldb::cryptoscatter {

BatchRef BatchRefOf(const Hash256& digest) {
  BatchRef ref;
  std::copy_n(digest.bytes.begin(), ref.bytes.size(), ref.bytes.begin());
  return ref;
}

BatchRef BatchRefOf(const CellId& cell, const CommitProof& proof, const CommitmentId& member) {
  const Hash256 root = BatchRootFrom(labels::kCommitBatchNode, proof.index, proof.count,
                                     Hash256{member.bytes}, proof.path);
  return BatchRefOf(CommitBatchDigest(cell, root, proof.count, proof.signer));
}

BatchPart::BatchPart(const CellId& cell, const SigningPublicKey& signer, const Signature& signature,
                     std::uint32_t count)
    : cell_(cell),
      signer_(signer),
      signature_(signature),
      nodes_(labels::kCommitBatchNode, count) {}

BatchPart BatchPart::Of(const CellId& cell, const CommitProof& proof, const CommitmentId& member) {
  BatchPart part(cell, proof.signer, proof.signature, proof.count);
  WORLDB_CHECK(part.Add(cell, proof, member).ok());  // nothing is there to contradict
  return part;
}

absl::Status BatchPart::Add(const CellId& cell, const CommitProof& proof,
                            const CommitmentId& member) {
  if (cell != cell_ || proof.signer != signer_ || proof.signature != signature_ ||
      proof.count != count()) {
    return absl::InvalidArgumentError("commit proof: it is of another batch");
  }
  if (!nodes_.Add(proof.index, Hash256{member.bytes}, proof.path)) {
    return absl::InvalidArgumentError("commit proof: it is not of this batch's tree");
  }
  held_.set(proof.index);
  return absl::OkStatus();
}

std::uint32_t BatchPart::first_held() const {
  std::uint32_t index = 0;
  while (!held_[index]) ++index;
  return index;
}

CommitmentId BatchPart::Member(std::uint32_t index) const {
  WORLDB_CHECK(Holds(index));
  return CommitmentId{nodes_.At({0, index}).bytes};
}

CommitProof BatchPart::ProofOf(std::uint32_t index) const {
  WORLDB_CHECK(Holds(index));
  return CommitProof{signer_, signature_, count(), index, nodes_.PathOf(index)};
}

BatchRef BatchPart::ref() const {
  return BatchRefOf(CommitBatchDigest(cell_, nodes_.root(), count(), signer_));
}

bool BatchPart::AnyHeldBelow(Place place) const {
  const std::uint32_t begin = place.index << place.level;
  const std::uint32_t end = std::min(count(), (place.index + 1) << place.level);
  for (std::uint32_t i = begin; i < end; ++i) {
    if (held_[i]) return true;
  }
  return false;
}

template <typename Visit>
void BatchPart::ForEachWritten(Place place, const Visit& visit) const {
  if (place.level == 0 || !AnyHeldBelow(place)) return visit(place);
  const Place child{place.level - 1, 2 * place.index};
  ForEachWritten(child, visit);
  if (child.index + 1 < nodes_.WidthOf(child.level)) {
    ForEachWritten({child.level, child.index + 1}, visit);
  }
}

void BatchPart::AppendTo(ByteWriter& out) const {
  out.Raw(cell_.bytes).Raw(signer_.bytes).Raw(signature_.bytes);
  out.U16(static_cast<std::uint16_t>(count()));
  for (std::uint32_t begin = 0; begin < count(); begin += 8) {
    std::uint8_t bits = 0;
    for (std::uint32_t i = begin; i < std::min(begin + 8, count()); ++i) {
      if (held_[i]) bits = static_cast<std::uint8_t>(bits | 1u << (i - begin));
    }
    out.U8(bits);
  }
  ForEachWritten({nodes_.top_level(), 0}, [&](Place place) { out.Raw(nodes_.At(place).bytes); });
}

Bytes BatchPart::Encode() const {
  ByteWriter out(128 + 33 * std::size_t{count()});
  AppendTo(out);
  return std::move(out).Take();
}

BatchPart BatchPart::ReadFrom(ByteReader& in) {
  CellId cell;
  SigningPublicKey signer;
  Signature signature;
  cell.bytes = in.Array<16>();
  signer.bytes = in.Array<32>();
  signature.bytes = in.Array<64>();
  std::uint32_t count = in.U16();
  if (count < 1 || count > kBatchCountMax) in.Fail("batch count out of range");
  if (!in.ok()) count = 1;
  BatchPart part(cell, signer, signature, count);
  for (std::uint32_t begin = 0; begin < count; begin += 8) {
    const std::uint8_t bits = in.U8();
    for (std::uint32_t i = begin; i < begin + 8; ++i) {
      if ((bits >> (i - begin) & 1) == 0) continue;
      if (i >= count) {
        in.Fail("a member beyond the count");
      } else {
        part.held_.set(i);
      }
    }
  }
  if (part.held_.none()) in.Fail("no member is held");
  if (!in.ok()) return part;
  part.ForEachWritten({part.nodes_.top_level(), 0},
                      [&](Place place) { part.nodes_.Set(place, Hash256{in.Array<32>()}); });
  part.nodes_.Fold();
  return part;
}

absl::StatusOr<BatchPart> BatchPart::Decode(ByteSpan bytes) {
  ByteReader in(bytes);
  BatchPart part = ReadFrom(in);
  WORLDB_RETURN_IF_ERROR(in.Finish("batch part"));
  return part;
}

}  // namespace worldb::cryptoscatter
