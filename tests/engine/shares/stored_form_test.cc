// Goal:   a node's rows are small, and say all of a share.
// Method: rows of each form there and back and cut short; a full batch on nine nodes, its bytes counted;
//         shares read from raw rows alone, whole and damaged, and from rows an outsider wrote.
#include "engine/shares/stored_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "engine/offline/offline_rows.h"
#include "tests/support/share_cell.h"

namespace worldb::testing {
namespace {

using cryptoscatter::BatchPart;
using cryptoscatter::Script;
using cryptoscatter::Share;
using engine::BatchRow;
using engine::BatchRows;
using engine::RowFamily;
using engine::ShareRow;
using engine::VersionRef;

using StoredFormTest = ShareCellTest;

TEST_F(StoredFormTest, RowsOfEachFormSayAllOfAShare) {
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

TEST_F(StoredFormTest, ASmallValueOfAFullBatchTakesThreeAndAHalfKilobytesOverNineNodes) {
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

TEST_F(StoredFormTest, ARawStoreIsReadWithItsOwnRowsAlone) {
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

}  // namespace
}  // namespace worldb::testing
