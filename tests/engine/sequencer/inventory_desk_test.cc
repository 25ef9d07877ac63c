// Goal:   whatever nodes report of their shares and in whatever order, each version comes to be counted at
//         all who hold it, and nobody waits for a share that nobody will send.
// Method: the sequencer's node in virtual time, with a real scatterer and checkpoint; the state is told in
//         short sentences, and the nodes are played by the test.
#include "engine/sequencer/inventory_desk.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/home_book.h"
#include "tests/support/seat.h"

namespace worldb::engine {
namespace {

using arbiter::Level;
using arbiter::RoundId;
using worldb::testing::HomeBook;
using worldb::testing::Seat;

constexpr NodeIndex kNode = NodeAt(5);

class InventoryDeskTest : public ::testing::Test {
 protected:
  InventoryDeskTest() {
    notes_.Open([] {});
    checkpointer_.Load([](const auto&) {});
    seat_.RunFor(absl::Seconds(1));
  }

  // A value that won and is being scattered, as the log and the newest checkpoint have it.
  RoundId Win() {
    PayloadPtr payload = seat_.Seal();
    while (seat_.node().cell().HomeOf(SlotOf(*payload)) != DataCenterAt(0)) payload = seat_.Seal();
    seat_.Stage(payload);
    arbiter::Candidate candidate = book_.CandidateFor(ToString(payload->key));
    candidate.op = payload->sealed.core.op_id;
    candidate.commitment = payload->commitment;
    candidate.payload_bytes = payload->sealed.ciphertext.size();
    book_.Record(candidate);
    book_.CloseAll();
    const RoundId id{candidate.key_tag, Version(1)};
    scatterer_.Scatter(*state().FindVersion(id));
    arbiter::LogEntry entry;
    entry.reading = book_.Reading();
    entry.checkpoint = true;
    for (arbiter::Effect& effect : book_.Apply(entry)) {
      auto* made = std::get_if<arbiter::CheckpointMade>(&effect);
      if (made != nullptr) checkpointer_.Save(std::move(made->checkpoint));
    }
    seat_.RunFor(absl::Seconds(1));
    for (auto& put : seat_.node().Take<PutShares>()) {
      for (const auto& delivery : put.message.deliveries) claims_[put.to] = delivery->share.Claim();
      puts_[put.to] = std::move(put.message);
    }
    return id;
  }
  cryptoscatter::Receipt ReceiptOf(NodeIndex node) {
    return cryptoscatter::SignReceipts(seat_.node().secrets(node).signing, seat_.node().cell().id(),
                                       {&claims_.at(node), 1})
        .front();
  }
  void TakeReceipt(NodeIndex node) {
    scatterer_.TakeReceipts(node, {puts_.at(node).id, {}, {ReceiptOf(node).proof.signature}});
  }
  // What waits for the log is logged.
  void Log() {
    std::vector<arbiter::LogRecord> records;
    notes_.MoveTo(records, {});
    book_.Apply(std::move(records));
  }
  InventoryItem AskedBy(NodeIndex node, const RoundId& id) {
    desk_.Answer(node, {7, std::nullopt});
    seat_.RunFor(absl::Milliseconds(100));
    for (const auto& reply : seat_.node().Take<InventoryReply>()) {
      for (const InventoryItem& item : reply.message.items) {
        if (item.version == id) return item;
      }
    }
    ADD_FAILURE() << "the version is not in the page";
    return {};
  }
  const arbiter::HomeState& state() const { return book_.state(); }
  Slot SlotOf(const Payload& payload) const {
    return seat_.node().cell().SlotOf(payload.sealed.core.key_tag);
  }

  Seat seat_;
  HomeBook book_{seat_.node().cell()};
  LogNotes notes_;
  Scatterer scatterer_{seat_.self(), notes_, seat_.staging(), seat_.peers(), seat_.verifier()};
  worldb::testing::MemoryDisk disk_;
  worldb::testing::MemoryStore store_{disk_, seat_.self().executor()};
  Checkpointer checkpointer_{seat_.self(), store_, arbiter::ContestRule()};
  InventoryDesk desk_{seat_.self(), state(), checkpointer_, notes_, scatterer_, seat_.verifier()};
  std::map<NodeIndex, cryptoscatter::ReceiptClaim> claims_;
  std::map<NodeIndex, PutShares> puts_;
};

TEST_F(InventoryDeskTest, WhatIsBeingHandedOverIsOwedAndWhatIsThereIsCounted) {
  const RoundId id = Win();
  EXPECT_TRUE(AskedBy(kNode, id).owed);
  EXPECT_FALSE(AskedBy(kNode, id).counted);
  TakeReceipt(kNode);
  EXPECT_TRUE(AskedBy(kNode, id).counted) << "before the log knows";
}

// The page it answers was read before the share arrived; meanwhile the scatterer is done with the version, and
// FULL was noted and not logged. Nobody will hand the share over: the node is asked for its word.
TEST_F(InventoryDeskTest, AReportThatComesLateIsSetRight) {
  const RoundId id = Win();
  for (int i = 0; i < kNodeCount; ++i) TakeReceipt(NodeAt(i));
  desk_.Take(kNode, {{id}, {}});
  Log();
  ASSERT_FALSE(state().FindVersion(id)->held.Has(kNode));
  const InventoryItem item = AskedBy(kNode, id);
  EXPECT_FALSE(item.counted);
  EXPECT_FALSE(item.owed);
  desk_.Take(kNode, {{}, {{id, ReceiptOf(kNode)}}});
  Log();
  EXPECT_EQ(state().FindVersion(id)->held, NodeSet::All());
  EXPECT_EQ(state().FindVersion(id)->level(), Level::kFull);
  EXPECT_TRUE(state().unsettled().empty());
}

}  // namespace
}  // namespace worldb::engine
