// One stream to one home: the frames this node has given numbers to, until the home's log has them.
//
// A stream is (node, stream epoch, home). Its epoch is above all that the home knows of this node: a node
// whose disk was replaced, or brought back from a copy, has forgotten what an earlier life of it sent, and
// what it sends under an epoch of that life would count as repeats. Told so by a beat, the stream is silent
// until Raise(). Its frames are numbered without gaps in the order of their stamps. They may be ready in
// another order; they leave in order of number, and one that is not ready yet holds the later ones back. A
// frame is kept until the logged cursor passes it, and all behind the cursor are sent again when a new
// sequencer speaks up or nothing has moved for a while: a sequencer drops what it has already.
// A core: what it is told are frames, beats and the time, what it answers are batches to send.
// Bounds:  kFramesUnderWayMax are sent ahead of the cursor. What is kept is bounded by the charges:
//          one frame for each op of the home's budget.
// Threads: its node's executor.
// Source:  docs/protocol.md 2.
#ifndef WORLDB_ENGINE_GATEWAY_HOME_STREAM_H_
#define WORLDB_ENGINE_GATEWAY_HOME_STREAM_H_

#include <cstddef>
#include <map>
#include <optional>

#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "engine/api/budget.h"
#include "engine/context/home_directory.h"
#include "engine/messages/stream_messages.h"

namespace worldb::engine {

class HomeStream {
 public:
  static constexpr std::size_t kFramesPerBatchMax = 256;
  static constexpr std::size_t kFramesUnderWayMax = engine::kFramesUnderWayMax;
  // A stream with frames under way whose cursor stands still for this long is stuck; twice as long
  // each time it was sent again in vain.
  static constexpr absl::Duration kStuckAfter = absl::Seconds(1);
  static constexpr absl::Duration kStuckAfterMax = absl::Seconds(10);

  HomeStream(DataCenterIndex home, StreamEpoch stream_epoch)
      : home_(home), stream_epoch_(stream_epoch) {}

  // `charge` is given back when the cursor has passed the frame. REQUIRES: a new number.
  void Keep(Frame frame, Budget::Charge charge);

  struct Heard {
    // The sequencer is another one than before: it may not know what the one before it was told.
    bool new_leader = false;
    // Another life of this node, or its twin, has sent under this epoch or a higher one: Raise() above the
    // cursor's.
    bool outdated = false;
  };
  // The home's sequencer named itself, and how far it has recorded the newest stream of this node.
  Heard Hear(const HomeDirectory::Leader& leader, const arbiter::StreamCursor& cursor,
             absl::Duration now);
  // What the log lacks is sent under this epoch, and numbers go on: an op that is on record after all is the
  // same op.
  void Raise(StreamEpoch stream_epoch);

  // What to send now to leader(); nullopt when that is nothing. Ask until then.
  std::optional<FrameBatch> NextBatch(absl::Duration now);

  // Nullopt before any was heard.
  const std::optional<HomeDirectory::Leader>& leader() const { return leader_; }
  std::size_t kept_count() const { return frames_.size(); }

 private:
  struct KeptFrame {
    Frame frame;
    Budget::Charge charge;
  };
  void MoveCursor(FrameNumber to, absl::Duration now);

  const DataCenterIndex home_;
  StreamEpoch stream_epoch_;
  FrameNumber stream_first_{1};  // the number it begins with
  bool outdated_ = false;
  std::optional<HomeDirectory::Leader> leader_;  // whom the frames under way were sent to
  std::map<FrameNumber, KeptFrame> frames_;      // not yet behind the cursor
  FrameNumber cursor_;
  FrameNumber next_to_send_{1};
  FrameNumber unsent_{1};  // no frame from here on was ever sent
  absl::Duration moved_;   // when the cursor last moved or sending began anew
  absl::Duration patience_ = kStuckAfter;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_HOME_STREAM_H_
