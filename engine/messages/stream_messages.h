// What an ingress and a home say to each other of writes.
#ifndef WORLDB_ENGINE_MESSAGES_STREAM_MESSAGES_H_
#define WORLDB_ENGINE_MESSAGES_STREAM_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "engine/messages/payload.h"

namespace worldb::engine {

// -- ingress to home

// One number of a stream: a candidate, or nothing (void) when the op died after it was numbered.
struct Frame {
  FrameNumber number;
  std::optional<arbiter::Candidate> candidate;
  PayloadPtr payload;  // null when it was staged before, or for a void frame
};
// How many frames of one stream are sent ahead of its logged cursor, or wait beyond it.
inline constexpr std::size_t kFramesUnderWayMax = 16'384;
struct FrameBatch {
  DataCenterIndex home;
  StreamEpoch stream_epoch;
  FrameNumber stream_first;   // the number the stream of this epoch begins with
  std::vector<Frame> frames;  // numbers without gaps
};
// Stage a value too large for a frame; it has no place in line yet.
struct StageValue {
  RequestId id = 0;
  PayloadPtr payload;
};
struct StageValueReply {
  RequestId id = 0;
  absl::Status status;
};

// -- home to ingress

// The sequencer names itself, and says how far the receiver's stream is recorded.
struct SequencerBeat {
  DataCenterIndex home;
  LogEpoch log_epoch;
  // Of the highest stream epoch of the receiver's that the home knows; number 0 when nothing of it is recorded.
  arbiter::StreamCursor cursor;
};
struct NoticeAccepted {
  arbiter::Stamp stamp;
  Version version;
  bool leading = false;
  std::vector<DataCenterIndex> out;  // data centers the log marks as gone for now
  arbiter::Level within_reach = arbiter::Level::kFull;
  arbiter::OpIdentity identity;  // of the op on record
};
struct NoticeLevel {
  arbiter::Level level = arbiter::Level::kHeld;
  Version version;
  NodeSet held;
};
struct NoticeRefused {
  absl::Status status;
  FrameNumber number;  // the frame refused, of the receiver's stream
};
struct OpNotice {
  OpId op;
  std::variant<NoticeAccepted, arbiter::Outcome, NoticeLevel, NoticeRefused> what;
};
struct OpNotices {
  DataCenterIndex home;
  std::vector<OpNotice> notices;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_STREAM_MESSAGES_H_
