#include "engine/gateway/home_stream.h"

#include <algorithm>
#include <utility>

namespace worldb::engine {

void HomeStream::Keep(Frame frame, Budget::Charge charge) {
  const FrameNumber number = frame.number;
  frames_.emplace(number, KeptFrame{std::move(frame), std::move(charge)});
}

bool HomeStream::Hear(const HomeDirectory::Leader& leader, const arbiter::StreamCursor& cursor,
                      absl::Duration now) {
  const bool anew = std::exchange(leader_, leader) != leader;
  if (cursor.stream_epoch == stream_epoch_ && cursor.number > cursor_) {
    MoveCursor(cursor.number, now);
  }
  const bool stuck = next_to_send_ > cursor_.Next() && now - moved_ > patience_;
  if (stuck) patience_ = std::min(2 * patience_, kStuckAfterMax);
  if (anew || stuck) {
    next_to_send_ = cursor_.Next();
    moved_ = now;
  }
  return anew;
}

void HomeStream::MoveCursor(FrameNumber to, absl::Duration now) {
  cursor_ = to;
  moved_ = now;
  patience_ = kStuckAfter;
  frames_.erase(frames_.begin(), frames_.upper_bound(cursor_));
  next_to_send_ = std::max(next_to_send_, cursor_.Next());
}

std::optional<FrameBatch> HomeStream::NextBatch(absl::Duration now) {
  auto it = frames_.find(next_to_send_);
  if (!leader_.has_value() || it == frames_.end()) return std::nullopt;
  if (next_to_send_ == cursor_.Next()) moved_ = now;  // nothing was under way: patience begins now
  FrameBatch batch{home_, stream_epoch_, {}};
  while (it != frames_.end() && it->first == next_to_send_ &&
         batch.frames.size() < kFramesPerBatchMax &&
         it->first.value() <= cursor_.value() + kFramesUnderWayMax) {
    batch.frames.push_back(it->second.frame);
    next_to_send_ = next_to_send_.Next();
    ++it;
  }
  if (batch.frames.empty()) return std::nullopt;
  return batch;
}

}  // namespace worldb::engine
