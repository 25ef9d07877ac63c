#include "engine/gateway/home_stream.h"

#include <algorithm>
#include <utility>

namespace worldb::engine {

void HomeStream::Keep(Frame frame, Budget::Charge charge) {
  const FrameNumber number = frame.number;
  // Stamped just before the stream was raised.
  if (frame.candidate.has_value()) frame.candidate->stamp.stream_epoch = stream_epoch_;
  frames_.emplace(number, KeptFrame{std::move(frame), std::move(charge)});
}

HomeStream::Heard HomeStream::Hear(const HomeDirectory::Leader& leader,
                                   const arbiter::StreamCursor& cursor, absl::Duration now) {
  Heard heard;
  heard.new_leader = std::exchange(leader_, leader) != leader;
  const bool of_this_epoch = cursor.stream_epoch == stream_epoch_;
  outdated_ = cursor.stream_epoch > stream_epoch_ || (of_this_epoch && cursor.number >= unsent_);
  heard.outdated = outdated_;
  if (outdated_) return heard;
  if (of_this_epoch && cursor.number > cursor_) MoveCursor(cursor.number, now);
  const bool stuck = next_to_send_ > cursor_.Next() && now - moved_ > patience_;
  if (stuck) patience_ = std::min(2 * patience_, kStuckAfterMax);
  if (heard.new_leader || stuck) {
    next_to_send_ = cursor_.Next();
    moved_ = now;
  }
  return heard;
}

void HomeStream::Raise(StreamEpoch stream_epoch) {
  stream_epoch_ = stream_epoch;
  stream_first_ = cursor_.Next();
  next_to_send_ = unsent_ = stream_first_;
  outdated_ = false;
  for (auto& [number, kept] : frames_) {
    if (kept.frame.candidate.has_value()) kept.frame.candidate->stamp.stream_epoch = stream_epoch;
  }
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
  if (!leader_.has_value() || outdated_ || it == frames_.end()) return std::nullopt;
  if (next_to_send_ == cursor_.Next()) moved_ = now;  // nothing was under way: patience begins now
  FrameBatch batch{home_, stream_epoch_, stream_first_, {}};
  while (it != frames_.end() && it->first == next_to_send_ &&
         batch.frames.size() < kFramesPerBatchMax &&
         it->first.value() <= cursor_.value() + kFramesUnderWayMax) {
    batch.frames.push_back(it->second.frame);
    next_to_send_ = next_to_send_.Next();
    ++it;
  }
  if (batch.frames.empty()) return std::nullopt;
  unsent_ = std::max(unsent_, next_to_send_);
  return batch;
}

}  // namespace worldb::engine
