// Which nodes have been heard from lately, and how far away they are.
//
// A guess for choosing whom to ask, never a reason for a decision: an OUT data center is a log entry.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_CONTEXT_PEER_TABLE_H_
#define WORLDB_ENGINE_CONTEXT_PEER_TABLE_H_

#include <array>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/clock.h"
#include "engine/context/node_self.h"

namespace worldb::engine {

inline constexpr absl::Duration kHeartbeatEvery = absl::Milliseconds(100);
// Silent for longer than this (and its round trip): taken for unreachable.
inline constexpr absl::Duration kSilentAfter = absl::Milliseconds(500);

class PeerTable {
 public:
  // Both outlive this object.
  PeerTable(NodeSelf& self, const arbiter::Clock& clock);

  void Start();
  // Any message counts as a sign of life.
  void OnHeard(NodeIndex from);
  void On(NodeIndex from, const Heartbeat& beat);
  void On(NodeIndex from, const HeartbeatReply& reply);
  // Runs when a node is heard from again after silence.
  void OnReturn(std::function<void(NodeIndex)> callback) { returned_ = std::move(callback); }

  NodeSet Reachable() const;
  // And those not heard yet while this node has run too short a time for their silence to tell.
  NodeSet PossiblyReachable() const;
  // Since any of its nodes was heard, or since this node started.
  absl::Duration SilentFor(DataCenterIndex data_center) const;
  // Expected round trip; a generous guess before the first measurement.
  absl::Duration RoundTrip(NodeIndex node) const;
  // All nine, nearest first; ties by index.
  std::vector<NodeIndex> ByDistance() const;

 private:
  struct Peer {
    absl::Duration heard = -absl::InfiniteDuration();
    absl::Duration round_trip = absl::ZeroDuration();  // zero: not measured
  };
  void Beat();

  NodeSelf& self_;
  const arbiter::Clock& clock_;
  std::array<Peer, kNodeCount> peers_;
  std::function<void(NodeIndex)> returned_;
  absl::Duration started_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CONTEXT_PEER_TABLE_H_
