// Frames on their way into the log, in the order they arrived: checked against the writer's commitment,
// staged and synced on the triad, ready to be recorded.
//
// Whoever builds entries takes from the front what is ready. A frame that is refused keeps its place
// until then: nothing of it is recorded, but the stream's cursor passes it. Its sender hears of it once
// that is on record, and no other sequencer can take the frame in any more.
// Bounds:  of each node's stream at most kFramesUnderWayMax frames and kStreamBytesMax of payloads wait;
//          what comes beyond is not taken, and its sender sends it again. kStageJobsMax jobs of at most
//          kStageItemsMax payloads are being staged.
// Threads: its node's executor.
// Source:  docs/protocol.md 2.
#ifndef WORLDB_ENGINE_SEQUENCER_FRAME_INTAKE_H_
#define WORLDB_ENGINE_SEQUENCER_FRAME_INTAKE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "arbiter/home_state.h"
#include "cryptoscatter/records.h"
#include "engine/context/node_self.h"
#include "engine/context/term.h"
#include "engine/home/staging.h"
#include "engine/messages/stream_messages.h"
#include "engine/sequencer/triad_stager.h"
#include "engine/sequencer/value_intake.h"

namespace worldb::engine {

// A frame at the front of the line. `candidate` is null when nothing of it is recorded.
struct ReadyFrame {
  NodeIndex from;
  StreamEpoch stream_epoch;
  FrameNumber number;
  const arbiter::Candidate* candidate = nullptr;  // valid until the frames are consumed
  NodeSet staged;
};

class FrameIntake {
 public:
  static constexpr std::size_t kStreamBytesMax = std::size_t{256} << 20;
  static constexpr std::size_t kStageJobsMax = 4;
  static constexpr std::size_t kStageItemsMax = 256;
  static constexpr std::size_t kStageBytesMax = std::size_t{8} << 20;

  // `ready` runs when more may be ready at the front.
  FrameIntake(NodeSelf& self, const arbiter::HomeState& state, Staging& staging,
              TriadStager& stager, ValueIntake& values, cryptoscatter::BatchVerifier& verifier,
              std::function<void()> ready);

  // Only what follows what was taken before, without gaps; the rest is sent again. Nothing of an epoch below
  // StreamEpochOf(): the sender learns that one with the next beat, and begins above it.
  void Take(NodeIndex from, FrameBatch batch);
  // Ready frames from the front, at most `count_max`.
  std::vector<ReadyFrame> Ready(std::size_t count_max) const;
  // That many frames are recorded.
  void Consume(std::size_t count);
  // Every frame that arrived is numbered, from the first to the last one of this node's life.
  std::uint64_t first_sequence() const { return first_sequence_; }
  std::uint64_t end_sequence() const { return first_sequence_ + items_.size(); }
  // The highest of the node's that this home knows, recorded or not.
  StreamEpoch StreamEpochOf(NodeIndex node) const {
    return std::max(streams_[node.value()].epoch, state_.NewestStreamEpoch(node));
  }
  // Forgets all that waits, and where streams stand: each begins anew at its logged cursor.
  void Clear();

 private:
  struct Item {
    enum class Stage { kFetching, kToStage, kStaging, kReady, kRefused };
    NodeIndex from;
    StreamEpoch stream_epoch;
    Frame frame;
    Stage stage = Stage::kFetching;
    bool checked = false;  // the payload, by this node
    NodeSet staged;        // once kReady
    std::size_t bytes = 0;
    absl::Status refusal;  // once kRefused; OK for a void number
  };
  struct Stream {
    StreamEpoch epoch;
    FrameNumber next{1};
    // Of its frames that wait here.
    std::size_t frames = 0;
    std::size_t bytes = 0;
    bool full() const { return frames >= kFramesUnderWayMax || bytes >= kStreamBytesMax; }
  };

  Item& At(std::uint64_t sequence) { return items_[sequence - first_sequence_]; }
  void Add(NodeIndex from, StreamEpoch stream_epoch, Frame frame);
  void Check(std::uint64_t sequence);
  // Of a frame whose value was staged before.
  absl::Status CheckStagedValue(const arbiter::Candidate& candidate) const;
  // Stages again what was staged under another sequencer: how many live copies there are is not known
  // here.
  void FetchStaged(std::uint64_t sequence);
  void OnFetched(std::uint64_t sequence, absl::StatusOr<PayloadPtr> payload);
  static void Refuse(Item& item, absl::Status status);
  void TellRefused(Item& item) const;
  void StageWaiting();
  void OnStaged(const std::vector<std::uint64_t>& sequences, NodeSet synced);

  NodeSelf& self_;
  const arbiter::HomeState& state_;
  Staging& staging_;
  TriadStager& stager_;
  ValueIntake& values_;
  cryptoscatter::BatchVerifier& verifier_;
  const std::function<void()> ready_;

  Term term_;
  std::array<Stream, kNodeCount> streams_;
  std::deque<Item> items_;
  std::uint64_t first_sequence_ = 0;  // of items_.front()
  std::size_t stage_jobs_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_FRAME_INTAKE_H_
