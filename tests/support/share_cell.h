// A cell of real nodes on fake disks, and the values of whole commit batches to hand to them, sealed by
// the test itself: which share goes to which node, when, and what is left of it on the disk, is the
// test's to say.
//
// Each share is read from the raw rows alone; those are demanded whose receipts came.
// Threads: none; all in the world's one thread.
#ifndef WORLDB_TESTS_SUPPORT_SHARE_CELL_H_
#define WORLDB_TESTS_SUPPORT_SHARE_CELL_H_

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/rows/share_rows.h"
#include "engine/shares/batch_rows.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {

using DeliveryPtr = std::shared_ptr<const engine::ShareDelivery>;

// The values of one commit batch, with what each node is to be handed of them.
struct Scattered {
  std::vector<engine::VersionRef> versions;
  std::vector<std::array<DeliveryPtr, kNodeCount>> deliveries;
};

class ShareCellTest : public ::testing::Test {
 protected:
  explicit ShareCellTest(SimCell::Options options = {}) : cell_(std::move(options)) {
    cell_.world().RunFor(absl::Seconds(2));
    session_ = std::make_unique<cryptoscatter::WriterSession>(
        *cryptoscatter::WriterSession::Create(cell_.cell().SealTargets(), entropy_));
  }

  // The keys are new ones of the test node's data center: its nodes alone may hand out their shares.
  Scattered Scatter(std::size_t count, std::size_t value_bytes = 64,
                    cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue) {
    const auto script = cryptoscatter::Script::Nested();
    std::vector<cryptoscatter::SealedValue> sealed;
    std::vector<CommitmentId> commitments;
    Scattered out;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = NextKey();
      const Bytes value(value_bytes, static_cast<std::uint8_t>(i));
      OpId op;
      op.bytes = entropy_.Draw<16>();
      const KeyTag tag = cell_.cell().KeyTagOf(AsBytes(name));
      sealed.push_back(*cryptoscatter::Seal(
          *script, {cell_.cell().id(), tag, op, AsBytes(name), value, kind}, *session_, entropy_));
      commitments.push_back(sealed.back().Commitment());
      out.versions.push_back({tag, cell_.cell().slot_epoch(), Version(1)});
    }
    const auto proofs =
        cryptoscatter::SignBatch(cell_.secrets(0).signing, cell_.cell().id(), commitments);
    for (std::size_t i = 0; i < count; ++i) {
      sealed[i].proof = proofs[i];
      auto shares = cryptoscatter::MakeShares(
          sealed[i], *cryptoscatter::CheckSealedValue(*script, sealed[i]),
          cell_.cell().SlotOf(sealed[i].core.key_tag), cell_.cell().slot_epoch(), Version(1));
      auto& nine = out.deliveries.emplace_back();
      for (std::size_t j = 0; j < nine.size(); ++j) {
        nine[j] = std::make_shared<const engine::ShareDelivery>(engine::ShareDelivery{
            std::move(shares[j]), sealed[i].key_shares[j], sealed[i].writer_exchange_key});
      }
    }
    return out;
  }
  // What the nodes answer, read by the test in the place of node 3, which stops.
  void TakeAnswers() {
    cell_.StopNode(kTestNode);
    executor_ = std::make_unique<SimExecutor>(cell_.world());
    peer_ = cell_.network().Attach(NodeAt(kTestNode), *executor_);
    peer_->SetHandler([this](NodeIndex from, engine::PeerMessage message) {
      if (const auto* put = std::get_if<engine::PutSharesReply>(&message)) {
        TakeReceipts(from, *put);
      } else if (const auto* fetched = std::get_if<engine::FetchSharesReply>(&message)) {
        ++fetch_answers_;
        for (const engine::FetchShareReply& reply : fetched->replies) {
          fetched_[reply.id] = reply.status;
          if (reply.share == nullptr) continue;
          const cryptoscatter::Share& share = *reply.share;
          versions_[reply.id] = {share.core.key_tag, share.slot_epoch, share.version};
        }
      } else if (const auto* asked = std::get_if<engine::FetchFragment>(&message)) {
        ++asked_;
        peer_->Send(from, engine::FetchFragmentReply{asked->id, absl::OkStatus(), answer_});
      }
    });
  }
  void Send(int node, engine::PeerMessage message) {
    if (peer_ == nullptr) return cell_.Send(kTestNode, node, std::move(message));
    peer_->Send(NodeAt(node), std::move(message));
  }
  void Hand(int node, std::vector<DeliveryPtr> deliveries) {
    handed_[++last_request_] = deliveries;
    Send(node, engine::PutShares{last_request_, std::move(deliveries)});
  }
  void TakeReceipts(NodeIndex from, const engine::PutSharesReply& reply) {
    std::set<std::uint32_t> refused;
    for (const engine::ShareRefusal& refusal : reply.refusals) {
      refusals_ += refusal.reason;
      refused.insert(refusal.delivery);
    }
    std::vector<cryptoscatter::ReceiptClaim> claims;
    const std::vector<DeliveryPtr>& handed = handed_[reply.id];
    for (std::uint32_t i = 0; i < handed.size(); ++i) {
      if (!refused.contains(i)) claims.push_back(handed.at(i)->share.Claim());
    }
    EXPECT_TRUE(cryptoscatter::VerifyClaims(cell_.cell().node(from).signing_key, cell_.cell().id(),
                                            claims, reply.receipts)
                    .ok());
    for (const auto& claim : claims) receipts_.insert({claim.core, claim.index});
  }
  engine::RequestId Fetch(int node, const engine::VersionRef& version) {
    Send(node, engine::FetchShares{{FetchOf(version)}, {}});
    return last_request_;
  }
  // A fetch under the next id, not sent.
  engine::FetchShare FetchOf(const engine::VersionRef& version) {
    return {++last_request_, version.key_tag, version.slot_epoch, version.version,
            cell_.cell().node(NodeAt(0)).exchange_key};
  }
  // 8 bytes.
  std::string NextKey() {
    const engine::Cell& cell = cell_.cell();
    while (true) {
      std::string name = absl::StrCat("key-", 1000 + next_key_++);
      const DataCenterIndex home = cell.HomeOf(cell.SlotOf(cell.KeyTagOf(AsBytes(name))));
      if (home == DataCenterOf(NodeAt(kTestNode))) return name;
    }
  }
  void Run(int milliseconds) { cell_.world().RunFor(absl::Milliseconds(milliseconds)); }
  bool Promised(int node, const Scattered& values, std::size_t i) const {
    return receipts_.contains({values.deliveries[i][0]->share.core.Id(), NodeAt(node)});
  }
  // All that was promised; returns how many.
  std::size_t ExpectPromisedWhole(int node, const Scattered& values) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      if (!Promised(node, values, i)) continue;
      ++count;
      EXPECT_EQ(WrongWith(node, values, i), "") << i;
    }
    return count;
  }
  // Enough batches to drive any other out of a node's memory: of each the node has one member.
  std::vector<Scattered> HandOthers(int node) {
    std::vector<Scattered> others;
    for (std::size_t i = 0; i < engine::BatchRows::kBatchesMax; ++i) {
      others.push_back(Scatter(2));
      Hand(node, {others.back().deliveries[0][static_cast<std::size_t>(node)]});
    }
    Run(300);
    return others;
  }
  void FetchOthers(int node, const std::vector<Scattered>& others) {
    for (const Scattered& other : others) Fetch(node, other.versions[0]);
    Run(300);
  }
  // Each in a call of its own, all at once.
  void HandOneByOne(int node, const Scattered& values) {
    for (const auto& nine : values.deliveries) Hand(node, {nine[static_cast<std::size_t>(node)]});
  }

  // Empty when the raw rows have the share as it was handed out, byte for byte.
  std::string WrongWith(int node, const Scattered& values, std::size_t i) {
    const auto found = cell_.StoredShare(node, values.versions[i]);
    if (!found.ok()) return std::string(found.status().message());
    const cryptoscatter::Share& handed =
        values.deliveries[i][static_cast<std::size_t>(node)]->share;
    if (!(found->share == handed)) return "it is not the share that was handed out";
    const auto key_share =
        cryptoscatter::UnwrapKeyShare(cell_.secrets(node).storage_key,
                                      {handed.core.Id(), 0, NodeAt(node),
                                       cell_.cell().node(NodeAt(node)).id, handed.key_share_hash},
                                      *found->key_share);
    return key_share.ok() ? "" : "its key share does not unwrap";
  }
  void ExpectAllWhole(int node, const Scattered& values) {
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      EXPECT_EQ(WrongWith(node, values, i), "") << i;
    }
  }
  std::vector<engine::StoreRow> RowsOf(int node, absl::string_view prefix) {
    std::vector<engine::StoreRow> rows = cell_.disk(node).Rows(engine::RowFamily::kRows);
    std::erase_if(rows, [prefix](const auto& row) { return !absl::StartsWith(row.key, prefix); });
    return rows;
  }
  void Tamper(int node, const std::string& key, std::optional<Bytes> value) {
    cell_.disk(node).Tamper(engine::RowFamily::kRows, key,
                            value ? std::make_shared<const Bytes>(*std::move(value)) : nullptr);
  }

  static constexpr int kTestNode = 3;

  SimCell cell_;
  std::unique_ptr<SimExecutor> executor_;
  std::unique_ptr<engine::PeerNetwork> peer_;
  std::map<engine::RequestId, std::vector<DeliveryPtr>> handed_;
  std::set<std::pair<CoreId, NodeIndex>> receipts_;
  std::string refusals_;
  std::map<engine::RequestId, absl::Status> fetched_;
  std::map<engine::RequestId, engine::VersionRef> versions_;  // of the shares that came
  int fetch_answers_ = 0;                                     // messages that came with them
  // What node 3 says that it has, and how often it was asked.
  std::shared_ptr<const cryptoscatter::Share> answer_;
  int asked_ = 0;
  SeededEntropy entropy_{5};
  std::unique_ptr<cryptoscatter::WriterSession> session_;
  int next_key_ = 0;
  engine::RequestId last_request_ = 1000;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SHARE_CELL_H_
