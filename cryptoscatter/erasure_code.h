// Erasure coding of ciphertext: each stripe's k data pieces become nine, one a node.
//
// A ciphertext is cut into stripes of k * kStripeUnitBytes; the last one may be short. A stripe of
// L bytes is cut into k pieces of ceil(L/k) bytes, zero padding at the end; piece j of nine is row
// j of the generator times those. Fragment j is its piece of every stripe, one after the other.
// Units:   sizes in bytes; fragments indexed from 0 by node.
// Errors:  FailedPrecondition when the fragments present do not suffice; InvalidArgument for a
//          fragment of the wrong size.
// Threads: immutable; const methods may be called from any thread.
// Secrets: none, input and output are ciphertext. Never use it for key shares: ISA-L's table
//          look-ups leak short buffers.
// Source:  docs/share-format.md section 4.
#ifndef WORLDB_CRYPTOSCATTER_ERASURE_CODE_H_
#define WORLDB_CRYPTOSCATTER_ERASURE_CODE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/gf256.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kStripeUnitBytes = 16384;

using Fragments = std::array<Bytes, kNodeCount>;
using FragmentSpans = std::array<ByteSpan, kNodeCount>;

// Views of fragments, valid as long as they are.
FragmentSpans SpansOf(const Fragments& fragments);

class ErasureCode {
 public:
  // REQUIRES: nine rows, 1 to 9 columns, every unit vector among the rows (systematic).
  explicit ErasureCode(gf256::Matrix generator);

  const gf256::Matrix& generator() const { return generator_; }
  int data_count() const { return generator_.columns(); }
  std::size_t stripe_bytes() const {
    return kStripeUnitBytes * static_cast<std::size_t>(data_count());
  }
  // Bytes of each of the nine pieces of a stripe.
  std::size_t PieceBytes(std::size_t stripe_bytes) const;
  // Bytes of each of the nine fragments of a ciphertext.
  std::size_t FragmentBytes(std::size_t ciphertext_bytes) const {
    return FragmentBytes(data_count(), ciphertext_bytes);
  }
  static std::size_t FragmentBytes(int data_count, std::size_t ciphertext_bytes);
  bool CanRebuild(NodeSet present) const { return can_rebuild_[present.bits()]; }

  // The nine pieces of one stripe: views of `stripe` where it holds them, of `scratch` (which is made
  // large enough, and may be used again) elsewhere.
  FragmentSpans EncodeStripe(ByteSpan stripe, Bytes& scratch) const {
    return EncodeColumns(stripe, 0, PieceBytes(stripe.size()), scratch);
  }
  // The same for bytes `begin` to `begin + count` of each piece alone. REQUIRES: they have them.
  FragmentSpans EncodeColumns(ByteSpan stripe, std::size_t begin, std::size_t count,
                              Bytes& scratch) const;
  Fragments Encode(ByteSpan ciphertext) const;

  // How stripes are rebuilt from the pieces of one set of nodes: made once, used for each stripe.
  class RebuildPlan {
   private:
    friend class ErasureCode;
    std::vector<int> sources;  // nodes whose pieces are looked at, data pieces first
    std::vector<int> missing;  // data pieces to compute
    Bytes tables;              // ISA-L's expanded rows of those
  };
  absl::StatusOr<RebuildPlan> PlanRebuild(NodeSet present) const;
  // The stripe, in `scratch` (which is made large enough, and may be used again).
  absl::StatusOr<ByteSpan> RebuildStripe(const RebuildPlan& plan, const FragmentSpans& pieces,
                                         std::size_t stripe_bytes, Bytes& scratch) const;
  // The ciphertext, from the fragments of `present` (the other spans are not looked at). Data
  // fragments are preferred, so an undamaged set costs a copy.
  absl::StatusOr<Bytes> Rebuild(NodeSet present, const FragmentSpans& fragments,
                                std::size_t ciphertext_bytes) const;

  // The smallest helping set this code finds to rebuild fragment `target` out of `present`: the
  // target's data center first. FailedPrecondition when there is none.
  absl::StatusOr<NodeSet> HelpersFor(NodeIndex target, NodeSet present) const;
  // Fragment `target` out of the fragments of `present`, with the helpers named above: for the
  // nested code the XOR of the target's two neighbours.
  absl::StatusOr<Bytes> RebuildFragment(NodeIndex target, NodeSet present,
                                        const FragmentSpans& fragments) const;

 private:
  struct RepairPlan {
    std::array<std::uint8_t, kNodeCount> coefficients{};
    NodeSet helpers;
  };
  absl::StatusOr<RepairPlan> PlanRepair(NodeIndex target, NodeSet present) const;

  gf256::Matrix generator_;
  std::array<int, kNodeCount> data_column_{};  // column of a systematic row, -1 for a parity row
  std::array<int, kNodeCount> data_node_{};    // node that holds data piece i, for i < k
  std::array<int, kNodeCount> parity_node_{};  // nodes of the parity rows, for i < 9 - k
  Bytes encode_tables_;                        // ISA-L's expanded parity rows
  std::array<bool, NodeSet::kSubsetCount> can_rebuild_{};
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_ERASURE_CODE_H_
