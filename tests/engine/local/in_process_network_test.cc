// Goal: the in-process network keeps the contract of a peer network, its delays, and loses exactly
// what stopped nodes and cut links must lose.
// Method: the contract suite over threads and virtual time with constant and random delays; then
// scripted faults in virtual time, where each arrival's moment is known.
#include "engine/local/in_process_network.h"

#include <array>
#include <random>

#include "absl/strings/str_format.h"
#include "tests/support/peer_network_contract.h"

namespace worldb::testing {
namespace {

using engine::InProcessNetwork;

// None to oneself.
absl::Duration LanAndWan(NodeIndex from, NodeIndex to) {
  if (from == to) return absl::ZeroDuration();
  return DataCenterOf(from) == DataCenterOf(to) ? absl::Milliseconds(1) : absl::Milliseconds(30);
}

class InProcessHarness final : public PeerNetworkHarness {
 public:
  InProcessHarness(WorldKind kind, InProcessNetwork::DelayFunction delay)
      : world_(MakeTestWorld(kind)), hub_(std::move(delay)) {
    for (int node = 0; node < kNodeCount; ++node) {
      executors_[node] = world_->MakeExecutor();
      networks_[node] = hub_.Attach(NodeAt(node), *executors_[node]);
    }
  }
  ~InProcessHarness() override {
    for (int node = 0; node < kNodeCount; ++node) Stop(node);
  }
  TestWorld& world() override { return *world_; }
  engine::PeerNetwork& network(int node) override { return *networks_[node]; }
  engine::Executor& executor(int node) override { return *executors_[node]; }
  void Stop(int node) override {
    executors_[node]->Shutdown();
    networks_[node].reset();
  }

 private:
  std::unique_ptr<TestWorld> world_;
  InProcessNetwork hub_;
  std::array<std::unique_ptr<engine::Executor>, kNodeCount> executors_;
  std::array<std::unique_ptr<engine::PeerNetwork>, kNodeCount> networks_;
};

InProcessNetwork::DelayFunction NoDelays() {
  return [](NodeIndex, NodeIndex) { return absl::ZeroDuration(); };
}

// From nothing to 200 us, drawn for each message.
InProcessNetwork::DelayFunction RandomDelays() {
  struct Source {
    Mutex mu;
    std::mt19937_64 random ABSL_GUARDED_BY(mu);
  };
  return [source = std::make_shared<Source>()](NodeIndex, NodeIndex) {
    MutexLock lock(source->mu);
    return absl::Microseconds(source->random() % 200);
  };
}

std::vector<PeerNetworkHarnessFactory> Factories() {
  std::vector<PeerNetworkHarnessFactory> factories;
  for (WorldKind kind : {WorldKind::kSim, WorldKind::kShuffledSim, WorldKind::kStrand}) {
    factories.push_back({WorldName(kind) + "NoDelay",
                         [kind] { return std::make_unique<InProcessHarness>(kind, NoDelays()); }});
    factories.push_back({WorldName(kind) + "RandomDelay", [kind] {
                           return std::make_unique<InProcessHarness>(kind, RandomDelays());
                         }});
  }
  return factories;
}

INSTANTIATE_TEST_SUITE_P(InProcess, PeerNetworkContract, ::testing::ValuesIn(Factories()),
                         [](const auto& info) { return info.param.name; });

// Nodes 0, 1 and 2 of data center 0 and node 3 of data center 1, with what arrives where and when.
class InProcessNetworkTest : public ::testing::Test {
 protected:
  static constexpr int kNodes = 4;
  InProcessNetworkTest() {
    for (int node = 0; node < kNodes; ++node) Attach(node);
  }
  void Attach(int node) {
    networks_[node] = hub_.Attach(NodeAt(node), executor_);
    networks_[node]->SetHandler([this, node](NodeIndex from, engine::PeerMessage message) {
      arrived_ += absl::StrFormat("%d>%d:%d@%d ", int{from.value()}, node, NumberOf(message),
                                  absl::ToInt64Milliseconds(world_.Elapsed()));
      if (on_arrival_) on_arrival_();
    });
  }
  void Send(int from, int to, int number) { networks_[from]->Send(NodeAt(to), Numbered(number)); }
  std::string Arrived() {
    world_.RunFor(absl::Seconds(1));
    return std::exchange(arrived_, "");
  }

  SimWorld world_;
  SimExecutor executor_{world_};
  InProcessNetwork hub_{LanAndWan};
  std::array<std::unique_ptr<engine::PeerNetwork>, kNodes> networks_;
  std::string arrived_;
  std::function<void()> on_arrival_;
};

TEST_F(InProcessNetworkTest, MessagesTakeTheDelayOfTheirLink) {
  Send(0, 3, 1);
  Send(0, 1, 2);
  Send(0, 0, 3);
  EXPECT_EQ(Arrived(), "0>0:3@0 0>1:2@1 0>3:1@30 ");
}

TEST_F(InProcessNetworkTest, MessagesSentOverTimeEachArriveAtTheirOwnMoment) {
  for (int i = 0; i < 3; ++i) {
    world_.At(absl::Milliseconds(10 * i), [this, i] {
      Send(0, 3, 2 * i);
      Send(0, 3, 2 * i + 1);
    });
  }
  EXPECT_EQ(Arrived(), "0>3:0@30 0>3:1@30 0>3:2@40 0>3:3@40 0>3:4@50 0>3:5@50 ");
}

TEST_F(InProcessNetworkTest, AStoppedNodeLosesWhatIsInFlightBothWays) {
  Send(0, 3, 1);
  Send(3, 0, 2);
  Send(0, 1, 3);
  world_.At(absl::Milliseconds(10), [this] {
    hub_.SetRunning(NodeAt(3), false);
    Send(0, 3, 4);
    Send(3, 0, 5);
  });
  world_.At(absl::Milliseconds(20), [this] {
    hub_.SetRunning(NodeAt(3), true);
    Send(0, 3, 6);
  });
  EXPECT_EQ(Arrived(), "0>1:3@1 0>3:6@50 ");
  EXPECT_EQ(hub_.lost_count(), 4u);
}

TEST_F(InProcessNetworkTest, ACutLinkLosesOneDirection) {
  Send(0, 3, 1);
  hub_.SetLinkUp(NodeAt(0), NodeAt(3), false);
  Send(0, 3, 2);
  Send(3, 0, 3);
  Send(1, 3, 4);
  EXPECT_EQ(Arrived(), "3>0:3@30 1>3:4@30 ");
  hub_.SetLinkUp(NodeAt(0), NodeAt(3), true);
  Send(0, 3, 5);
  EXPECT_EQ(Arrived(), "0>3:5@1030 ");
}

TEST_F(InProcessNetworkTest, ALinkCutByAHandlerLosesTheRestOfTheBatch) {
  for (int i = 0; i < 5; ++i) Send(0, 1, i);
  on_arrival_ = [this] { hub_.SetLinkUp(NodeAt(0), NodeAt(1), false); };
  EXPECT_EQ(Arrived(), "0>1:0@1 ");
}

TEST_F(InProcessNetworkTest, ANodeAttachedAgainHearsNothingOfItsFormerLife) {
  Send(0, 3, 1);
  Send(3, 0, 2);
  networks_[3].reset();
  Send(0, 3, 3);
  world_.RunFor(absl::Milliseconds(10));
  Attach(3);
  Send(0, 3, 4);
  Send(3, 0, 5);
  EXPECT_EQ(Arrived(), "0>3:4@40 3>0:5@40 ");
}

TEST_F(InProcessNetworkTest, ADetachedNodesNetworkDropsWhatItIsGiven) {
  hub_.Detach(NodeAt(3));
  Send(3, 0, 1);
  auto again = hub_.Attach(NodeAt(3), executor_);
  Send(3, 0, 2);
  networks_[3].reset();  // the former one leaves; the new one stays
  again->Send(NodeAt(0), Numbered(3));
  EXPECT_EQ(Arrived(), "3>0:3@30 ");
}

TEST_F(InProcessNetworkTest, ALinkHoldsNoMoreThanItsBound) {
  InProcessNetwork small(NoDelays(), {.link_messages_max = 3, .delivery_messages_max = 2});
  auto network = small.Attach(NodeAt(0), executor_);
  std::vector<int> arrived;
  network->SetHandler(
      [&](NodeIndex, engine::PeerMessage message) { arrived.push_back(NumberOf(message)); });
  for (int i = 0; i < 5; ++i) network->Send(NodeAt(0), Numbered(i));
  world_.RunReady();
  EXPECT_EQ(arrived, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(small.lost_count(), 2u);
}

}  // namespace
}  // namespace worldb::testing
