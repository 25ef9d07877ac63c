// The contract of engine/ports/peer_network.h, as tests over a PeerNetworkHarness. A test file includes
// this and says INSTANTIATE_TEST_SUITE_P with the factories of the harnesses it has.
#ifndef WORLDB_TESTS_SUPPORT_PEER_NETWORK_CONTRACT_H_
#define WORLDB_TESTS_SUPPORT_PEER_NETWORK_CONTRACT_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cryptoscatter/base/ids.h"
#include "engine/ports/peer_network.h"
#include "tests/support/test_world.h"

namespace worldb::testing {

// The message these tests tell apart by a number.
inline engine::PeerMessage Numbered(int number) {
  return engine::Heartbeat{absl::Nanoseconds(number), {}};
}
inline int NumberOf(const engine::PeerMessage& message) {
  return static_cast<int>(absl::ToInt64Nanoseconds(std::get<engine::Heartbeat>(message).sent));
}

class PeerNetworkHarness {
 public:
  virtual ~PeerNetworkHarness() = default;
  virtual TestWorld& world() = 0;
  // Nine nodes are attached at first, all links up.
  virtual engine::PeerNetwork& network(int node) = 0;
  virtual engine::Executor& executor(int node) = 0;
  // Stops the node for good; messages to it are lost from here on.
  virtual void Stop(int node) = 0;
};

struct PeerNetworkHarnessFactory {
  std::string name;
  std::function<std::unique_ptr<PeerNetworkHarness>()> make;
};

class PeerNetworkContract : public ::testing::TestWithParam<PeerNetworkHarnessFactory> {
 protected:
  std::unique_ptr<PeerNetworkHarness> harness_ = GetParam().make();
};

TEST_P(PeerNetworkContract, EveryNodeReachesEveryNodeItselfIncluded) {
  Tally arrived;
  for (int node = 0; node < kNodeCount; ++node) {
    harness_->network(node).SetHandler([&, node](NodeIndex from, engine::PeerMessage message) {
      EXPECT_EQ(NumberOf(message), 100 * from.value() + node);
      arrived.Add();
    });
  }
  for (int from = 0; from < kNodeCount; ++from) {
    for (int to = 0; to < kNodeCount; ++to) {
      harness_->network(from).Send(NodeAt(to), Numbered(100 * from + to));
    }
  }
  EXPECT_TRUE(harness_->world().Await(arrived, kNodeCount * kNodeCount));
}

TEST_P(PeerNetworkContract, ALinkKeepsItsOrderUnderLoadFromAllSides) {
  constexpr int kMessages = 2000;
  std::vector<int> next(kNodeCount, 0);  // not atomic: the receiver's executor is its only guard
  Tally arrived;
  harness_->network(0).SetHandler([&](NodeIndex from, engine::PeerMessage message) {
    EXPECT_EQ(NumberOf(message), next[from.value()]);
    ++next[from.value()];
    arrived.Add();
  });
  for (int from = 0; from < kNodeCount; ++from) {
    harness_->executor(from).Post([&, from] {
      for (int i = 0; i < kMessages; ++i) harness_->network(from).Send(NodeAt(0), Numbered(i));
    });
  }
  ASSERT_TRUE(harness_->world().Await(arrived, kNodeCount * kMessages));
}

// As when a node is started under load: what comes before it listens is lost, and nothing else.
TEST_P(PeerNetworkContract, AHandlerMayBeSetWhileMessagesArrive) {
  constexpr int kMessages = 2000;
  for (int from = 1; from < 4; ++from) {
    harness_->executor(from).Post([&, from] {
      for (int i = 0; i < kMessages; ++i) harness_->network(from).Send(NodeAt(0), Numbered(i));
    });
  }
  Tally last;
  harness_->network(0).SetHandler([&](NodeIndex, engine::PeerMessage message) {
    if (NumberOf(message) == kMessages) last.Add();
  });
  for (int from = 1; from < 4; ++from) {
    harness_->executor(from).Post(
        [&, from] { harness_->network(from).Send(NodeAt(0), Numbered(kMessages)); });
  }
  EXPECT_TRUE(harness_->world().Await(last, 3));
}

TEST_P(PeerNetworkContract, NothingIsDeliveredInsideSend) {
  Tally arrived;
  harness_->network(0).SetHandler([&](NodeIndex, engine::PeerMessage message) {
    const int number = NumberOf(message);
    const int before = arrived.count();
    if (number < 3) harness_->network(0).Send(NodeAt(0), Numbered(number + 1));
    EXPECT_EQ(arrived.count(), before);
    arrived.Add();
  });
  harness_->network(0).Send(NodeAt(0), Numbered(0));
  ASSERT_TRUE(harness_->world().Await(arrived, 4));
}

TEST_P(PeerNetworkContract, SendingToAStoppedNodeHarmsNobody) {
  Tally arrived;
  harness_->network(2).SetHandler([&](NodeIndex, engine::PeerMessage) { arrived.Add(); });
  harness_->Stop(1);
  for (int i = 0; i < 100; ++i) harness_->network(0).Send(NodeAt(1), Numbered(i));
  harness_->network(0).Send(NodeAt(2), Numbered(0));
  ASSERT_TRUE(harness_->world().Await(arrived, 1));
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_PEER_NETWORK_CONTRACT_H_
