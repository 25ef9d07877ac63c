#include "engine/scatter/outbox.h"

#include <algorithm>
#include <utility>

namespace worldb::engine {

bool Outbox::Offer(Delivery delivery) {
  if (waiting_.size() >= kWaitingMax) return false;
  waiting_.push_back(std::move(delivery));
  return true;
}

std::optional<Outbox::Batch> Outbox::NextBatch(absl::Duration now) {
  if (waiting_.empty() || under_way_.size() >= kBatchesUnderWayMax) return std::nullopt;
  Batch batch;
  batch.owed = waiting_.front().owed;
  batch.patience = batch.owed ? kRebuildPatience : kAnswerPatience;
  const std::size_t count_max = batch.owed ? 1 : kDeliveriesPerBatchMax;
  Sent sent;
  std::size_t bytes = 0;
  while (!waiting_.empty() && waiting_.front().owed == batch.owed &&
         sent.versions.size() < count_max && bytes < kBatchBytesMax) {
    Delivery& delivery = waiting_.front();
    bytes += delivery.bytes;
    sent.versions.push_back(delivery.version);
    sent.claims.push_back(delivery.claim);
    batch.shares.push_back(std::move(delivery.share));
    waiting_.pop_front();
  }
  send_again_ = now + (sent.versions.size() < kBusyBatch ? kSendEvery : kSendEveryWhenBusy);
  batch.id = under_way_.Add(node_, std::move(sent));
  return batch;
}

Outbox::Effects Outbox::TakeAnswer(RequestId id, const Versions& held, bool gave_receipts,
                                   absl::Duration now) {
  Effects effects;
  const std::optional<Sent> sent = under_way_.Take(node_, id);
  if (!sent.has_value()) return effects;
  auto next = held.begin();
  for (const arbiter::RoundId& version : sent->versions) {
    if (next != held.end() && *next == version) {
      ++next;
    } else {
      effects.taken_back.push_back(version);
    }
  }
  if (!gave_receipts) {  // its disk is full, or worse: nothing more for now
    TakeBackWaiting(effects.taken_back);
    Rest(now, effects);
  } else if (resting_) {
    Wake();
    effects.woke = true;
  }
  return effects;
}

Outbox::Effects Outbox::TakeSilence(RequestId id, absl::Duration now) {
  Effects effects;
  std::optional<Sent> sent = under_way_.Drop(id);
  if (!sent.has_value()) return effects;
  effects.taken_back = std::move(sent->versions);
  TakeBackWaiting(effects.taken_back);
  Rest(now, effects);
  return effects;
}

void Outbox::TakeBackWaiting(Versions& taken_back) {
  for (const Delivery& delivery : std::exchange(waiting_, {})) {
    taken_back.push_back(delivery.version);
  }
}

void Outbox::Rest(absl::Duration now, Effects& effects) {
  if (resting_ && !tried_with_.has_value()) return;  // its turn to be tried comes
  resting_ = true;
  tried_with_.reset();
  rest_length_ = std::clamp(2 * rest_length_, kRestMin, kRestMax);
  rest_until_ = now + rest_length_;
  effects.look_after = rest_length_;
}

bool Outbox::IsToBeTried(absl::Duration now) const {
  return resting_ && !tried_with_.has_value() && now >= rest_until_;
}

void Outbox::Wake() {
  resting_ = false;
  tried_with_.reset();
  rest_length_ = absl::ZeroDuration();
}

void Outbox::Clear() {
  waiting_.clear();
  under_way_.Clear();
  Wake();
}

}  // namespace worldb::engine
