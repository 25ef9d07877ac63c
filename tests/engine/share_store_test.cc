// Goal:   a node's rows are small, say all of a share, and never leave one without its proof.
// Method: rows of each form there and back; values of one commit batch, sealed by the test, handed to
//         real nodes on fake disks: all at once, one by one in flight, with commits that fail in each
//         way, across a loss of power, with more batches than a node keeps in memory, and with batch
//         rows damaged behind its back. Each share is then read from the raw rows alone.
#include "engine/share_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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
  void Hand(int node, std::vector<DeliveryPtr> deliveries) {
    cell_.Send(0, node, engine::PutShares{++last_request_, std::move(deliveries)});
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

  SimCell cell_;
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
    cell_.world().RunFor(absl::Seconds(1));
    // What is there has all it needs, promised or not.
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      const std::string wrong = WrongWith(4, values, i);
      EXPECT_TRUE(wrong.empty() || wrong == "no row") << wrong;
    }
  }
  HandOneByOne(4, values);
  cell_.world().RunFor(absl::Seconds(1));
  ExpectAllWhole(4, values);
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
  cell_.disk(4).SetDelays(absl::Milliseconds(9), absl::Milliseconds(1));
  for (int round = 0; round < 12; ++round) {
    const Scattered values = Scatter(9);
    for (std::size_t i = 0; i < values.deliveries.size(); ++i) {
      Hand(4, {values.deliveries[i][4]});
      cell_.world().RunFor(absl::Milliseconds(4));
    }
    cell_.world().RunFor(absl::Milliseconds(round));
    cell_.CrashNode(4, round % 3 == 0 ? Kept::kSynced : round % 3 == 1 ? Kept::kSome : Kept::kAll);
    std::size_t whole = 0;
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      const std::string wrong = WrongWith(4, values, i);
      EXPECT_TRUE(wrong.empty() || wrong == "no row") << wrong;
      if (wrong.empty()) ++whole;
    }
    EXPECT_LE(whole, values.versions.size());
    cell_.StartNode(4);
    cell_.world().RunFor(absl::Seconds(1));
    HandOneByOne(4, values);
    cell_.world().RunFor(absl::Seconds(1));
    ExpectAllWhole(4, values);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, CrashTest,
                         ::testing::Values(CrashModel::kSuffix, CrashModel::kSubset));

TEST_F(ShareStoreTest, BatchesThatAreNoLongerInMemoryGrowOnTheDisk) {
  std::vector<Scattered> batches;
  for (std::size_t i = 0; i < BatchRows::kBatchesMax + 20; ++i) batches.push_back(Scatter(3));
  for (std::size_t member = 0; member < 3; ++member) {
    for (const Scattered& values : batches) Hand(4, {values.deliveries[member][4]});
    cell_.world().RunFor(absl::Seconds(1));
  }
  for (const Scattered& values : batches) ExpectAllWhole(4, values);
  EXPECT_EQ(RowsOf(4, BatchRow::kFamilyPrefix).size(), batches.size());
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

// tests/engine/row_seeds.py made them, out of docs/share-format.md alone.
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
