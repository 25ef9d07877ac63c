// Goal:   a node's rows are small, say all of a share, and never leave one without its proof.
// Method: rows of each form there and back; values of one commit batch, sealed by the test, handed to
//         real nodes on fake disks: all at once, one by one in flight, with commits and reads that fail
//         in each way, across a loss of power, with more batches than a node keeps in memory, and with
//         batch rows damaged behind its back. Each share is then read from the raw rows alone, and
//         those are demanded whose receipts came.
#include "engine/shares/share_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/environment.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using cryptoscatter::BatchPart;
using cryptoscatter::BatchRef;
using cryptoscatter::Script;
using cryptoscatter::SealedValue;
using cryptoscatter::Share;
using engine::BatchRow;
using engine::BatchRows;
using engine::RowFamily;
using engine::ShareDelivery;
using engine::ShareRow;
using engine::VersionRef;
using DeliveryPtr = std::shared_ptr<const ShareDelivery>;

// The values of one commit batch, with what each node is to be handed of them.
struct Scattered {
  std::vector<VersionRef> versions;
  std::vector<std::array<DeliveryPtr, kNodeCount>> deliveries;
};

class ShareStoreTest : public ::testing::Test {
 protected:
  explicit ShareStoreTest(SimCell::Options options = {}) : cell_(std::move(options)) {
    cell_.world().RunFor(absl::Seconds(2));
    session_ = std::make_unique<cryptoscatter::WriterSession>(
        *cryptoscatter::WriterSession::Create(cell_.cell().SealTargets(), entropy_));
  }

  // The keys are new ones.
  Scattered Scatter(std::size_t count, std::size_t value_bytes = 64,
                    cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue) {
    const auto script = Script::Nested();
    std::vector<SealedValue> sealed;
    std::vector<CommitmentId> commitments;
    Scattered out;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = absl::StrCat("key-", 1000 + next_key_++);  // 8 bytes
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
        nine[j] = std::make_shared<const ShareDelivery>(ShareDelivery{
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
        for (const cryptoscatter::Receipt& receipt : put->receipts) {
          receipts_.insert({receipt.claim.core, receipt.claim.index});
        }
        for (const engine::ShareRefusal& refusal : put->refusals) refusals_ += refusal.reason;
      } else if (const auto* fetched = std::get_if<engine::FetchShareReply>(&message)) {
        fetched_[fetched->id] = fetched->status;
      } else if (const auto* asked = std::get_if<engine::FetchFragment>(&message)) {
        ++asked_;
        peer_->Send(from, engine::FetchFragmentReply{asked->id, absl::OkStatus(), answer_});
      }
    });
  }
  void Send(int node, engine::PeerMessage message) {
    if (peer_ == nullptr) return cell_.Send(0, node, std::move(message));
    peer_->Send(NodeAt(node), std::move(message));
  }
  void Hand(int node, std::vector<DeliveryPtr> deliveries) {
    Send(node, engine::PutShares{++last_request_, std::move(deliveries)});
  }
  engine::RequestId Fetch(int node, const VersionRef& version) {
    Send(node, engine::FetchShare{++last_request_, version.key_tag, version.slot_epoch,
                                  version.version, cell_.cell().node(NodeAt(0)).exchange_key});
    return last_request_;
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
    for (std::size_t i = 0; i < BatchRows::kBatchesMax; ++i) {
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
    const Share& handed = values.deliveries[i][static_cast<std::size_t>(node)]->share;
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
    std::vector<engine::StoreRow> rows = cell_.disk(node).Rows(RowFamily::kRows);
    std::erase_if(rows, [prefix](const auto& row) { return !absl::StartsWith(row.key, prefix); });
    return rows;
  }
  void Tamper(int node, const std::string& key, std::optional<Bytes> value) {
    cell_.disk(node).Tamper(RowFamily::kRows, key,
                            value ? std::make_shared<const Bytes>(*std::move(value)) : nullptr);
  }

  static constexpr int kTestNode = 3;

  SimCell cell_;
  std::unique_ptr<SimExecutor> executor_;
  std::unique_ptr<engine::PeerNetwork> peer_;
  std::set<std::pair<CoreId, NodeIndex>> receipts_;
  std::string refusals_;
  std::map<engine::RequestId, absl::Status> fetched_;
  // What node 3 says that it has, and how often it was asked.
  std::shared_ptr<const Share> answer_;
  int asked_ = 0;
  SeededEntropy entropy_{5};
  std::unique_ptr<cryptoscatter::WriterSession> session_;
  int next_key_ = 0;
  engine::RequestId last_request_ = 1000;
};

TEST_F(ShareStoreTest, RowsOfEachFormSayAllOfAShare) {
  for (const std::size_t count : {1u, 5u}) {
    for (const std::size_t value_bytes : {0u, 64u, 40'000u}) {
      const auto kind = value_bytes == 0 ? cryptoscatter::ValueKind::kTombstone
                                         : cryptoscatter::ValueKind::kValue;
      const Scattered values = Scatter(count, value_bytes, kind);
      const Share& share = values.deliveries[count - 1][4]->share;
      const BatchPart part = BatchPart::Of(share.core.cell, share.proof, share.Commitment());
      // In the batch's row; in its own, if it is a batch of one, or another batch has the reference.
      BatchRows::Batch none{true, nullptr};
      const Scattered others = Scatter(2);
      const Share& other = others.deliveries[0][4]->share;
      BatchRows::Batch taken{true, std::make_shared<BatchPart>(BatchPart::Of(
                                       other.core.cell, other.proof, other.Commitment()))};
      for (BatchRows::Batch* batch : {&none, &taken}) {
        ShareRow row;
        row.share = share;
        row.script = cryptoscatter::ScriptBook::PrefixOf(share.script);
        row.fragment_apart = share.fragment.size() > ShareRow::kFragmentInRowBytesMax;
        if (row.fragment_apart) row.share.fragment.clear();
        if (count > 1) BatchRows::Place(row, part.ref(), *batch, share.Commitment());
        EXPECT_EQ(row.batch.has_value(), count > 1 && batch == &none);

        const std::string key = ShareRow::Key(values.versions[count - 1]);
        const Bytes bytes = row.Encode();
        auto again = ShareRow::Decode(key, bytes);
        ASSERT_TRUE(again.ok()) << again.status();
        ASSERT_TRUE(again->Complete(share.core.cell, *Script::Nested()).ok());
        if (again->batch.has_value()) ASSERT_TRUE(again->TakeProof(part).ok());
        EXPECT_TRUE(again->share == row.share);
        EXPECT_EQ(again->Encode(), bytes);

        const std::size_t fixed = bytes.size() - row.share.fragment.size();
        for (std::size_t cut = 0; cut < fixed; ++cut) {
          EXPECT_FALSE(ShareRow::Decode(key, ByteSpan(bytes).first(cut)).ok()) << cut;
        }
        VersionRef elsewhere = values.versions[count - 1];
        elsewhere.version = Version(2);
        EXPECT_THAT(ShareRow::Decode(ShareRow::Key(elsewhere), bytes).status().message(),
                    ::testing::HasSubstr("in another share's place"));
      }
    }
  }
}

TEST_F(ShareStoreTest, ASmallValueOfAFullBatchTakesThreeAndAHalfKilobytesOverNineNodes) {
  constexpr std::size_t kValues = 256;
  const auto bytes_of = [this](std::size_t* by_family) {
    std::size_t bytes = 0;
    for (int node = 0; node < kNodeCount; ++node) {
      for (const RowFamily family : {RowFamily::kRows, RowFamily::kBlobs}) {
        for (const engine::StoreRow& row : cell_.disk(node).Rows(family)) {
          const std::string prefix = row.key.substr(0, 2);
          for (const char* known : {"s/", "b/", "c/"}) {
            if (prefix != known) continue;
            bytes += row.key.size() + row.value.size();
            by_family[known[0] - 'a'] += row.key.size() + row.value.size();
          }
        }
      }
    }
    return bytes;
  };
  std::size_t before_by_family[26] = {};
  const std::size_t before = bytes_of(before_by_family);
  EXPECT_EQ(before, 0u);
  const Scattered values = Scatter(kValues);
  for (int node = 0; node < kNodeCount; ++node) {
    std::vector<DeliveryPtr> own;
    for (const auto& nine : values.deliveries) own.push_back(nine[static_cast<std::size_t>(node)]);
    Hand(node, std::move(own));
  }
  cell_.world().RunFor(absl::Seconds(2));
  for (int node = 0; node < kNodeCount; ++node) ExpectAllWhole(node, values);
  std::size_t by_family[26] = {};
  const double in_batch = static_cast<double>(bytes_of(by_family)) / kValues;
  std::printf(
      "64 B value of a batch of 256, nine nodes: %.1f B: share rows %.1f, batch rows %.1f, "
      "script rows %.1f\n",
      in_batch, static_cast<double>(by_family['s' - 'a']) / kValues,
      static_cast<double>(by_family['b' - 'a']) / kValues,
      static_cast<double>(by_family['c' - 'a']) / kValues);
  EXPECT_LE(in_batch, 3500);

  const Scattered alone = Scatter(1);
  for (int node = 0; node < kNodeCount; ++node) HandOneByOne(node, alone);
  cell_.world().RunFor(absl::Seconds(2));
  std::size_t after_by_family[26] = {};
  const double by_itself = static_cast<double>(bytes_of(after_by_family)) - in_batch * kValues;
  std::printf("64 B value alone in its batch, nine nodes: %.1f B\n", by_itself);
  EXPECT_LE(by_itself, 4104);
}

TEST_F(ShareStoreTest, MembersThatComeOneByOneAllKeepTheirProofs) {
  cell_.disk(4).SetDelays(absl::Milliseconds(7), absl::Milliseconds(3));
  const Scattered values = Scatter(23);
  for (std::size_t i = 0; i < values.deliveries.size(); ++i) {
    Hand(4, {values.deliveries[i][4]});
    if (i % 4 == 0) cell_.world().RunFor(absl::Milliseconds(3));
  }
  cell_.world().RunFor(absl::Seconds(2));
  ExpectAllWhole(4, values);
  EXPECT_EQ(RowsOf(4, BatchRow::kFamilyPrefix).size(), 1u);
}

class FailedCommitTest : public ShareStoreTest,
                         public ::testing::WithParamInterface<FailedCommit> {};

TEST_P(FailedCommitTest, LeavesNoShareWithoutItsProof) {
  cell_.disk(4).SetDelays(absl::Milliseconds(5), absl::Milliseconds(1));
  const Scattered values = Scatter(12);
  for (int round = 0; round < 6; ++round) {
    cell_.disk(4).FailCommits(1 + round % 3, absl::UnavailableError("disk"), GetParam());
    for (std::size_t i = 0; i < 4; ++i) {
      Hand(4, {values.deliveries[static_cast<std::size_t>(2 * round) % 12 + i % 2][4]});
    }
    Run(1000);
    // What is there has all it needs, promised or not.
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      const std::string wrong = WrongWith(4, values, i);
      EXPECT_TRUE(wrong.empty() || wrong == "no row") << wrong;
    }
  }
  HandOneByOne(4, values);
  Run(1000);
  ExpectAllWhole(4, values);
}

// Anything in any order: commits and reads of batch rows that fail, readers, a batch driven out of
// memory, other commits, members handed again.
TEST_P(FailedCommitTest, TakesNothingFromWhatWasPromised) {
  TakeAnswers();
  const std::vector<Scattered> others = HandOthers(4);
  SeededEntropy dice(7);
  const auto draw = [&dice](std::size_t below) { return dice.Draw<1>()[0] % below; };
  const std::size_t rounds = NumberFromEnvironment("WORLDB_FAILED_COMMIT_ROUNDS", 40);
  std::size_t promised_early = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    cell_.disk(4).SetDelays(absl::Milliseconds(draw(8)), absl::Milliseconds(draw(3)));
    const Scattered values = Scatter(6);
    for (int step = 0; step < 25; ++step) {
      switch (draw(8)) {
        case 0:
          cell_.disk(4).FailCommits(static_cast<int>(1 + draw(2)), absl::UnavailableError("disk"),
                                    GetParam());
          Hand(4, {values.deliveries[draw(6)][4]});
          if (draw(2) == 0) break;
          Run(20);
          FetchOthers(4, others);
          for (const VersionRef& version : values.versions) Fetch(4, version);
          break;
        case 1:
          cell_.disk(4).FailReadsUnder(BatchRow::kFamilyPrefix, draw(3) == 0
                                                                    ? absl::UnavailableError("disk")
                                                                    : absl::OkStatus());
          break;
        case 2:
          FetchOthers(4, others);
          break;
        case 3:
          Fetch(4, values.versions[draw(6)]);
          break;
        case 4:
          Hand(4, {Scatter(1).deliveries[0][4]});
          break;
        default:
          for (std::size_t count = 1 + draw(2); count > 0; --count) {
            Hand(4, {values.deliveries[draw(6)][4]});
          }
      }
      Run(static_cast<int>(draw(3) * 8));
      ExpectPromisedWhole(4, values);
    }
    Run(300);
    promised_early += ExpectPromisedWhole(4, values);
    cell_.disk(4).FailCommits(0, absl::OkStatus(), GetParam());
    cell_.disk(4).FailReadsUnder("", absl::OkStatus());
    HandOneByOne(4, values);
    Run(300);
    EXPECT_EQ(ExpectPromisedWhole(4, values), 6u) << round;
  }
  EXPECT_GT(promised_early, rounds);
}

INSTANTIATE_TEST_SUITE_P(Fates, FailedCommitTest,
                         ::testing::Values(FailedCommit::kLost, FailedCommit::kThere,
                                           FailedCommit::kLate));

class CrashTest : public ShareStoreTest, public ::testing::WithParamInterface<CrashModel> {
 protected:
  static SimCell::Options OptionsOf(CrashModel model) {
    SimCell::Options options;
    options.crash_model = model;
    return options;
  }
  CrashTest() : ShareStoreTest(OptionsOf(GetParam())) {}
};

TEST_P(CrashTest, LeavesNoShareWithoutItsProof) {
  TakeAnswers();
  cell_.disk(4).SetDelays(absl::Milliseconds(9), absl::Milliseconds(1));
  std::size_t promised = 0;
  for (int round = 0; round < 12; ++round) {
    const Scattered values = Scatter(9);
    for (std::size_t i = 0; i < values.deliveries.size(); ++i) {
      Hand(4, {values.deliveries[i][4]});
      Run(4);
    }
    Run(round / 2);
    cell_.CrashNode(4, round % 3 == 0 ? Kept::kSynced : round % 3 == 1 ? Kept::kSome : Kept::kAll);
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      const std::string wrong = WrongWith(4, values, i);
      EXPECT_TRUE(wrong.empty() || wrong == "no row") << wrong;
    }
    promised += ExpectPromisedWhole(4, values);
    cell_.StartNode(4);
    Run(1000);
    HandOneByOne(4, values);
    Run(1000);
    EXPECT_EQ(ExpectPromisedWhole(4, values), values.versions.size());
  }
  // The cuts come while the last are on their way.
  EXPECT_GT(promised, 4u * 12);
  EXPECT_LE(promised, 8u * 12);
}

INSTANTIATE_TEST_SUITE_P(Models, CrashTest,
                         ::testing::Values(CrashModel::kSuffix, CrashModel::kSubset));

TEST_F(ShareStoreTest, BatchesThatAreNoLongerInMemoryGrowOnTheDisk) {
  std::vector<Scattered> batches;
  for (std::size_t i = 0; i < BatchRows::kBatchesMax + 20; ++i) batches.push_back(Scatter(3));
  for (std::size_t member = 0; member < 3; ++member) {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      Hand(4, {batches[i].deliveries[member][4]});
      if (i % 10 == 0) Run(200);  // no more are held at a time
    }
    Run(200);
  }
  for (const Scattered& values : batches) ExpectAllWhole(4, values);
  EXPECT_EQ(RowsOf(4, BatchRow::kFamilyPrefix).size(), batches.size());
}

TEST_F(ShareStoreTest, OneCallForManyBatchesLeavesNoMoreInMemoryThanTheBound) {
  TakeAnswers();
  std::vector<Scattered> batches;
  std::vector<DeliveryPtr> own;
  for (std::size_t i = 0; i < 2 * BatchRows::kBatchesMax + 9; ++i) {
    batches.push_back(Scatter(2));
    own.push_back(batches.back().deliveries[0][4]);
  }
  Hand(4, std::move(own));
  Run(500);
  for (const Scattered& values : batches) EXPECT_EQ(ExpectPromisedWhole(4, values), 1u);
  // What is in memory is told by who can be answered without its batch row. The newest first: those
  // that cannot drive others out.
  cell_.disk(4).FailReadsUnder(BatchRow::kFamilyPrefix, absl::UnavailableError("disk"));
  std::size_t in_memory = 0;
  for (std::size_t i = batches.size(); i-- > 0;) {
    const engine::RequestId id = Fetch(4, batches[i].versions[0]);
    Run(5);
    ASSERT_TRUE(fetched_.contains(id));
    if (fetched_[id].ok()) ++in_memory;
  }
  EXPECT_LE(in_memory, BatchRows::kBatchesMax);
  EXPECT_GT(in_memory, BatchRows::kBatchesMax / 2);
}

TEST(BatchRowsBound, HoldsForWhoeverLetsGo) {
  engine::NodeContext context({}, {});
  BatchRows rows(context);
  const auto ref = [](std::uint16_t i) {
    BatchRef made;
    made.bytes[0] = static_cast<std::uint8_t>(i);
    made.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    return made;
  };
  BatchRows::BatchPtrs kept, passing;
  for (std::uint16_t i = 0; i < 1000; ++i) {
    (i < 10 ? kept : passing)[ref(i)] = rows.Hold(ref(i));
  }
  EXPECT_EQ(rows.in_memory(), 1000u);
  const BatchRows::Batch* last = passing[ref(999)].get();
  rows.LetGo(passing);
  EXPECT_EQ(rows.in_memory(), BatchRows::kBatchesMax);
  EXPECT_EQ(rows.Hold(ref(999)).get(), last);
  for (const auto& [of, batch] : kept) EXPECT_EQ(rows.Hold(of), batch);
  for (std::uint16_t i = 1000; i < 1200; ++i) rows.Hold(ref(i));
  EXPECT_EQ(rows.in_memory(), BatchRows::kBatchesMax);
  for (const auto& [of, batch] : kept) EXPECT_EQ(rows.Hold(of), batch);
}

TEST_F(ShareStoreTest, AReadThatFailsIsNoDamage) {
  TakeAnswers();
  const Scattered values = Scatter(3);
  next_key_ -= 3;
  const Scattered alone = Scatter(1, 65);
  next_key_ += 2;
  ASSERT_TRUE(alone.versions[0] == values.versions[0]);
  HandOneByOne(4, values);
  Run(300);
  const auto offer_another = [&](const char* refused) {
    refusals_.clear();
    HandOneByOne(4, alone);
    Run(300);
    EXPECT_THAT(refusals_, ::testing::HasSubstr(refused));
    EXPECT_FALSE(Promised(4, alone, 0));
    EXPECT_EQ(ExpectPromisedWhole(4, values), 3u);
  };
  const absl::Status error = absl::UnavailableError("the disk is away");
  for (const bool in_memory : {true, false}) {
    cell_.disk(4).FailReadsUnder(BatchRow::kFamilyPrefix, error);
    if (!in_memory) {
      cell_.StopNode(4);
      cell_.StartNode(4);
      Run(300);
    }
    offer_another("the disk is away");
    const engine::RequestId id = Fetch(4, values.versions[0]);
    Run(300);
    EXPECT_EQ(fetched_.at(id), in_memory ? absl::OkStatus() : error);
    EXPECT_EQ(cell_.Status(4).repair.waiting, 0u);
    cell_.disk(4).FailReadsUnder("", absl::OkStatus());
    offer_another("already stored with another value");
  }
}

TEST_F(ShareStoreTest, WhatIsInMemoryTellsAnotherValueThoughTheBatchRowIsGone) {
  TakeAnswers();
  const Scattered values = Scatter(3);
  next_key_ -= 3;
  const Scattered alone = Scatter(1, 65);
  HandOneByOne(4, values);
  Run(300);
  Tamper(4, RowsOf(4, BatchRow::kFamilyPrefix).at(0).key, std::nullopt);
  HandOneByOne(4, alone);
  Run(300);
  EXPECT_THAT(refusals_, ::testing::HasSubstr("already stored with another value"));
  // The same value again is not known to be there: it is written.
  HandOneByOne(4, values);
  Run(300);
  ExpectAllWhole(4, values);
}

// A commit that failed shows later, when its batch is in memory as it was before it.
TEST_F(ShareStoreTest, AMemberThatShowsLateIsNotWrittenOver) {
  TakeAnswers();
  const std::vector<Scattered> others = HandOthers(4);
  for (const bool in_flight : {false, true}) {
    cell_.disk(4).SetDelays(absl::ZeroDuration(), absl::ZeroDuration());
    const Scattered values = Scatter(3);
    Hand(4, {values.deliveries[0][4]});
    Run(300);
    cell_.disk(4).FailCommits(100'000, absl::UnavailableError("disk"), FailedCommit::kLate);
    Hand(4, {values.deliveries[1][4]});
    Run(300);
    FetchOthers(4, others);
    const engine::RequestId id = Fetch(4, values.versions[0]);
    Run(300);
    EXPECT_TRUE(fetched_.at(id).ok());
    EXPECT_EQ(WrongWith(4, values, 1), "no row");
    cell_.disk(4).FailCommits(0, absl::OkStatus(), FailedCommit::kLate);
    Hand(4, {Scatter(2).deliveries[0][4]});
    Run(300);
    EXPECT_EQ(WrongWith(4, values, 1), "");
    if (in_flight) {
      cell_.disk(4).SetDelays(absl::Milliseconds(100), absl::ZeroDuration());
      Hand(4, {values.deliveries[2][4]});
      Run(50);
      Hand(4, {values.deliveries[1][4]});
    } else {
      Hand(4, {values.deliveries[1][4]});
      Run(300);
      Hand(4, {values.deliveries[2][4]});
    }
    Run(300);
    EXPECT_EQ(ExpectPromisedWhole(4, values), 3u);
  }
}

TEST_F(ShareStoreTest, ABatchRowThatReadsWellAgainIsReadAgain) {
  TakeAnswers();
  const Scattered values = Scatter(3);
  Hand(4, {values.deliveries[0][4], values.deliveries[1][4]});
  Run(300);
  cell_.StopNode(4);
  cell_.StartNode(4);
  Run(300);
  const engine::StoreRow row = RowsOf(4, BatchRow::kFamilyPrefix).at(0);
  ASSERT_TRUE(cell_.disk(4).Corrupt(RowFamily::kRows, row.key).ok());
  const engine::RequestId id = Fetch(4, values.versions[0]);
  Run(50);
  EXPECT_TRUE(absl::IsDataLoss(fetched_.at(id)));
  Tamper(4, row.key, row.value);
  Hand(4, {values.deliveries[2][4]});
  Run(300);
  EXPECT_EQ(ExpectPromisedWhole(4, values), 3u);
}

TEST_F(ShareStoreTest, ARawStoreIsReadWithItsOwnRowsAlone) {
  const Scattered values = Scatter(4);
  for (const int node : {3, 4, 5}) HandOneByOne(node, values);
  cell_.world().RunFor(absl::Seconds(1));
  const auto batches = std::make_shared<engine::OfflineBatches>();
  std::vector<std::unique_ptr<engine::OfflineRows>> stores;
  for (const int node : {3, 4, 5}) {
    stores.push_back(std::make_unique<engine::OfflineRows>(
        [this, node](const std::string& key) -> absl::StatusOr<Bytes> {
          const auto rows = RowsOf(node, key);
          if (rows.empty()) return absl::NotFoundError("no such row");
          return rows[0].value;
        },
        batches));
  }
  // Of node 4 the batch row is gone; node 5's holds less than it did.
  const std::string batch_key = RowsOf(4, BatchRow::kFamilyPrefix).at(0).key;
  Tamper(4, batch_key, std::nullopt);
  const Share& first = values.deliveries[0][5]->share;
  Tamper(5, batch_key,
         BatchRow::Encode(BatchPart::Of(first.core.cell, first.proof, first.Commitment())));
  for (std::size_t i = 0; i < values.versions.size(); ++i) {
    const std::string key = ShareRow::Key(values.versions[i]);
    const auto read = [&](std::size_t store, int node) {
      return stores[store]->DecodeShare(RowsOf(node, key).at(0),
                                        *cryptoscatter::ScriptBook::Shipped());
    };
    EXPECT_TRUE(read(0, 3)->found.share == values.deliveries[i][3]->share);
    EXPECT_THAT(read(1, 4).status().message(), ::testing::HasSubstr("the row of its batch"));
    EXPECT_EQ(read(2, 5).ok(), i == 0);
  }
}

// tests/engine/rows/row_seeds.py made them, out of docs/share-format.md alone.
TEST(ShareRows, ThoseAnOutsiderWroteAreRead) {
  const char* root = std::getenv("WORLDB_SOURCE_DIR");
  ASSERT_NE(root, nullptr);
  std::map<std::string, engine::StoreRow> seeds;
  std::map<std::string, Bytes> store;
  const auto corpus = std::filesystem::path(root) / "tests" / "fuzz" / "corpus" / "store_row_fuzz";
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    const std::size_t key_bytes = static_cast<unsigned char>(bytes.at(0));
    engine::StoreRow row{bytes.substr(1, key_bytes), {bytes.begin() + 1 + key_bytes, bytes.end()}};
    store[row.key] = row.value;
    seeds[entry.path().filename()] = std::move(row);
  }
  engine::OfflineRows rows(
      [&store](const std::string& key) -> absl::StatusOr<Bytes> {
        const auto it = store.find(key);
        if (it == store.end()) return absl::NotFoundError("no such row");
        return it->second;
      },
      std::make_shared<engine::OfflineBatches>());
  const auto read = [&](const char* name) {
    auto found = rows.DecodeShare(seeds.at(name), *cryptoscatter::ScriptBook::Shipped());
    EXPECT_TRUE(found.ok()) << name << found.status();
    EXPECT_EQ(found->found.share.version, Version(3)) << name;
    EXPECT_EQ(found->found.share.slot_epoch, SlotEpoch(1)) << name;
    EXPECT_EQ(found->found.share.script, Script::Nested()->id()) << name;
    return std::move(found->found);
  };
  const auto inside = read("inline");
  EXPECT_EQ(inside.share.proof.index, 2u);
  EXPECT_EQ(inside.share.proof.count, 5u);
  EXPECT_EQ(inside.share.fragment.size(), 23u);
  EXPECT_EQ(read("several_rows").key_share->rows(), 3);
  EXPECT_EQ(read("alone").share.proof.count, 1u);
  EXPECT_FALSE(read("apart").has_fragment);
  // The same member, its proof from the batch's row and from its own.
  const auto whole = read("whole_proof");
  EXPECT_EQ(whole.share.proof, read("several_rows").share.proof);
  EXPECT_EQ(whole.share.core.cell, inside.share.core.cell);
  EXPECT_EQ(whole.share.core.kind, cryptoscatter::ValueKind::kTombstone);
}

TEST_F(ShareStoreTest, MetadataOfAFileOrOfNoWriterIsNotTakenForAMend) {
  TakeAnswers();
  const auto outsider = cryptoscatter::SigningKeyPair::Generate(entropy_);
  ASSERT_FALSE(cell_.cell().IsWriter(outsider.public_key()));
  for (const bool file : {true, false}) {
    const Scattered values = Scatter(2);
    for (int node = 0; node < kNodeCount; ++node) HandOneByOne(node, values);
    Run(300);
    auto forged = std::make_shared<Share>(values.deliveries[0][kTestNode]->share);
    forged->fragment.clear();
    if (file) {
      forged->core.kind = cryptoscatter::ValueKind::kFile;
    } else {
      forged->core.op_id.bytes = entropy_.Draw<16>();
    }
    forged->proof = cryptoscatter::SignBatch(file ? cell_.secrets(0).signing : outsider,
                                             cell_.cell().id(), {{forged->Commitment()}})[0];
    cryptoscatter::BatchVerifier verifier;
    EXPECT_TRUE(cryptoscatter::VerifyShare(*forged, cell_.cell().id(), verifier, nullptr, {},
                                           /*has_fragment=*/false, cell_.cell().scripts().book())
                    .proof_ok);
    answer_ = forged;
    asked_ = 0;
    const Share& own = values.deliveries[0][4]->share;
    Tamper(4, BatchRow::Key(cryptoscatter::BatchRefOf(own.core.cell, own.proof, own.Commitment())),
           std::nullopt);
    cell_.StopNode(4);
    cell_.StartNode(4);
    Run(300);
    Fetch(4, values.versions[0]);
    Run(3000);
    EXPECT_GT(asked_, 0);
    EXPECT_EQ(WrongWith(4, values, 0), "");
    EXPECT_EQ(cell_.Status(4).repair.core_conflicts, 0u);
  }
}

class ScrubbedShareStoreTest : public ShareStoreTest {
 protected:
  static SimCell::Options Scrubbing() {
    SimCell::Options options;
    options.node.scrub.page_rows = 4;
    options.node.scrub.page_every = absl::Milliseconds(100);
    options.node.scrub.rest = absl::Seconds(1);
    return options;
  }
  ScrubbedShareStoreTest() : ShareStoreTest(Scrubbing()) {}
};

TEST_F(ScrubbedShareStoreTest, ALostOrDamagedBatchRowIsMadeAgainFromOtherNodes) {
  const Scattered values = Scatter(5);
  for (int node = 0; node < kNodeCount; ++node) HandOneByOne(node, values);
  cell_.world().RunFor(absl::Seconds(3));
  const engine::StoreRow row = RowsOf(4, BatchRow::kFamilyPrefix).at(0);
  const auto whole = [&] {
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      if (!WrongWith(4, values, i).empty()) return false;
    }
    return true;
  };
  std::uint64_t found = 0;
  const auto expect_mended = [&](const char* what) {
    EXPECT_FALSE(whole()) << what;
    EXPECT_TRUE(cell_.world().RunUntil(whole, absl::Seconds(30))) << what;
    cell_.world().RunFor(absl::Seconds(3));
    const engine::RepairStatus repairs = cell_.Status(4).repair;
    EXPECT_GT(repairs.bad_shares_found, found) << what;
    found = repairs.bad_shares_found;
    EXPECT_EQ(repairs.key_shares_repaired, 0u) << what;
    EXPECT_EQ(RowsOf(4, BatchRow::kFamilyPrefix).at(0).value, row.value) << what;
  };
  Tamper(4, row.key, std::nullopt);
  expect_mended("gone");
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{20}, std::size_t{80}, std::size_t{113}, row.value.size() - 1}) {
    Bytes bad = row.value;
    bad[at] ^= 1;
    Tamper(4, row.key, bad);
    expect_mended(absl::StrCat("byte ", at).c_str());
  }
  // The node has it no longer in memory, either.
  cell_.StopNode(4);
  Bytes cut = row.value;
  cut.resize(cut.size() - 32);
  Tamper(4, row.key, cut);
  cell_.StartNode(4);
  found = 0;
  expect_mended("cut short, and started anew");
}

}  // namespace
}  // namespace worldb::testing
