// Goal:   values under different scripts live side by side: each is written, read, repaired and read
//         from raw disks under its own, chosen by the request or by the key's namespace.
// Method: nine real nodes in virtual time, with nested, flat, copy and two scripts of the cell's own:
//         one whose groups lie across the data centers, one whose nodes have 0 to 3 rows. Shares are damaged and lost behind a node's back, data
//         centers stopped; raw rows are read by a reader that knows none but the shipped scripts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/offline/offline_reader.h"
#include "engine/shares/share_store.h"
#include "tests/support/several_rows_script.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using cryptoscatter::Script;
using engine::CellScripts;
using engine::RowFamily;
using engine::ScriptRow;
using engine::ShareRow;

constexpr char kCrossed[] =
    "key: 2 of (2 of (node[0], node[4], node[8]), 2 of (node[1], node[5], node[6]),"
    "           2 of (node[2], node[3], node[7])) code: mds k=4 survives: any 3 nodes";

SimCell::Options Options() {
  SimCell::Options options;
  options.seed = 9;
  CellScripts scripts = *CellScripts().WithScript("crossed", *Script::Compile(kCrossed));
  scripts = *scripts.WithNamespace("cross/", "crossed");
  scripts = *scripts.WithScript("several", SeveralRowsScript());
  scripts = *scripts.WithNamespace("several/", "several");
  options.scripts = *scripts.WithNamespace("copies/", "copy");
  options.node.scrub.page_rows = 64;
  options.node.scrub.page_every = absl::Milliseconds(100);
  options.node.scrub.rest = absl::Seconds(1);
  return options;
}

std::string ValueOf(std::size_t bytes, std::size_t salt) {
  std::string value(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    value[i] = static_cast<char>((i * 2654435761u >> 11) + salt);
  }
  return value;
}

class ScriptsTest : public ::testing::Test {
 protected:
  struct Value {
    std::string bytes;
    ScriptId script;
  };

  ScriptsTest() : cell_(Options()) { cell_.world().RunFor(absl::Seconds(2)); }

  void Write(const std::string& key, const std::string& value, std::optional<ScriptId> named,
             const ScriptId& expected) {
    SimCell::SetOptions options;
    options.script = named;
    const auto record = cell_.Set(1, key, value, options);
    ASSERT_TRUE(cell_.world().RunUntil([&] { return record->ended(); }, absl::Seconds(20)));
    ASSERT_EQ(record->level(), Level::kFull) << key;
    values_[key] = {value, expected};
  }

  // Small and large ones under five scripts, at home in the first data center.
  void WriteAll() {
    const ScriptId crossed = (*Script::Compile(kCrossed))->id();
    std::size_t salt = 0;
    for (const std::size_t bytes : {std::size_t{300}, std::size_t{300'000}}) {
      const std::string size = absl::StrCat(bytes, "-");
      const auto key = [&](const char* name) { return cell_.KeyAt(0, absl::StrCat(name, size)); };
      Write(key("plain"), ValueOf(bytes, ++salt), std::nullopt, Script::Nested()->id());
      Write(key("named"), ValueOf(bytes, ++salt), Script::Flat()->id(), Script::Flat()->id());
      Write(key("copies/"), ValueOf(bytes, ++salt), std::nullopt, Script::Copy()->id());
      Write(key("cross/"), ValueOf(bytes, ++salt), std::nullopt, crossed);
      Write(key("several/"), ValueOf(bytes, ++salt), std::nullopt, SeveralRowsScript()->id());
      // What the request names beats the namespace.
      Write(key("cross/n"), ValueOf(bytes, ++salt), Script::Nested()->id(), Script::Nested()->id());
    }
  }

  void ExpectAllReadFrom(int node, engine::ReadMode mode) {
    for (const auto& [key, value] : values_) {
      const auto reply = cell_.Get(node, key, mode);
      ASSERT_TRUE(reply.ok()) << key << reply.status();
      EXPECT_TRUE(ToString(reply->value.ExposeSecret()) == value.bytes) << key;
    }
  }

  std::optional<Bytes> Row(int node, RowFamily family, const std::string& row_key) {
    for (const engine::StoreRow& row : cell_.disk(node).Rows(family)) {
      if (row.key == row_key) return row.value;
    }
    return std::nullopt;
  }
  engine::VersionRef RefOf(const std::string& key) const {
    return {cell_.cell().KeyTagOf(AsBytes(key)), cell_.cell().slot_epoch(), Version(1)};
  }
  std::string RowKeyOf(const std::string& key) const { return ShareRow::Key(RefOf(key)); }
  // Where the stored key share of a row lies (docs/share-format.md section 16).
  static std::size_t KeyShareAt(const Bytes& row) {
    const bool apart = (row[1] & 1) != 0;
    const bool signed_alone = (row[1] & 2) != 0;
    return 226u + (apart ? 32 : 0) + (signed_alone ? 112 : 9);
  }
  // The share in the raw rows is whole, and of the script it was to have.
  bool IsWhole(int node, const std::string& key) {
    const auto found = cell_.StoredShare(node, RefOf(key));
    if (!found.ok()) return false;
    const cryptoscatter::Share& share = found->share;
    const auto key_share =
        cryptoscatter::UnwrapKeyShare(cell_.secrets(node).storage_key,
                                      {share.core.Id(), 0, NodeAt(node),
                                       cell_.cell().node(NodeAt(node)).id, share.key_share_hash},
                                      *found->key_share);
    cryptoscatter::BatchVerifier verifier;
    return key_share.ok() && share.script == values_.at(key).script &&
           cryptoscatter::VerifyShare(share, cell_.cell().id(), verifier, &*key_share, {},
                                      /*has_fragment=*/true, cell_.cell().scripts().book())
               .reason.empty();
  }
  bool RunUntilWhole(int node) {
    return cell_.world().RunUntil(
        [&] {
          return std::all_of(values_.begin(), values_.end(),
                             [&](const auto& entry) { return IsWhole(node, entry.first); });
        },
        absl::Seconds(60));
  }

  SimCell cell_;
  std::map<std::string, Value> values_;
};

TEST_F(ScriptsTest, SideBySideEachIsScatteredUnderItsOwnAndSurvivesADataCenter) {
  WriteAll();
  ExpectAllReadFrom(5, engine::ReadMode::kLatest);
  for (const auto& [key, value] : values_) {
    const auto history = cell_.History(4, key, 10);
    ASSERT_TRUE(history.ok() && history->versions.size() == 1);
    EXPECT_EQ(history->versions[0].script, value.script) << key;
    for (int node = 0; node < kNodeCount; ++node) EXPECT_TRUE(IsWhole(node, key)) << key << node;
  }
  for (const int dc : {2, 1}) {
    cell_.StopDataCenter(dc);
    cell_.world().RunFor(absl::Seconds(2));
    ExpectAllReadFrom(0, engine::ReadMode::kLatest);
    cell_.StartDataCenter(dc);
    cell_.world().RunFor(absl::Seconds(3));
  }
  // The home itself: what is left still reads, and says that it may be old.
  cell_.StopDataCenter(0);
  cell_.world().RunFor(absl::Seconds(2));
  ExpectAllReadFrom(4, engine::ReadMode::kSurviving);
}

TEST_F(ScriptsTest, DamagedAndLostSharesAreRepairedUnderEachScript) {
  WriteAll();
  constexpr int kBad = 4;
  for (const auto& [key, value] : values_) {
    Bytes row = *Row(kBad, RowFamily::kRows, RowKeyOf(key));
    row[KeyShareAt(row) + 10] ^= 1;
    cell_.disk(kBad).Tamper(RowFamily::kRows, RowKeyOf(key),
                            std::make_shared<const Bytes>(std::move(row)));
    if (auto apart = Row(kBad, RowFamily::kBlobs, RowKeyOf(key)); apart.has_value()) {
      (*apart)[apart->size() / 2] ^= 1;
      cell_.disk(kBad).Tamper(RowFamily::kBlobs, RowKeyOf(key),
                              std::make_shared<const Bytes>(*std::move(apart)));
    }
  }
  EXPECT_TRUE(RunUntilWhole(kBad)) << "the scrub finds and mends them";

  // Nothing left of them but that they were there: metadata, key share and fragment come from others.
  // Under the script of several rows, one has none and one three.
  for (const int bare : {2, 0}) {
    for (const auto& [key, value] : values_) {
      cell_.disk(bare).Tamper(RowFamily::kRows, RowKeyOf(key),
                              std::make_shared<const Bytes>(Bytes{1}));
      cell_.disk(bare).Tamper(RowFamily::kBlobs, RowKeyOf(key), nullptr);
    }
    EXPECT_TRUE(RunUntilWhole(bare)) << bare;
    EXPECT_EQ(cell_.Status(bare).repair.core_conflicts, 0u);
  }
}

TEST_F(ScriptsTest, RawDisksBringTheScriptsTheyAreOf) {
  WriteAll();
  const auto shipped_only = cell_.shared_cell()->WithScripts(CellScripts());
  for (int node = 0; node < kNodeCount; ++node) {
    int rows = 0;
    for (const engine::StoreRow& row : cell_.disk(node).Rows(RowFamily::kRows)) {
      if (!absl::StartsWith(row.key, ScriptRow::kFamilyPrefix)) continue;
      ++rows;
      EXPECT_TRUE(ScriptRow::Decode(row.key, row.value).ok());
      Bytes other = row.value;
      other.back() = ' ';
      EXPECT_FALSE(ScriptRow::Decode(row.key, other).ok());
    }
    EXPECT_EQ(rows, 5) << node;
  }
  for (const auto& [key, value] : values_) {
    for (int missing = 0; missing < kDataCenterCount; ++missing) {
      engine::OfflineReader reader(shipped_only, ToBytes(AsBytes(key)));
      for (int node = 0; node < kNodeCount; ++node) {
        if (node / kNodesPerDataCenter == missing) continue;
        reader.AddNode(NodeAt(node), cell_.secrets(node), cell_.disk(node).Rows(RowFamily::kRows),
                       cell_.disk(node).Rows(RowFamily::kBlobs));
      }
      const auto read = reader.Read();
      ASSERT_TRUE(read.ok()) << key << read.status();
      EXPECT_TRUE(ToString(read->value.ExposeSecret()) == value.bytes);
    }
  }
}

// Four nodes read under nested, and five under flat: what the silent five hold, nobody may deny.
TEST_F(ScriptsTest, AbsenceIsNoAnswerWhileSilentNodesCouldReadUnderSomeScript) {
  const std::string key = cell_.KeyAt(0, "hidden");
  Write(key, "value", Script::Flat()->id(), Script::Flat()->id());
  for (const int node : {0, 1, 3, 4}) {
    cell_.disk(node).Tamper(RowFamily::kRows, RowKeyOf(key), nullptr);
  }
  for (const int node : {2, 5, 6, 7, 8}) cell_.StopNode(node);
  cell_.world().RunFor(absl::Seconds(2));
  const auto reply = cell_.Get(0, key, engine::ReadMode::kSurviving);
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable) << reply.status();
}

TEST_F(ScriptsTest, AScriptTheCellDoesNotKnowIsRefused) {
  SimCell::SetOptions options;
  options.script = (*Script::Compile("key: 4 of all code: mds k=4"))->id();
  const auto record = cell_.Set(0, "key", "value", options);
  cell_.world().RunFor(absl::Seconds(1));
  ASSERT_TRUE(record->failed().has_value());
  EXPECT_EQ(record->failed()->code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace worldb::testing
