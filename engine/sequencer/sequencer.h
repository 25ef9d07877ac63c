// The one node of a triad that writes its accept log: frames in, records out, rounds closed.
//
// Frames run through a pipeline in the order they arrived: checked against the writer's commitment,
// staged and synced on two triad nodes (three while healthy), appended. One append is under way at a
// time and is built against exactly the state applied before it; whatever waits meanwhile shares the
// next entry. A CLOSE is decided on a clock reading taken first; everything that had arrived by then
// is on record before the CLOSE is.
// Threads: its node's executor.
// Source:  docs/protocol.md 2 to 4 and 6.
#ifndef WORLDB_ENGINE_SEQUENCER_SEQUENCER_H_
#define WORLDB_ENGINE_SEQUENCER_SEQUENCER_H_

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "arbiter/latency_window.h"
#include "engine/context/node_context.h"
#include "engine/context/peer_table.h"
#include "engine/desks/key_lister.h"
#include "engine/desks/read_desk.h"
#include "engine/desks/watch_desk.h"
#include "engine/home/home.h"
#include "engine/home/log_notes.h"
#include "engine/home/staging.h"

namespace worldb::engine {

class Sequencer {
 public:
  Sequencer(NodeContext& context, Home& home, LogNotes& notes, Staging& staging, NameIndex& names,
            PeerTable& peers);

  // Runs when the log shows that somebody else writes it, after StepDown().
  void WhenDeposed(std::function<void()> deposed) { deposed_ = std::move(deposed); }

  // REQUIRES: the home's state is applied up to the tail, and the log is fenced at `epoch`.
  void Lead(LogEpoch epoch);
  void StepDown();
  bool leading() const { return leading_; }
  LogEpoch epoch() const { return epoch_; }

  void On(NodeIndex from, FrameBatch batch);
  void On(NodeIndex from, StageValue request);
  void On(NodeIndex from, const StagePutReply& reply);
  void On(NodeIndex from, const CheckpointSynced& synced);
  void On(NodeIndex from, const WatchAck& ack);
  // Answered from the state applied with a READ mark, by nobody while another node leads.
  void Ask(NodeIndex from, ReadDesk::Query query);
  // Answered by any replica that has the op on record; here once more when it got where the query
  // wants it.
  void AskTicket(NodeIndex from, const TicketQuery& query);

  // The home applied an entry while this node leads.
  void OnApplied(const arbiter::LogEntry& entry, const std::vector<arbiter::Effect>& effects);

 private:
  struct Item {
    enum class Stage { kFetching, kToStage, kStaging, kReady, kRefused };
    NodeIndex from;
    StreamEpoch stream_epoch;
    Frame frame;
    Stage stage = Stage::kFetching;
    NodeSet staged;  // once kReady
  };
  struct StageJob {
    std::vector<PayloadPtr> payloads;
    NodeSet synced;
    bool patient = true;  // waits for the third node
    std::function<void(NodeSet synced)> done;
  };
  // A large value that was staged before it has a frame.
  struct StagedValue {
    ScriptId script;
    NodeSet nodes;
  };
  struct UnderWay {
    LogIndex previous;
    arbiter::LogEntry entry;
    SharedBytes bytes;
    bool unknown = false;  // some append of it had no clear answer
  };
  struct Stream {
    StreamEpoch epoch;
    FrameNumber next{1};
  };
  struct CloseIntent {
    absl::Time earliest;
    std::uint64_t barrier = 0;  // every pipeline item before this number comes first
  };

  Item* Find(std::uint64_t sequence);
  void CheckFrame(std::uint64_t sequence);
  void Refuse(Item& item, absl::Status status);
  void Restage(std::uint64_t sequence);
  absl::Status CheckFrameFields(const Item& item) const;
  void StageReady();
  void StartStageJob(std::vector<PayloadPtr> payloads, std::function<void(NodeSet synced)> done);
  void SendStageJob(RequestId id);
  void OnStaged(RequestId id, NodeIndex node);
  void MaybeFinish(RequestId id);
  void TryAppend();
  void AddClose(arbiter::LogEntry& entry);
  void AddWindow(arbiter::LogEntry& entry);
  void AddCandidates(arbiter::LogEntry& entry);
  void AddNotes(arbiter::LogEntry& entry);
  bool CheckpointOverdue() const;
  void AddCheckpoint(arbiter::LogEntry& entry);
  void PostTryAppend();
  void TakeBack();
  void Append();
  void OnAppended(arbiter::AppendResult result);
  void SampleDelays(const arbiter::LogEntry& entry);
  void ArmClose();
  void OnCloseTimer();
  bool Licensed(const arbiter::ClockReading& reading) const;
  absl::Time EarliestNow() const;
  arbiter::ClockReading LogReading() const;
  void BeatAll();
  void BeatTo(NodeIndex node);

  NodeContext& context_;
  Home& home_;
  LogNotes& notes_;
  Staging& staging_;
  PeerTable& peers_;
  std::function<void()> deposed_;

  bool leading_ = false;
  LogEpoch epoch_;
  std::uint64_t term_ = 0;  // callbacks of an earlier term are void
  std::uint64_t author_number_ = 0;
  std::array<Stream, kNodeCount> streams_;
  std::deque<Item> pipeline_;
  std::uint64_t first_sequence_ = 0;  // of pipeline_.front()
  std::map<RequestId, StageJob> stage_jobs_;
  std::size_t item_jobs_ = 0;
  // Large values that have no frame yet: being staged, and staged on enough nodes in this term.
  std::set<CommitmentId> staging_values_;
  std::map<CommitmentId, StagedValue> staged_;
  bool appending_ = false;
  std::optional<UnderWay> under_way_;
  bool append_posted_ = false;
  std::size_t in_entry_ = 0;  // pipeline items in the entry under way
  // Since the last checkpoint entry, whoever wrote it; bytes only of this term.
  std::uint64_t entries_since_ = 0;
  std::uint64_t bytes_since_ = 0;
  absl::Duration checkpoint_asked_;
  // The newest checkpoint whose sum is logged, those each triad node has synced, and what is trimmed.
  LogIndex sum_logged_;
  std::array<LogIndex, kNodeCount> checkpoints_;
  LogIndex trimmed_;
  KeyLister lister_;
  WatchDesk watches_;
  ReadDesk reads_;
  std::optional<CloseIntent> close_intent_;
  absl::Time close_armed_for_ = absl::InfiniteFuture();
  bool close_posted_ = false;
  Executor::TimerId close_timer_ = 0;
  arbiter::LatencyWindow window_;
  absl::Duration window_computed_ = -absl::InfiniteDuration();
  std::uint64_t window_samples_ = 0;
  bool window_known_ = false;  // computed from samples at least once
  // The log's earliest bound, and when it last rose.
  absl::Time log_earliest_ = absl::InfinitePast();
  absl::Duration log_earliest_at_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_SEQUENCER_H_
