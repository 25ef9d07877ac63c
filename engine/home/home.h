// A replica of its data center's home: applies the accept log and keeps what follows from it.
//
// Every triad node runs one, and all of them apply the same entries. It begins with the last checkpoint,
// replays the log from there and follows it; when the log has been trimmed beyond it, it takes a
// sibling's state. A log that ends before what the state was made of has lost its end, or is another one: the
// replica stops and says so. While its own node writes the log it is fed instead: it applies what was
// appended, at once. Who leads, and what is told to anybody, is decided by whoever listens.
// Threads: its node's executor.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ENGINE_HOME_HOME_H_
#define WORLDB_ENGINE_HOME_HOME_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "arbiter/accept_log.h"
#include "arbiter/home_state.h"
#include "engine/api/node_status.h"
#include "engine/context/node_self.h"
#include "engine/home/checkpointer.h"
#include "engine/home/name_index.h"
#include "engine/home/staging.h"

namespace worldb::engine {

// Hears of what a replica does, inside its calls.
class HomeListener {
 public:
  virtual ~HomeListener() = default;
  // A checkpoint, this node's or a sibling's, is the state now; the log is read from there.
  virtual void OnRestored() = 0;
  // The entry is part of the state now, with these effects.
  virtual void OnApplied(const arbiter::LogEntry& entry,
                         const std::vector<arbiter::Effect>& effects) = 0;
  // There was nothing left to read.
  virtual void OnCaughtUp() = 0;
  // The log no longer has what comes next, and a sibling is asked for its state.
  virtual void OnLeftBehind() = 0;
  // The replica disagreed with the log and does nothing any more.
  virtual void OnHalted() = 0;
};

class Home {
 public:
  // All of them outlive this object.
  Home(const NodeSelf& self, arbiter::AcceptLog& log, Staging& staging, Checkpointer& checkpointer,
       NameIndex& names, arbiter::ContestRule rule);

  // REQUIRES: set before Start(), and outlives this object's use.
  void SetListener(HomeListener& listener) { listener_ = &listener; }
  void Start();

  // From here on entries come through ApplyAppended() alone. REQUIRES: the state is applied up to the
  // log's tail.
  void BeFed() { fed_ = true; }
  // Reads the log again, as anybody may have written what comes next.
  void Follow();
  // REQUIRES: fed, and `index` is the next one.
  void ApplyAppended(LogIndex index, const arbiter::LogEntry& entry);
  // Looks whether the log went on.
  void Pump();

  const arbiter::HomeState& state() const { return state_; }
  // Has read all there was since it last began to follow the log.
  bool caught_up() const { return caught_up_; }
  bool halted() const { return !halted_.ok(); }
  // All but who leads.
  HomeStatus Status() const;

 private:
  void Begin(std::unique_ptr<arbiter::HomeState> state);
  // Is this the log that the state was made of?
  void CheckLog();
  void OnRead(absl::StatusOr<std::vector<arbiter::IndexedEntry>> entries);
  void ApplyRead(const std::vector<arbiter::IndexedEntry>& entries);
  void TakeSiblingsState();
  void SweepStaging();
  bool Apply(LogIndex index, const arbiter::LogEntry& entry);
  // What this replica keeps beside its state: payloads, checkpoints, names.
  void Keep(std::vector<arbiter::Effect>& effects);
  void Halt(absl::Status why);
  void Tick();

  const NodeSelf& self_;
  arbiter::AcceptLog& log_;
  Staging& staging_;
  Checkpointer& checkpointer_;
  NameIndex& names_;
  HomeListener* listener_ = nullptr;

  arbiter::HomeState state_;
  absl::Status halted_;  // why, once it does nothing any more
  bool restoring_ = true;
  bool log_checked_ = false;
  bool fed_ = false;
  bool reading_ = false;
  bool read_again_ = false;
  bool caught_up_ = false;
  absl::Duration swept_ = -absl::InfiniteDuration();
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_HOME_H_
