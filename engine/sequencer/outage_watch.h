// Notices at the sequencer when a whole data center falls silent, and when it is back.
//
// OUT after kSilentFor without a sign of any of its three nodes, or at once when an operator says so;
// back when one of its nodes is heard again. The home's own data center is never OUT.
// Threads: its node's executor.
// Source:  docs/glossary.md, OUT.
#ifndef WORLDB_ENGINE_SEQUENCER_OUTAGE_WATCH_H_
#define WORLDB_ENGINE_SEQUENCER_OUTAGE_WATCH_H_

#include <array>

#include "absl/time/time.h"
#include "arbiter/home_state.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/home/log_notes.h"

namespace worldb::engine {

class OutageWatch {
 public:
  static constexpr absl::Duration kSilentFor = absl::Seconds(10);

  OutageWatch(const NodeSelf& self, const arbiter::HomeState& state, LogNotes& notes,
              const PeerTable& peers)
      : self_(self), state_(state), notes_(notes), peers_(peers) {}

  void Start();
  void DeclareOut(DataCenterIndex data_center);

 private:
  void Look();

  const NodeSelf& self_;
  const arbiter::HomeState& state_;
  LogNotes& notes_;
  const PeerTable& peers_;
  // Messages that were under way when the operator spoke are no sign of life.
  std::array<absl::Duration, kDataCenterCount> declared_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_OUTAGE_WATCH_H_
