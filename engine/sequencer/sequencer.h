// The one node of a triad that writes its accept log: frames in, records out, rounds closed.
//
// Frames come through FrameIntake, questions through ReadDesk, facts through LogNotes; EntryBuilder makes
// one entry at a time of what waits, LogClock says what time it is told, RoundCloser when rounds end and
// LogTrimmer when the log is cut.
// This is what connects them: it reads the clock, appends, and hands on what the log answered. One
// append is under way at a time; whatever waits meanwhile shares the next entry. A CLOSE is decided on a
// clock reading taken first; everything that had arrived by then is on record before the CLOSE is.
// Threads: its node's executor.
// Source:  docs/protocol.md 2 to 4 and 6.
#ifndef WORLDB_ENGINE_SEQUENCER_SEQUENCER_H_
#define WORLDB_ENGINE_SEQUENCER_SEQUENCER_H_

#include <functional>
#include <vector>

#include "arbiter/accept_log.h"
#include "arbiter/clock.h"
#include "arbiter/home_state.h"
#include "cryptoscatter/records.h"
#include "engine/context/node_parts.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/context/term.h"
#include "engine/desks/key_lister.h"
#include "engine/desks/read_desk.h"
#include "engine/desks/watch_desk.h"
#include "engine/home/checkpointer.h"
#include "engine/home/home.h"
#include "engine/home/log_notes.h"
#include "engine/home/name_index.h"
#include "engine/home/staging.h"
#include "engine/messages/stream_messages.h"
#include "engine/messages/triad_messages.h"
#include "engine/messages/watch_messages.h"
#include "engine/scatter/scatterer.h"
#include "engine/sequencer/entry_builder.h"
#include "engine/sequencer/frame_intake.h"
#include "engine/sequencer/inventory_desk.h"
#include "engine/sequencer/log_clock.h"
#include "engine/sequencer/log_trimmer.h"
#include "engine/sequencer/round_closer.h"
#include "engine/sequencer/triad_stager.h"
#include "engine/sequencer/value_intake.h"

namespace worldb::engine {

class Sequencer {
 public:
  // What it touches of the node; all of it outlives the sequencer.
  struct Doors {
    arbiter::AcceptLog& log;
    const arbiter::Clock& clock;
    cryptoscatter::BatchVerifier& verifier;
    Home& home;
    LogNotes& notes;
    Staging& staging;
    NameIndex& names;
    const PeerTable& peers;
    Checkpointer& checkpointer;
    Scatterer& scatterer;
  };

  Sequencer(NodeSelf& self, const Doors& doors, const NodeOptions& options);

  // Runs when the log shows that somebody else writes it, after StepDown().
  void WhenDeposed(std::function<void()> deposed) { deposed_ = std::move(deposed); }

  // REQUIRES: the home's state is applied up to the tail, and the log is fenced at `epoch`.
  void Lead(LogEpoch epoch);
  void StepDown();
  bool leading() const { return leading_; }
  // Of this node's clock, as log and siblings bear it out.
  LogClock::Verdict JudgeClock() { return clock_.Judge({self_.now(), doors_.clock.Now()}); }
  LogEpoch epoch() const { return epoch_; }

  // Of messages: all but tickets are for nobody while another node leads.
  void TakeFrames(NodeIndex from, FrameBatch batch);
  void TakeValue(NodeIndex from, StageValue request);
  void OnStaged(NodeIndex from, const StagePutReply& reply) { stager_.OnStaged(from, reply); }
  void OnCheckpointSynced(NodeIndex from, const CheckpointSynced& synced);
  // What a node's clock said, as its heartbeat told.
  void HearClock(NodeIndex from, const arbiter::ClockReading& reading) {
    clock_.Hear(from, reading, self_.now());
  }
  void AskInventory(NodeIndex from, const InventoryQuery& query);
  void TakeInventory(NodeIndex from, const InventoryReport& report) {
    if (leading_) inventory_.Take(from, report);
  }
  void OnWatchAck(NodeIndex from, const WatchAck& ack) { watches_.TakeAck(from, ack); }
  // Answered from the state applied with a READ mark.
  void Ask(NodeIndex from, ReadDesk::Query query);
  // The same for many at once, which share a mark.
  void AskVersions(NodeIndex from, const ReadQueries& message);
  // Answered by any replica that has the op on record; here once more when it got where the query
  // wants it.
  void AskTicket(NodeIndex from, const TicketQuery& query);

  // The home applied an entry, whoever leads.
  void NoteLogTime() { clock_.NoteLogEarliest(state().log_earliest(), self_.now()); }
  // And while this node leads.
  void OnApplied(const arbiter::LogEntry& entry, const std::vector<arbiter::Effect>& effects);

 private:
  const arbiter::HomeState& state() const { return doors_.home.state(); }
  RoundCloser::Due Due() const { return {state().NextDue(), state().LastDue()}; }
  // After what is already waiting, so that many share the entry.
  void PostTryAppend();
  void TryAppend();
  void Append();
  void OnAppended(const arbiter::AppendResult& result);
  void AppendLater(EntryBuilder::Fate fate);
  void ArmClose();
  void LookAtClock();
  void BeatAll();
  void BeatTo(NodeIndex node);

  NodeSelf& self_;
  const Doors doors_;
  std::function<void()> deposed_;

  bool leading_ = false;
  LogEpoch epoch_;
  Term term_;
  TriadStager stager_;
  ValueIntake values_;
  FrameIntake intake_;
  EntryBuilder builder_;
  LogClock clock_;
  RoundCloser closer_;
  LogTrimmer trimmer_;
  KeyLister lister_;
  WatchDesk watches_;
  ReadDesk reads_;
  InventoryDesk inventory_;
  bool append_posted_ = false;
  bool pausing_ = false;  // a log that refuses is not asked without pause
  Executor::TimerId close_timer_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_SEQUENCER_H_
