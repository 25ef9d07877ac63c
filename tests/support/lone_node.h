// One node without its parts, alone in virtual time: what is sent through it is kept, and nobody
// answers. For tests of one part of a node.
#ifndef WORLDB_TESTS_SUPPORT_LONE_NODE_H_
#define WORLDB_TESTS_SUPPORT_LONE_NODE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "engine/cell/cell.h"
#include "engine/context/node_self.h"
#include "engine/ports/peer_network.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_executor.h"

namespace worldb::testing {

class LoneNode {
 public:
  explicit LoneNode(NodeIndex index, std::uint64_t seed = 1)
      : entropy_(seed),
        secrets_(MakeSecrets(entropy_)),
        cell_(engine::Cell::Create({"virginia", "frankfurt", "tokyo"}, secrets_, entropy_)) {
    Live(index);
  }

  // The node dies, and what it had under way with it, and lives again. REQUIRES: whatever stood on
  // self() is gone.
  void Restart() {
    const NodeIndex index = self_->index();
    self_.reset();
    executor_.reset();
    Live(index);
  }

  engine::NodeSelf& self() { return *self_; }
  const engine::NodeSelf& self() const { return *self_; }
  const engine::Cell& cell() const { return *cell_; }
  const engine::NodeSecrets& secrets(NodeIndex node) const { return secrets_[node.value()]; }
  SeededEntropy& entropy() { return entropy_; }
  SimClock& clock() { return clock_; }
  SimWorld& world() { return world_; }
  void RunFor(absl::Duration duration) { world_.RunFor(duration); }

  template <typename Message>
  struct Sent {
    NodeIndex to;
    Message message;
  };
  // What was sent of one kind since it was last taken, in order.
  template <typename Message>
  std::vector<Sent<Message>> Take() {
    std::vector<Sent<Message>> taken;
    std::vector<Sent<engine::PeerMessage>> rest;
    for (auto& sent : std::exchange(network_.sent, {})) {
      if (auto* message = std::get_if<Message>(&sent.message)) {
        taken.push_back({sent.to, std::move(*message)});
      } else {
        rest.push_back(std::move(sent));
      }
    }
    network_.sent = std::move(rest);
    return taken;
  }
  std::size_t sent_count() const { return network_.sent.size(); }

 private:
  struct Network final : engine::PeerNetwork {
    void Send(NodeIndex to, engine::PeerMessage message) override {
      sent.push_back({to, std::move(message)});
    }
    void SetHandler(std::function<void(NodeIndex, engine::PeerMessage)>) override {}
    std::vector<Sent<engine::PeerMessage>> sent;
  };
  static std::array<engine::NodeSecrets, kNodeCount> MakeSecrets(Entropy& entropy) {
    const auto one = [&entropy] { return engine::NodeSecrets::Generate(entropy); };
    return {one(), one(), one(), one(), one(), one(), one(), one(), one()};
  }

  void Live(NodeIndex index) {
    executor_ = std::make_unique<SimExecutor>(world_);
    self_.emplace(cell_, index, *executor_, network_, entropy_);
  }

  SimWorld world_;
  SimClock clock_{world_};
  Network network_;
  SeededEntropy entropy_;
  std::array<engine::NodeSecrets, kNodeCount> secrets_;
  std::shared_ptr<const engine::Cell> cell_;
  std::unique_ptr<SimExecutor> executor_;
  std::optional<engine::NodeSelf> self_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_LONE_NODE_H_
