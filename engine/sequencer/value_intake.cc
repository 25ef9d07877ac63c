#include "engine/sequencer/value_intake.h"

#include <utility>

#include "engine/sequencer/frame_check.h"

namespace worldb::engine {

// Frames have a few jobs beside these.
static_assert(2 * ValueIntake::kUnderWayMax <= TriadStager::kJobsMax);

void ValueIntake::Take(NodeIndex from, StageValue request) {
  if (request.payload == nullptr) return;
  auto value = std::make_shared<Value>(Value{from, request.id, std::move(request.payload), {}});
  const CommitmentId& commitment = value->payload->commitment;
  if (staged_.contains(commitment)) return Answer(*value, absl::OkStatus());
  // A repeat while the first one is still being staged is answered with it.
  if (under_way_.contains(commitment)) return;
  if (under_way_.size() >= kUnderWayMax || under_way_bytes_ + BytesOf(*value) > kUnderWayBytesMax) {
    return;
  }
  under_way_.insert(commitment);
  under_way_bytes_ += BytesOf(*value);
  self_.executor().Offload(
      [value, cell = self_.shared_cell()] {
        cryptoscatter::BatchVerifier verifier;
        value->checked = CheckPayload(*cell, *value->payload, verifier);
        if (value->checked.ok() &&
            value->payload->sealed.core.kind != cryptoscatter::ValueKind::kValue) {
          value->checked = absl::InvalidArgumentError("a tombstone rides in its frame");
        }
      },
      term_.Guard([this, value] { OnChecked(*value); }));
}

void ValueIntake::OnChecked(const Value& value) {
  if (!value.checked.ok()) {
    End(value);
    return Answer(value, value.checked);
  }
  stager_.Stage({value.payload},
                term_.Guard([this, value](NodeSet synced) { OnStaged(value, synced); }));
}

void ValueIntake::OnStaged(const Value& value, NodeSet synced) {
  const CommitmentId& commitment = value.payload->commitment;
  End(value);
  if (staged_.size() >= staged_max_) staged_.erase(staged_.begin());
  const cryptoscatter::SealedValue& sealed = value.payload->sealed;
  if (synced.Has(self_.index())) staging_.NoteChecked(commitment);
  staged_[commitment] = {sealed.core.op_id, sealed.core.key_tag, sealed.script, synced};
  Answer(value, absl::OkStatus());
}

void ValueIntake::End(const Value& value) {
  under_way_.erase(value.payload->commitment);
  under_way_bytes_ -= BytesOf(value);
}

void ValueIntake::Answer(const Value& value, absl::Status status) {
  self_.Send(value.from, StageValueReply{value.request, std::move(status)});
}

const ValueIntake::Staged* ValueIntake::Find(const CommitmentId& commitment) const {
  const auto it = staged_.find(commitment);
  return it == staged_.end() ? nullptr : &it->second;
}

std::optional<ValueIntake::Staged> ValueIntake::Extract(const CommitmentId& commitment) {
  auto staged = staged_.extract(commitment);
  if (staged.empty()) return std::nullopt;
  return staged.mapped();
}

void ValueIntake::Clear() {
  term_.Next();
  under_way_.clear();
  under_way_bytes_ = 0;
  staged_.clear();
}

}  // namespace worldb::engine
