// Who holds the chair of a home: this node, when nobody else is heard to and the log's fence lets it.
//
// A triad node that has caught up and hears no sequencer fences the log at an epoch that only it asks
// for, applies the log up to the tail it was told, and leads from there: the sequencer writes, the
// scatterer carries out what was won. A node whose clock is not believed, while a sibling's is, gives
// the chair up and stands back; if nobody takes it, it leads with the clock it has. Who leads is a question
// of liveness alone: the fence keeps a deposed sequencer from being believed.
// Threads: its node's executor.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ENGINE_SEQUENCER_LEADERSHIP_H_
#define WORLDB_ENGINE_SEQUENCER_LEADERSHIP_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/accept_log.h"
#include "engine/context/node_self.h"
#include "engine/home/checkpointer.h"
#include "engine/home/home.h"
#include "engine/home/name_index.h"
#include "engine/messages/stream_messages.h"
#include "engine/scatter/scatterer.h"
#include "engine/sequencer/sequencer.h"

namespace worldb::engine {

class Leadership final : public HomeListener {
 public:
  // A triad whose sequencer is silent for this long needs another; each node waits a little longer
  // than the one before it, so that two rarely try at once.
  static constexpr absl::Duration kSequencerSilentAfter = absl::Milliseconds(500);
  static constexpr absl::Duration kStandBack = absl::Milliseconds(100);
  // A node whose clock is not believed, while a sibling's is, leaves the chair to it for this long.
  static constexpr absl::Duration kWrongClockStandBack = absl::Seconds(3);

  // All of them outlive this object. It becomes the home's listener.
  Leadership(const NodeSelf& self, arbiter::AcceptLog& log, Home& home, Checkpointer& checkpointer,
             NameIndex& names, Sequencer& sequencer, Scatterer& scatterer);

  void Start();
  // A beat of any home.
  void OnBeat(NodeIndex from, const SequencerBeat& beat);

  bool leading() const { return sequencer_.leading(); }
  // The newest epoch this node has heard of.
  LogEpoch known_epoch() const { return known_epoch_; }

 private:
  // What this node holds the fence for, while it catches up.
  struct Claim {
    LogEpoch epoch;
    LogIndex tail;
  };

  void OnRestored() override;
  void OnApplied(const arbiter::LogEntry& entry,
                 const std::vector<arbiter::Effect>& effects) override;
  void OnCaughtUp() override;
  void OnLeftBehind() override;
  void OnHalted() override;

  void Tick();
  bool HasTheWorseClock();
  absl::Duration Patience();
  void TakeOver();
  void OnTail(absl::StatusOr<arbiter::AcceptLog::FenceResult> present);
  void OnFenced(LogEpoch epoch, absl::StatusOr<arbiter::AcceptLog::FenceResult> fenced);
  void Lead(LogEpoch epoch);
  // A newer sequencer exists, the log went on without this one, or a sibling has the better clock.
  void OnDeposed();
  void SendNotices(const std::vector<arbiter::Effect>& effects) const;
  void TellScatterer(const std::vector<arbiter::Effect>& effects);
  void ReportCheckpoint();

  const NodeSelf& self_;
  arbiter::AcceptLog& log_;
  Home& home_;
  Checkpointer& checkpointer_;
  NameIndex& names_;
  Sequencer& sequencer_;
  Scatterer& scatterer_;

  bool taking_over_ = false;
  // It gave the chair up to a better clock, and nobody has taken it since.
  bool yielded_ = false;
  std::optional<Claim> claim_;
  LogEpoch known_epoch_;
  std::optional<NodeIndex> leader_;
  absl::Duration leader_heard_;
  absl::Duration reported_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_LEADERSHIP_H_
