#include "engine/context/peer_table.h"

#include <algorithm>

namespace worldb::engine {
namespace {
constexpr absl::Duration kLanGuess = absl::Milliseconds(1);
constexpr absl::Duration kWanGuess = absl::Milliseconds(300);
}  // namespace

PeerTable::PeerTable(NodeSelf& self, const arbiter::Clock& clock) : self_(self), clock_(clock) {}

void PeerTable::Start() {
  started_ = self_.now();
  Beat();
}

void PeerTable::Beat() {
  const Heartbeat beat{self_.now(), clock_.Now()};
  for (int i = 0; i < kNodeCount; ++i) {
    if (NodeAt(i) != self_.index()) self_.Send(NodeAt(i), beat);
  }
  self_.executor().PostAfter(kHeartbeatEvery, [this] { Beat(); });
}

void PeerTable::OnHeard(NodeIndex from) {
  const bool was_silent = !Reachable().Has(from);
  peers_[from.value()].heard = self_.now();
  if (was_silent && returned_) returned_(from);
}

void PeerTable::On(NodeIndex from, const Heartbeat& beat) {
  self_.Send(from, HeartbeatReply{beat.sent});
}

void PeerTable::On(NodeIndex from, const HeartbeatReply& reply) {
  Peer& peer = peers_[from.value()];
  const absl::Duration sample = self_.now() - reply.sent;
  peer.round_trip =
      peer.round_trip == absl::ZeroDuration() ? sample : (7 * peer.round_trip + sample) / 8;
}

NodeSet PeerTable::Reachable() const {
  const absl::Duration now = self_.now();
  NodeSet set;
  set.Add(self_.index());
  for (int i = 0; i < kNodeCount; ++i) {
    if (peers_[i].heard + kSilentAfter + RoundTrip(NodeAt(i)) >= now) set.Add(NodeAt(i));
  }
  return set;
}

NodeSet PeerTable::PossiblyReachable() const {
  const absl::Duration now = self_.now();
  NodeSet set = Reachable();
  for (int i = 0; i < kNodeCount; ++i) {
    const bool never_heard = peers_[i].heard == -absl::InfiniteDuration();
    if (never_heard && started_ + kSilentAfter + RoundTrip(NodeAt(i)) >= now) {
      set.Add(NodeAt(i));
    }
  }
  return set;
}

absl::Duration PeerTable::SilentFor(DataCenterIndex data_center) const {
  absl::Duration heard = started_;
  for (int i = 0; i < kNodesPerDataCenter; ++i) {
    heard = std::max(heard, peers_[data_center.value() * kNodesPerDataCenter + i].heard);
  }
  return self_.now() - heard;
}

absl::Duration PeerTable::RoundTrip(NodeIndex node) const {
  if (node == self_.index()) return absl::ZeroDuration();
  const absl::Duration measured = peers_[node.value()].round_trip;
  if (measured != absl::ZeroDuration()) return measured;
  return DataCenterOf(node) == self_.data_center() ? kLanGuess : kWanGuess;
}

std::vector<NodeIndex> PeerTable::ByDistance() const {
  std::vector<NodeIndex> nodes;
  for (int i = 0; i < kNodeCount; ++i) nodes.push_back(NodeAt(i));
  std::stable_sort(nodes.begin(), nodes.end(),
                   [this](NodeIndex a, NodeIndex b) { return RoundTrip(a) < RoundTrip(b); });
  return nodes;
}

}  // namespace worldb::engine
