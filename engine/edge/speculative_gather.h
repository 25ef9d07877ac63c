// Gathers, while a home is asked which version of a key counts, the newest version that nodes hold of it.
//
// If that is the one, its shares are there by the time the home has answered, and the read took one trip. What
// comes is kept as it came: nothing is verified, opened or judged before the home has named a version, and
// what is of another one is dropped (invariant 20). So a wrong guess costs the messages, never the answer.
//
// The nearest nodes that suffice under the script of the key's namespace are asked. Only small shares are
// given: a large value moves once, when it is known to be wanted. A home that answers sooner than
// kHomeTripMin is simply waited for.
// Bounds:  as many at once as ReadBudget has room for; the others wait for their home.
// Threads: the executor.
// Secrets: none; key shares are sealed to the reading key still.
// Source:  docs/decisions/025-reads-in-one-trip.md.
#ifndef WORLDB_ENGINE_EDGE_SPECULATIVE_GATHER_H_
#define WORLDB_ENGINE_EDGE_SPECULATIVE_GATHER_H_

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "cryptoscatter/script.h"
#include "engine/edge/cell_access.h"
#include "engine/edge/edge_reader.h"
#include "engine/edge/read_plan.h"

namespace worldb::engine {

class SpeculativeGather {
 public:
  static constexpr absl::Duration kHomeTripMin = absl::Milliseconds(5);

  // `from` has answered, since Follow() was called.
  using Heard = std::function<void(NodeIndex from)>;

  // Null where it is not worth it, or there is no room. `reader` outlives the object.
  static std::unique_ptr<SpeculativeGather> Start(EdgeReader& reader, const KeyTag& key_tag,
                                                  DataCenterIndex home,
                                                  const cryptoscatter::Script& script);
  SpeculativeGather(const SpeculativeGather&) = delete;
  SpeculativeGather& operator=(const SpeculativeGather&) = delete;

  absl::Duration asked_at() const { return asked_at_; }
  // It was asked, and has given a share of this version or not answered yet.
  bool MayHave(NodeIndex node, SlotEpoch slot_epoch, Version version) const;
  bool HasReply(NodeIndex node) const { return replies_[node.value()].has_value(); }
  // REQUIRES: it has one.
  const FetchShareReply& ReplyOf(NodeIndex node) const { return *replies_[node.value()]; }
  // From now on `heard` runs for each further answer, as the last thing done here; it may destroy this object.
  void Follow(Heard heard) { heard_ = std::move(heard); }
  // Nobody is waited for any more.
  void Stop() { questions_ = {}; }

 private:
  SpeculativeGather(EdgeReader& reader, Budget::Charge charge)
      : reader_(reader), charge_(std::move(charge)), asked_at_(reader.now()) {}

  void Ask(const KeyTag& key_tag, NodeSet nodes);
  void TakeShare(NodeIndex from, const FetchShareReply& reply);

  EdgeReader& reader_;
  const Budget::Charge charge_;
  const absl::Duration asked_at_;
  NodeSet asked_;
  std::array<CellAccess::Question, kNodeCount> questions_;
  std::array<std::optional<FetchShareReply>, kNodeCount> replies_;
  Heard heard_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_SPECULATIVE_GATHER_H_
