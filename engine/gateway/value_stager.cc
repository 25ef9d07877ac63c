#include "engine/gateway/value_stager.h"

#include <utility>

namespace worldb::engine {

ValueStager::ValueStager(NodeSelf& self, const HomeDirectory& homes, const WriteCalls& calls,
                         Staged staged)
    : self_(self),
      homes_(homes),
      calls_(calls),
      staged_(std::move(staged)),
      asked_(self.request_ids(), kStagingMax) {}

void ValueStager::Stage(AdmittedPtr set, PayloadPtr payload) {
  Ask(asked_.Add(NodeSet(), Value{std::move(set), std::move(payload), std::nullopt}));
}

// Again and again, until it is answered or nobody waits for it any more.
void ValueStager::Ask(RequestId id) {
  const Value* value = asked_.Find(id);
  if (value == nullptr) return;
  if (!calls_.Has(value->set->call)) {  // no place in line was taken
    asked_.Drop(id);
    return;
  }
  id = PutToSequencer(id);
  value = asked_.Find(id);
  absl::Duration patience = kStageRetryAfter;
  if (value->sequencer.has_value()) {
    patience = 4 * kStageRetryAfter + absl::Microseconds(value->payload->encoded->size());
    self_.Send(*value->sequencer, StageValue{id, value->payload});
  }
  self_.executor().PostAfter(patience, [this, id] { Ask(id); });
}

// The id under which the home's sequencer of now is asked: the same one as long as it is the same.
RequestId ValueStager::PutToSequencer(RequestId id) {
  const Value& asked = *asked_.Find(id);
  const std::optional<NodeIndex> sequencer = homes_.SequencerOf(asked.set->home);
  if (sequencer == asked.sequencer) return id;
  NodeSet whom;
  if (sequencer.has_value()) whom.Add(*sequencer);
  Value value = *asked_.Drop(id);
  value.sequencer = sequencer;
  return asked_.Add(whom, std::move(value));
}

void ValueStager::TakeReply(NodeIndex from, const StageValueReply& reply) {
  if (!reply.status.ok() && !absl::IsInvalidArgument(reply.status)) return;  // it may pass
  const std::optional<Value> value = asked_.Take(from, reply.id);
  if (!value.has_value() || !calls_.Has(value->set->call)) return;
  staged_(value->set, value->payload, reply.status);
}

}  // namespace worldb::engine
