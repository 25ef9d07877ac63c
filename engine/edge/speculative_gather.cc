#include "engine/edge/speculative_gather.h"

#include <algorithm>
#include <utility>

#include "engine/cell/triad.h"

namespace worldb::engine {
namespace {

absl::Duration TripTo(DataCenterIndex home, const Outlook& outlook) {
  absl::Duration shortest = absl::InfiniteDuration();
  for (int i = 0; i < kNodesPerDataCenter; ++i) {
    shortest = std::min(shortest, outlook.round_trips[Triad(home).At(i).value()]);
  }
  return shortest;
}

}  // namespace

std::unique_ptr<SpeculativeGather> SpeculativeGather::Start(EdgeReader& reader,
                                                            const KeyTag& key_tag,
                                                            DataCenterIndex home,
                                                            const cryptoscatter::Script& script) {
  const Outlook outlook = reader.access().Look();
  if (TripTo(home, outlook) < kHomeTripMin) return nullptr;
  const NodeSet nearest = NearestReadable(
      script, outlook.reachable, QuickestFirst(reader.answer_times(), outlook, reader.now()));
  if (nearest.empty()) return nullptr;
  auto charge = reader.budget().TryChargeSpeculation(nearest.Count());
  if (!charge.has_value()) return nullptr;
  std::unique_ptr<SpeculativeGather> gather(new SpeculativeGather(reader, *std::move(charge)));
  gather->Ask(key_tag, nearest);
  return gather;
}

void SpeculativeGather::Ask(const KeyTag& key_tag, NodeSet nodes) {
  asked_ = nodes;
  for (int i = 0; i < kNodeCount; ++i) {
    if (!nodes.Has(i)) continue;
    questions_[i] = reader_.access().FetchNewest(
        NodeAt(i), key_tag, reader_.public_key(),
        [this, from = NodeAt(i)](const FetchShareReply& reply) { TakeShare(from, reply); });
  }
}

void SpeculativeGather::TakeShare(NodeIndex from, const FetchShareReply& reply) {
  const absl::Duration now = reader_.now();
  reader_.answer_times().Add(from, now - asked_at_, now);
  std::optional<FetchShareReply>& kept = replies_[from.value()];
  kept = reply;
  // More than there is room for.
  if (reply.share != nullptr && reply.share->fragment.size() > FetchNewest::kFragmentBytesMax) {
    kept->share = nullptr;
  }
  if (heard_ == nullptr) return;
  const Heard heard = heard_;
  heard(from);
}

bool SpeculativeGather::MayHave(NodeIndex node, SlotEpoch slot_epoch, Version version) const {
  if (!asked_.Has(node)) return false;
  const std::optional<FetchShareReply>& reply = replies_[node.value()];
  return !reply.has_value() || (reply->share != nullptr && reply->share->slot_epoch == slot_epoch &&
                                reply->share->version == version);
}

}  // namespace worldb::engine
