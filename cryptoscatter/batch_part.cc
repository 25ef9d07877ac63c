#include "cryptoscatter/batch_part.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"

namespace worldb::cryptoscatter {
namespace {

Hash256 ParentOf(const Hash256& left, const Hash256& right) {
  return BatchRootFrom(labels::kCommitBatchNode, /*index=*/0, /*count=*/2, left, {&right, 1});
}

}  // namespace

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
    : cell_(cell), signer_(signer), signature_(signature), count_(count), level_at_{0} {
  std::uint32_t width = count;
  for (; width > 1; width = (width + 1) / 2) level_at_.push_back(level_at_.back() + width);
  level_at_.push_back(level_at_.back() + 1);
  nodes_.resize(level_at_.back());
  known_.resize(level_at_.back());
}

BatchPart BatchPart::Of(const CellId& cell, const CommitProof& proof, const CommitmentId& member) {
  WORLDB_CHECK(proof.count >= 1 && proof.count <= kBatchCountMax);
  BatchPart part(cell, proof.signer, proof.signature, proof.count);
  WORLDB_CHECK(part.Add(cell, proof, member).ok());  // nothing is there to contradict
  return part;
}

absl::Status BatchPart::Add(const CellId& cell, const CommitProof& proof,
                            const CommitmentId& member) {
  if (cell != cell_ || proof.signer != signer_ || proof.signature != signature_ ||
      proof.count != count_) {
    return absl::InvalidArgumentError("commit proof: it is of another batch");
  }
  WORLDB_CHECK(proof.path.size() == BatchPathLength(proof.index, proof.count));
  std::vector<std::pair<std::size_t, Hash256>> found;
  const auto fits = [&](Place place, const Hash256& hash) {
    const std::size_t at = At(place);
    if (known_[at]) return nodes_[at] == hash;
    found.emplace_back(at, hash);
    return true;
  };
  Hash256 node{member.bytes};
  bool all_fit = true;
  std::size_t used = 0;
  Place place{0, proof.index};
  for (; all_fit; ++place.level, place.index /= 2) {
    all_fit = fits(place, node);
    if (place.level == top_level()) break;
    // Above a node that is known all is, and follows from it.
    const bool follows = known_[At(place)];
    const Place parent{place.level + 1, place.index / 2};
    const Place sibling{place.level, place.index ^ 1};
    if (sibling.index >= WidthOf(place.level)) continue;
    const Hash256& beside = proof.path[used++];
    all_fit = all_fit && fits(sibling, beside);
    if (follows) {
      node = nodes_[At(parent)];
    } else {
      node = place.index % 2 == 0 ? ParentOf(node, beside) : ParentOf(beside, node);
    }
  }
  if (!all_fit) return absl::InvalidArgumentError("commit proof: it is not of this batch's tree");
  for (const auto& [at, hash] : found) {
    nodes_[at] = hash;
    known_[at] = true;
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
  return CommitmentId{nodes_[index].bytes};
}

CommitProof BatchPart::ProofOf(std::uint32_t index) const {
  WORLDB_CHECK(Holds(index));
  CommitProof proof{signer_, signature_, count_, index, {}};
  proof.path.reserve(BatchPathLength(index, count_));
  for (std::size_t level = 0; level < top_level(); ++level, index /= 2) {
    if ((index ^ 1) < WidthOf(level)) proof.path.push_back(nodes_[At({level, index ^ 1})]);
  }
  return proof;
}

BatchRef BatchPart::ref() const {
  return BatchRefOf(CommitBatchDigest(cell_, root(), count_, signer_));
}

bool BatchPart::AnyHeldBelow(Place place) const {
  const std::uint32_t begin = place.index << place.level;
  const std::uint32_t end = std::min(count_, (place.index + 1) << place.level);
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
  if (child.index + 1 < WidthOf(child.level)) {
    ForEachWritten({child.level, child.index + 1}, visit);
  }
}

void BatchPart::Fold(Place place) {
  known_[At(place)] = true;
  if (place.level == 0 || !AnyHeldBelow(place)) return;
  const Place left{place.level - 1, 2 * place.index};
  Fold(left);
  nodes_[At(place)] = nodes_[At(left)];
  const Place right{left.level, left.index + 1};
  if (right.index >= WidthOf(right.level)) return;
  Fold(right);
  nodes_[At(place)] = ParentOf(nodes_[At(left)], nodes_[At(right)]);
}

void BatchPart::AppendTo(ByteWriter& out) const {
  out.Raw(cell_.bytes).Raw(signer_.bytes).Raw(signature_.bytes);
  out.U16(static_cast<std::uint16_t>(count_));
  for (std::uint32_t begin = 0; begin < count_; begin += 8) {
    std::uint8_t bits = 0;
    for (std::uint32_t i = begin; i < std::min(begin + 8, count_); ++i) {
      if (held_[i]) bits = static_cast<std::uint8_t>(bits | 1u << (i - begin));
    }
    out.U8(bits);
  }
  ForEachWritten({top_level(), 0}, [&](Place place) { out.Raw(nodes_[At(place)].bytes); });
}

Bytes BatchPart::Encode() const {
  ByteWriter out(128 + 33 * std::size_t{count_});
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
  const Place top{part.top_level(), 0};
  part.ForEachWritten(top,
                      [&](Place place) { part.nodes_[part.At(place)].bytes = in.Array<32>(); });
  part.Fold(top);
  return part;
}

absl::StatusOr<BatchPart> BatchPart::Decode(ByteSpan bytes) {
  ByteReader in(bytes);
  BatchPart part = ReadFrom(in);
  WORLDB_RETURN_IF_ERROR(in.Finish("batch part"));
  return part;
}

}  // namespace worldb::cryptoscatter
