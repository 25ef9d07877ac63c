// A value stripe by stripe, in memory that does not grow with it: seal and code, or rebuild and open.
//
// Each stripe is finished while it is in the cache: sealed, cut, coded and hashed before the next.
// Shapes:  stripe i is sealed segment i: script.segment_bytes() + kSegmentTagBytes, the last one
//          shorter; its nine pieces are ErasureCode::PieceBytes() of it each.
// Threads: one owner each; the script must outlive them.
// Secrets: stream keys and segments; stripes and pieces are ciphertext.
// Source:  docs/share-format.md sections 4, 6 and 7.
#ifndef WORLDB_CRYPTOSCATTER_STRIPE_H_
#define WORLDB_CRYPTOSCATTER_STRIPE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/erasure_code.h"
#include "cryptoscatter/merkle.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/stripe_aead.h"
#include "cryptoscatter/suite.h"

namespace worldb::cryptoscatter {

// Codes sealed stripes and hashes the nine fragments they make.
class StripeCoder {
 public:
  StripeCoder(const ErasureCode& code, Suite suite);

  // The next stripe's nine pieces, valid until the next call and as long as `stripe`. REQUIRES: all
  // stripes but the last are code.stripe_bytes() long.
  FragmentSpans Add(ByteSpan stripe);
  // The same where only the roots are wanted: a few KiB of memory, in the nearest cache.
  void Absorb(ByteSpan stripe);

  std::uint64_t fragment_bytes() const { return hashers_.front().bytes(); }
  FragmentHasher& hasher(NodeIndex index) { return hashers_[index.value()]; }
  // The root of fragment `index`, of the stripes so far.
  Hash256 Root(const CoreId& core, std::uint32_t generation, NodeIndex index) {
    return hasher(index).Root(core, generation, index);
  }

 private:
  const ErasureCode& code_;
  std::unique_ptr<TreeHash> hash_;  // all hashers' own
  std::vector<FragmentHasher> hashers_;
  Bytes scratch_;
};

// Seals segments and codes them.
class StripeWriter {
 public:
  StripeWriter(const Script& script, Suite suite, const StreamKeys& keys);

  // Seals the next stripe. REQUIRES: `segment` has script.segment_bytes(), the last one 1 to that many,
  // or 0 if it is the only one; `stripe` is kSegmentTagBytes longer than `segment`, and apart from it or
  // beginning with it.
  void SealInto(ByteSpan segment, bool last, MutableByteSpan stripe);

  StripeCoder& coder() { return coder_; }

 private:
  std::uint32_t segment_bytes_;
  SegmentSealer sealer_;
  StripeCoder coder_;
  std::uint64_t next_ = 0;
  bool ended_ = false;
};

// Rebuilds stripes from pieces and opens them.
class StripeReader {
 public:
  // FailedPrecondition when `present` cannot rebuild.
  static absl::StatusOr<StripeReader> Create(const Script& script, Suite suite,
                                             const StreamKeys& keys, NodeSet present);

  // Opens stripe `index` into `segment`. `pieces` are looked at where `present` has the node.
  // InvalidArgument for a piece of the wrong size; OpenFailure(), `segment` wiped, otherwise.
  // REQUIRES: at most script.segment_bytes() in `segment`. Stripes may be asked for in any order;
  // the value is not whole before its last one opened.
  absl::Status Open(std::uint64_t index, bool last, const FragmentSpans& pieces,
                    MutableByteSpan segment);

 private:
  StripeReader(const ErasureCode& code, ErasureCode::RebuildPlan plan, SegmentOpener opener);

  const ErasureCode* code_;
  ErasureCode::RebuildPlan plan_;
  SegmentOpener opener_;
  Bytes stripe_;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_STRIPE_H_
