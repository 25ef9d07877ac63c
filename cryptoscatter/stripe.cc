#include "cryptoscatter/stripe.h"

#include <algorithm>
#include <utility>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::cryptoscatter {
namespace {

// Of each piece, at a time: nine of them fit in the nearest cache.
constexpr std::size_t kColumnBytes = 4 * kMerkleLeafBytes;

}  // namespace

StripeCoder::StripeCoder(const ErasureCode& code, Suite suite)
    : code_(code), hash_(std::make_unique<TreeHash>(suite)) {
  hashers_.reserve(kNodeCount);
  for (int j = 0; j < kNodeCount; ++j) hashers_.emplace_back(*hash_);
}

FragmentSpans StripeCoder::Add(ByteSpan stripe) {
  // All stripes before this one were full: only the last may be short.
  WORLDB_CHECK(fragment_bytes() % kStripeUnitBytes == 0);
  const FragmentSpans pieces = code_.EncodeStripe(stripe, scratch_);
  for (std::size_t j = 0; j < pieces.size(); ++j) hashers_[j].Update(pieces[j]);
  return pieces;
}

void StripeCoder::Absorb(ByteSpan stripe) {
  WORLDB_CHECK(fragment_bytes() % kStripeUnitBytes == 0);
  const std::size_t piece_bytes = code_.PieceBytes(stripe.size());
  for (std::size_t at = 0; at < piece_bytes; at += kColumnBytes) {
    const std::size_t count = std::min(kColumnBytes, piece_bytes - at);
    const FragmentSpans columns = code_.EncodeColumns(stripe, at, count, scratch_);
    for (std::size_t j = 0; j < columns.size(); ++j) hashers_[j].Update(columns[j]);
  }
}

StripeWriter::StripeWriter(const Script& script, Suite suite, const StreamKeys& keys)
    : segment_bytes_(script.segment_bytes()), sealer_(suite, keys), coder_(script.code(), suite) {}

void StripeWriter::SealInto(ByteSpan segment, bool last, MutableByteSpan stripe) {
  WORLDB_CHECK(!ended_ && segment.size() <= segment_bytes_);
  WORLDB_CHECK(last ? !segment.empty() || next_ == 0 : segment.size() == segment_bytes_);
  ended_ = last;
  sealer_.Seal(next_++, last, segment, stripe);
  coder_.Absorb(stripe);
}

StripeReader::StripeReader(const ErasureCode& code, ErasureCode::RebuildPlan plan,
                           SegmentOpener opener)
    : code_(&code), plan_(std::move(plan)), opener_(std::move(opener)) {}

absl::StatusOr<StripeReader> StripeReader::Create(const Script& script, Suite suite,
                                                  const StreamKeys& keys, NodeSet present) {
  WORLDB_RETURN_IF_ERROR(CheckSuite(suite));
  WORLDB_ASSIGN_OR_RETURN(ErasureCode::RebuildPlan plan, script.code().PlanRebuild(present));
  return StripeReader(script.code(), std::move(plan), SegmentOpener(suite, keys));
}

absl::Status StripeReader::Open(std::uint64_t index, bool last, const FragmentSpans& pieces,
                                MutableByteSpan segment) {
  WORLDB_ASSIGN_OR_RETURN(
      const ByteSpan stripe,
      code_->RebuildStripe(plan_, pieces, segment.size() + kSegmentTagBytes, stripe_));
  return opener_.Open(index, last, stripe, segment);
}

}  // namespace worldb::cryptoscatter
