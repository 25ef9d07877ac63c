// Notices at the sequencer when a whole data center falls silent, and when it is back.
//
// OUT after kSilentFor without a sign of any of its three nodes, or at once when an operator says so;
// back when one of its nodes is heard again. The home's own data center is never OUT.
// Threads: its node's executor.
// Source:  docs/glossary.md, OUT.
#ifndef WORLDB_ENGINE_SEQUENCER_OUTAGE_WATCH_H_
#define WORLDB_ENGINE_SEQUENCER_OUTAGE_WATCH_H_

#include <array>

#include "engine/context/node_context.h"
#include "engine/context/peer_table.h"
#include "engine/home/home.h"
#include "engine/sequencer/sequencer.h"

namespace worldb::engine {

class OutageWatch {
 public:
  static constexpr absl::Duration kSilentFor = absl::Seconds(10);

  OutageWatch(NodeContext& context, const Home& home, Sequencer& sequencer, const PeerTable& peers)
      : context_(context), home_(home), sequencer_(sequencer), peers_(peers) {}

  void Start();
  void DeclareOut(DataCenterIndex data_center);

 private:
  void Look();

  NodeContext& context_;
  const Home& home_;
  Sequencer& sequencer_;
  const PeerTable& peers_;
  // Messages that were under way when the operator spoke are no sign of life.
  std::array<absl::Duration, kDataCenterCount> declared_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_OUTAGE_WATCH_H_
