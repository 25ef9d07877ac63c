#include "engine/sequencer/frame_intake.h"

#include <utility>

#include "engine/cell/errors.h"
#include "engine/sequencer/frame_check.h"

namespace worldb::engine {

FrameIntake::FrameIntake(NodeSelf& self, const arbiter::HomeState& state, Staging& staging,
                         TriadStager& stager, ValueIntake& values,
                         cryptoscatter::BatchVerifier& verifier, std::function<void()> ready)
    : self_(self),
      state_(state),
      staging_(staging),
      stager_(stager),
      values_(values),
      verifier_(verifier),
      ready_(std::move(ready)) {}

void FrameIntake::Clear() {
  term_.Next();
  streams_ = {};
  first_sequence_ += items_.size();
  items_.clear();
  stage_jobs_ = 0;
}

// ---------------------------------------------------------------- in

void FrameIntake::Take(NodeIndex from, FrameBatch batch) {
  Stream& stream = streams_[from.value()];
  if (batch.stream_epoch < StreamEpochOf(from)) return;
  if (batch.stream_epoch > stream.epoch) {
    stream.epoch = batch.stream_epoch;
    stream.next = std::max(state_.Cursor(from, batch.stream_epoch).Next(), batch.stream_first);
  }
  for (Frame& frame : batch.frames) {
    if (stream.full()) break;
    // Below: a repeat. Above: something before it was lost and will be sent again.
    if (frame.number != stream.next) continue;
    stream.next = stream.next.Next();
    Add(from, batch.stream_epoch, std::move(frame));
  }
  StageWaiting();
  ready_();
}

void FrameIntake::Add(NodeIndex from, StreamEpoch stream_epoch, Frame frame) {
  Stream& stream = streams_[from.value()];
  const std::size_t bytes = frame.payload == nullptr ? 0 : frame.payload->encoded->size();
  ++stream.frames;
  stream.bytes += bytes;
  items_.push_back({.from = from,
                    .stream_epoch = stream_epoch,
                    .frame = std::move(frame),
                    .staged = {},
                    .bytes = bytes,
                    .refusal = {}});
  Check(end_sequence() - 1);
}

void FrameIntake::Check(std::uint64_t sequence) {
  Item& item = At(sequence);
  if (!item.frame.candidate.has_value()) {
    item.stage = Item::Stage::kRefused;  // a void number: nothing to record, the cursor passes it
    return;
  }
  const arbiter::Candidate& candidate = *item.frame.candidate;
  absl::Status status =
      CheckFrame(self_.cell(), self_.data_center(), item.from, item.stream_epoch, item.frame);
  if (status.ok()) {
    status = item.frame.payload == nullptr
                 ? CheckStagedValue(candidate)
                 : CheckPayload(self_.cell(), *item.frame.payload, verifier_);
  }
  if (!status.ok()) {
    Refuse(item, std::move(status));
  } else if (item.frame.payload != nullptr) {
    item.stage = Item::Stage::kToStage;
    item.checked = true;
  } else if (const auto staged = values_.Extract(candidate.commitment)) {
    item.staged = staged->nodes;
    item.stage = Item::Stage::kReady;
  } else {
    FetchStaged(sequence);
  }
}

absl::Status FrameIntake::CheckStagedValue(const arbiter::Candidate& candidate) const {
  const ValueIntake::Staged* staged = values_.Find(candidate.commitment);
  if (staged != nullptr) {
    return CheckOwner(candidate, staged->op, staged->key_tag, staged->script);
  }
  if (staging_.Has(candidate.commitment)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kUnavailable, reason::kTriadUnavailable,
                   "the home changed its sequencer while the value was under way and recorded "
                   "nothing; retry with the same op id");
}

void FrameIntake::Refuse(Item& item, absl::Status status) {
  item.stage = Item::Stage::kRefused;
  item.refusal = std::move(status);
}

void FrameIntake::TellRefused(Item& item) const {
  OpNotices notices{self_.data_center(), {}};
  notices.notices.push_back(
      {item.frame.candidate->op, NoticeRefused{std::move(item.refusal), item.frame.number}});
  self_.Send(item.from, std::move(notices));
}

// ---------------------------------------------------------------- staging

void FrameIntake::FetchStaged(std::uint64_t sequence) {
  staging_.Get(At(sequence).frame.candidate->commitment,
               term_.Guard([this, sequence](absl::StatusOr<PayloadPtr> payload) {
                 OnFetched(sequence, std::move(payload));
               }));
}

void FrameIntake::OnFetched(std::uint64_t sequence, absl::StatusOr<PayloadPtr> payload) {
  Item& item = At(sequence);
  const arbiter::Candidate& candidate = *item.frame.candidate;
  absl::Status status = payload.status();
  if (status.ok() && !(*payload)->whole()) {
    status = absl::NotFoundError("only what nodes are owed is left of the payload");
  }
  if (status.ok()) {
    const cryptoscatter::SealedValue& sealed = (*payload)->sealed;
    status = CheckOwner(candidate, sealed.core.op_id, sealed.core.key_tag, sealed.script);
  }
  if (status.ok()) status = CheckKind(candidate, **payload);
  if (status.ok()) {
    item.frame.payload = *std::move(payload);
    item.stage = Item::Stage::kToStage;
  } else {
    Refuse(item, std::move(status));
  }
  StageWaiting();
  ready_();
}

void FrameIntake::StageWaiting() {
  while (stage_jobs_ < kStageJobsMax) {
    std::vector<PayloadPtr> payloads;
    std::vector<std::uint64_t> sequences;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < items_.size() && payloads.size() < kStageItemsMax; ++i) {
      Item& item = items_[i];
      if (item.stage != Item::Stage::kToStage) continue;
      bytes += item.frame.payload->encoded->size();
      if (!payloads.empty() && bytes > kStageBytesMax) break;
      item.stage = Item::Stage::kStaging;
      payloads.push_back(item.frame.payload);
      sequences.push_back(first_sequence_ + i);
    }
    if (payloads.empty()) return;
    ++stage_jobs_;
    stager_.Stage(std::move(payloads),
                  term_.Guard([this, sequences = std::move(sequences)](NodeSet synced) {
                    OnStaged(sequences, synced);
                  }));
  }
}

void FrameIntake::OnStaged(const std::vector<std::uint64_t>& sequences, NodeSet synced) {
  --stage_jobs_;
  for (const std::uint64_t sequence : sequences) {
    Item& item = At(sequence);
    item.stage = Item::Stage::kReady;
    item.staged = synced;
    if (item.checked && synced.Has(self_.index()))
      staging_.NoteChecked(item.frame.payload->commitment);
  }
  StageWaiting();
  ready_();
}

// ---------------------------------------------------------------- out

std::vector<ReadyFrame> FrameIntake::Ready(std::size_t count_max) const {
  std::vector<ReadyFrame> ready;
  for (const Item& item : items_) {
    const bool refused = item.stage == Item::Stage::kRefused;
    if (ready.size() == count_max || (!refused && item.stage != Item::Stage::kReady)) break;
    ready.push_back({item.from, item.stream_epoch, item.frame.number,
                     refused ? nullptr : &*item.frame.candidate, item.staged});
  }
  return ready;
}

void FrameIntake::Consume(std::size_t count) {
  for (; count > 0; --count, ++first_sequence_) {
    Item& item = items_.front();
    if (!item.refusal.ok()) TellRefused(item);
    Stream& stream = streams_[item.from.value()];
    --stream.frames;
    stream.bytes -= item.bytes;
    items_.pop_front();
  }
}

}  // namespace worldb::engine
