// A replica of its data center's home: applies the accept log, answers for tickets, and takes the
// sequencer's chair when it falls empty.
//
// Every triad node runs one. All of them apply the same entries; only the sequencer tells ingresses
// what followed and scatters what was won. Who leads is a question of liveness alone: the log's fence
// keeps a deposed sequencer from being believed.
// Threads: its node's executor.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ENGINE_HOME_HOME_H_
#define WORLDB_ENGINE_HOME_HOME_H_

#include "arbiter/home_state.h"
#include "engine/api/node_api.h"
#include "engine/context/node_context.h"
#include "engine/home/checkpointer.h"
#include "engine/home/name_index.h"
#include "engine/home/staging.h"

namespace worldb::engine {

class Scatterer;
class Sequencer;

class Home {
 public:
  Home(NodeContext& context, Staging& staging, Checkpointer& checkpointer, NameIndex& names,
       arbiter::ContestRule rule);

  // Both outlive this object's use.
  void Connect(Sequencer& sequencer, Scatterer& scatterer);
  // Restores the last checkpoint, replays the log from there, then takes part.
  void Start();

  void On(NodeIndex from, const SequencerBeat& beat);
  void On(NodeIndex from, const TicketQuery& query);

  // Tells what is on record now.
  void Answer(NodeIndex to, const TicketQuery& query, bool authoritative) const;

  // Applies an entry of the sequencer's own once it is appended. REQUIRES: the next index.
  void ApplyAppended(LogIndex index, const arbiter::LogEntry& entry);
  // A newer sequencer exists, or the log went on without this one.
  void OnDeposed();

  const arbiter::HomeState& state() const { return state_; }
  bool caught_up() const { return caught_up_; }
  HomeStatus Status() const;

 private:
  void Begin(std::unique_ptr<arbiter::HomeState> state);
  void Pump();
  void OnRead(const std::vector<arbiter::IndexedEntry>& entries);
  void OnCaughtUp();
  // Lets go of what is staged and no longer wanted; the effects that said so may have been missed.
  void SweepStaging();
  void ReportCheckpoint() const;
  bool Apply(LogIndex index, const arbiter::LogEntry& entry);
  void Tick();
  void TakeOver();
  void Lead();
  absl::Status RefusalStatus(const arbiter::OpRefused& refused) const;
  std::vector<DataCenterIndex> Out() const;
  // The highest level that a value under the script can reach without the data centers that are OUT.
  arbiter::Level WithinReach(const ScriptId& script) const;

  NodeContext& context_;
  Staging& staging_;
  NameIndex& names_;
  Sequencer* sequencer_ = nullptr;
  Scatterer* scatterer_ = nullptr;
  Checkpointer& checkpointer_;
  arbiter::HomeState state_;
  absl::Status halted_;  // this replica disagreed with the log and does nothing any more
  bool restoring_ = true;
  bool reading_ = false;
  bool read_again_ = false;
  bool caught_up_ = false;
  bool taking_over_ = false;
  LogEpoch claimed_;  // the fence this node holds, while it catches up to `claimed_tail_`
  LogIndex claimed_tail_;
  LogEpoch known_epoch_;
  std::optional<NodeIndex> leader_;
  absl::Duration leader_heard_;
  absl::Duration swept_ = -absl::InfiniteDuration();
  absl::Duration reported_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_HOME_H_
