// Damaged and hostile stores.
//
// Goal:   whatever lies among the shares, each value comes back right or not at all, what is bad is
//         named with its place, and the exit code is 65.
// Method: nine stores with a few values; one kind of damage each, then the program over all nine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/script.h"
#include "engine/rows/share_rows.h"
#include "tests/recover/recover_fixture.h"

namespace worldb::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using RecoverDamageTest = RecoverTest;

std::vector<std::string> BadShares(const ProgramResult& result) {
  std::vector<std::string> all;
  for (const auto& version : result.Events("version")) {
    for (const auto& reason : version["bad_shares"]) all.push_back(reason);
  }
  return all;
}

TEST_F(RecoverDamageTest, WholeStoresGiveAllAndStayAsTheyWere) {
  stores_.Close();
  const auto before = Snapshot(disks_);
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectFiles(values_.size());
  for (const auto& version : result.Events("version")) {
    EXPECT_EQ(version["status"], "recovered");
    EXPECT_EQ(version["version"], 2);
  }
  EXPECT_EQ(Verify({disks_}).exit_code, 0);
  EXPECT_EQ(RunRecover({"inspect", disks_}).exit_code, 0);
  EXPECT_TRUE(before == Snapshot(disks_));

  const ProgramResult all = Run({disks_}, {"--all-versions"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_TRUE(ReadFile(out() + "/a@1.1") == Bytes({'o', 'l', 'd'}));
  EXPECT_TRUE(ReadFile(out() + "/a@1.2") == values_.at("a"));
}

TEST_F(RecoverDamageTest, AScriptThatAStoreLostComesFromAnyOther) {
  const auto script = *cryptoscatter::Script::Compile(
      "key: 2 of (1 of dc[0], 1 of dc[1], 1 of dc[2])\ncode: copy\n");
  const Bytes value(300, 's');
  stores_.Store({{"scripted", value, Version(2), cryptoscatter::ValueKind::kValue, script.get()}});
  values_["scripted"] = value;
  stores_.Put(8, engine::RowFamily::kRows, engine::ScriptRow::Key(script->id()),
              engine::ScriptRow::Encode(*script));
  stores_.Close();
  // The store that has it last, and first.
  for (const bool first : {true, false}) {
    std::vector<std::string> sources;
    for (int node = 0; node < kNodeCount; ++node) {
      sources.push_back(stores_.store_dir(first ? node : kNodeCount - 1 - node));
    }
    const ProgramResult result = Run(sources);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    ExpectFiles(values_.size());
    for (const auto& version : result.Events("version")) EXPECT_EQ(version["status"], "recovered");
    fs::remove_all(out());
  }
}

TEST_F(RecoverDamageTest, StoreOfANodeThatDiedIsRead) {
  // What was committed last is in the log alone: a copy made while the node runs is what a crash leaves.
  const std::string copy = directory_.path() + "/copy";
  fs::copy(disks_, copy, fs::copy_options::recursive);
  const auto before = Snapshot(copy);
  const ProgramResult result = Run({copy});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectFiles(values_.size());
  EXPECT_TRUE(before == Snapshot(copy));
}

TEST_F(RecoverDamageTest, StoreWithSeveralLogsIsRead) {
  // Rows are written out to tables long before the few blobs are, whose logs stay: a list of them is kept.
  for (int i = 0; i < 40; ++i) {
    stores_.Put(4, engine::RowFamily::kRows, absl::StrCat("z/", i), Bytes(1 << 20, 'z'));
  }
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectFiles(values_.size());
}

// Each spoils the newest version of key 0, or more, on nodes 1 and 5.
struct Damage {
  std::string name;
  std::string reason;  // that a bad share is named with
  std::function<void(RawStores&, std::vector<std::array<RawStores::Rows, 9>>&, int)> spoil;
};
class RecoverRowDamageTest : public RecoverDamageTest,
                             public ::testing::WithParamInterface<Damage> {};

TEST_P(RecoverRowDamageTest, RightBytesAndTheBadOneNamed) {
  for (const int node : {1, 5}) GetParam().spoil(stores_, rows_, node);
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 65) << result.err;
  ExpectFiles(values_.size());
  const std::string blamed = absl::StrCat(::testing::PrintToString(BadShares(result)),
                                          ::testing::PrintToString(result.Events("bad_source")));
  EXPECT_THAT(blamed, HasSubstr(GetParam().reason));
  for (int node = 0; node < kNodeCount; ++node) {
    const auto named = HasSubstr(stores_.store_dir(node));
    if (node == 1 || node == 5) {
      EXPECT_THAT(blamed, named);
    } else {
      EXPECT_THAT(blamed, Not(named));
    }
  }
  const ProgramResult verified = Verify({disks_});
  EXPECT_EQ(verified.exit_code, 65);
  for (int node = 0; node < kNodeCount; ++node) {
    const auto named = HasSubstr(stores_.store_dir(node));
    if (node == 1 || node == 5) {
      EXPECT_THAT(verified.out, named);
    } else {
      EXPECT_THAT(verified.out, Not(named));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, RecoverRowDamageTest,
    ::testing::Values(
        Damage{"FlippedFragment", "what the writer signed",  // its root is part of the leaf
               [](RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[1][static_cast<std::size_t>(node)];
                 bad.row.value.back() ^= 1;
                 stores.Put(node, bad);
               }},
        Damage{"FlippedKeyShare", "key share does not unwrap",
               [](RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[3][static_cast<std::size_t>(node)];
                 bad.row.value.back() ^=
                     1;  // the fragment lies apart: the row ends in the key share
                 stores.Put(node, bad);
               }},
        Damage{"FlippedMetadata", "share",
               [](RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[1][static_cast<std::size_t>(node)];
                 bad.row.value[220] ^= 1;  // in the path
                 stores.Put(node, bad);
               }},
        Damage{"TruncatedRow", "share row",
               [](RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[1][static_cast<std::size_t>(node)];
                 bad.row.value.resize(100);
                 stores.Put(node, bad);
               }},
        Damage{"TruncatedBlob", "fragment",
               [](RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[3][static_cast<std::size_t>(node)];
                 bad.blob.resize(bad.blob.size() / 2);
                 stores.Put(node, bad);
               }},
        Damage{"SwappedKeys", "in another share's place",
               [](RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[1][static_cast<std::size_t>(node)];
                 bad.row.key = rows[9][static_cast<std::size_t>(node)].row.key;
                 stores.Put(node, bad);
               }},
        Damage{"StaleVersion", "in another share's place",
               [](RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[0][static_cast<std::size_t>(node)];
                 bad.row.key = rows[1][static_cast<std::size_t>(node)].row.key;
                 stores.Put(node, bad);
               }},
        Damage{"OtherNodesShare", "key share does not unwrap",
               [](RawStores& stores, auto& rows, int node) {
                 stores.Put(node, rows[1][static_cast<std::size_t>((node + 3) % kNodeCount)]);
               }},
        Damage{"LyingVersion", "the same value stands as version 2 elsewhere",
               [](RawStores& stores, auto& rows, int node) {
                 RawStores::Rows lie = rows[1][static_cast<std::size_t>(node)];
                 auto row = engine::ShareRow::Decode(lie.row.key, lie.row.value);
                 row->share.version = Version(7);
                 lie.row.key = engine::ShareRow::Key(row->share.core.key_tag, row->share.slot_epoch,
                                                     row->share.version);
                 lie.row.value = row->Encode();
                 stores.Put(node, lie);
               }},
        Damage{"OtherValueOfTheVersion", "of another value than the others",
               [](RawStores& stores, auto&, int node) {
                 const auto sealed = stores.Seal({{"a", Bytes(40, 'x'), Version(2)}});
                 stores.Put(node,
                            stores.Scatter(sealed[0], Version(2))[static_cast<std::size_t>(node)]);
               }}),
    [](const auto& param) { return param.param.name; });

TEST_F(RecoverDamageTest, BadSharesAreNamedWithKeyAndNode) {
  values_["big"] = Bytes(200'000, 'B');
  const auto sealed = stores_.Seal({{"big", values_["big"]}});
  auto rows = stores_.Scatter(sealed[0], Version(1));
  rows[0].blob.clear();
  for (int node = 0; node < kNodeCount; ++node) {
    stores_.Put(node, rows[static_cast<std::size_t>(node)]);
  }
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 65);
  ExpectFiles(values_.size());
  const std::string bad = absl::StrCat("share 0 of version 1 on node virginia-1 (",
                                       stores_.store_dir(0), "): its fragment is gone\n");
  EXPECT_THAT(result.err, HasSubstr("bad share of big: " + bad));
  const std::string tag = stores_.cell().KeyTagOf(AsBytes(std::string("big"))).Hex();
  EXPECT_THAT(RunRecover({"verify", disks_}).out, StartsWith("bad  (key tag " + tag + ")  " + bad));
  // Without the cell directory, the node's index.
  EXPECT_THAT(RunRecover({"verify", disks_ + "/nodes"}).out, HasSubstr("on node 0 ("));
}

// Nobody can tell of which key a value is that does not open, without the cell directory.
TEST_F(RecoverDamageTest, OneKeyThatMayBeAmongWhatDoesNotOpenIsNotCalledMissing) {
  const std::vector<std::string> two = {stores_.store_dir(0), stores_.store_dir(1)};
  const ProgramResult unknown = Run(two, {"--key", "a"});
  EXPECT_EQ(unknown.exit_code, 6) << unknown.err;
  EXPECT_THAT(unknown.err, HasSubstr("of 12 versions that cannot be read here"));
  const ProgramResult known = Run({two[0], two[1], stores_.cell_file()}, {"--key", "a"});
  EXPECT_EQ(known.exit_code, 6) << known.err;
  EXPECT_EQ(known.Events("version").size(), 2u);
  EXPECT_EQ(Run({disks_ + "/nodes"}, {"--key", "none"}).exit_code, 3);
  EXPECT_EQ(Run({two[0], two[1], stores_.cell_file()}, {"--key", "none"}).exit_code, 3);
}

TEST_F(RecoverDamageTest, DamagedSharesOfAnUnknownKeyAreDamage) {
  for (const int node : {0, 1}) {
    RawStores::Rows bad = Newest(0)[static_cast<std::size_t>(node)];
    bad.row.value.back() ^= 1;
    stores_.Put(node, bad);
  }
  EXPECT_EQ(Run({stores_.store_dir(0), stores_.store_dir(1)}, {"--key", "a"}).exit_code, 65);
}

TEST_F(RecoverDamageTest, FlippedBytesInDatabaseFiles) {
  stores_.Close();
  std::mt19937_64 random(3);
  for (const int node : {0, 4}) {
    for (const auto& entry : fs::directory_iterator(stores_.store_dir(node))) {
      Bytes bytes = ReadFile(entry.path());
      if (bytes.size() < 64) continue;
      for (int i = 0; i < 12; ++i) bytes[random() % bytes.size()] ^= 0x10;
      WriteFile(entry.path(), bytes);
    }
  }
  const ProgramResult result = Run({disks_});
  EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 65) << result.err;
  ExpectFiles(values_.size());
}

TEST_F(RecoverDamageTest, DamagedLogIsNamedAndTheRestIsUsed) {
  constexpr int kNode = 4;
  // What is stored by now goes to a table, what comes after it to the log alone: a copy made while the
  // node runs is what it leaves when it dies.
  stores_.Reopen();
  std::vector<RawStores::Write> writes;
  for (int i = 0; i < 200; ++i) {
    const std::string key = absl::StrCat("more/", i);
    values_[key] = Bytes(300, static_cast<std::uint8_t>(i));
    writes.push_back({key, values_[key]});
    if (writes.size() == 20) stores_.Store(std::exchange(writes, {}));
  }
  const std::string copy = directory_.path() + "/copy";
  fs::copy(disks_, copy, fs::copy_options::recursive);
  const std::string store = copy + stores_.store_dir(kNode).substr(disks_.size());
  fs::path log;
  for (const auto& entry : fs::directory_iterator(store)) {
    if (entry.path().extension() == ".log") log = std::max(log, entry.path());
  }
  const Bytes whole = ReadFile(log);
  ASSERT_GT(whole.size(), 80'000u);
  std::mt19937_64 random(1);
  Bytes garbage(5 << 20);
  for (std::uint8_t& byte : garbage) byte = static_cast<std::uint8_t>(random());

  struct LogDamage {
    std::string said;
    std::function<void()> spoil;
    std::uint64_t in_log = 0;  // at least so many of the log's 200 shares are read
  };
  constexpr std::uint64_t kInTable = 12;
  const std::vector<LogDamage> kinds = {
      {"are not used", [&] { WriteFile(log, garbage); }},
      // RocksDB takes the first record for one of an older use of the file: such logs it reads for ever, or
      // not at all.
      {"records of no known form",
       [&] {
         Bytes bytes = whole;
         bytes[6] += 4;
         WriteFile(log, bytes);
       },
       100},
      {"are not used",
       [&] {
         Bytes bytes = whole;
         bytes[bytes.size() / 2] ^= 1;
         WriteFile(log, bytes);
       },
       100},
      {"are not used",
       [&] {
         Bytes bytes = whole;
         std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2), 20'000, 0);
         WriteFile(log, bytes);
       },
       100},
      {"are not used",
       [&] {
         Bytes bytes = whole;
         std::fill(bytes.end() - 30'000, bytes.end(), std::uint8_t{0});
         WriteFile(log, bytes);
       },
       100},
      {"cannot be read (it is a directory)", [&] { fs::create_directory(log); }},
      {"cannot be read (IO error: No such file", [&] { fs::create_symlink("nowhere", log); }},
      {"no file CURRENT",
       [&] {
         WriteFile(log, whole);
         fs::rename(store + "/CURRENT", store + "/NOT-CURRENT");
       }},
  };
  for (const LogDamage& kind : kinds) {
    SCOPED_TRACE(kind.said);
    fs::remove_all(log);
    kind.spoil();
    const bool dangling = fs::is_symlink(log);
    const auto before = dangling ? decltype(Snapshot("")){} : Snapshot(store);
    const ProgramResult verified = Verify({store});
    EXPECT_EQ(verified.exit_code, 65) << verified.err;
    ASSERT_EQ(verified.Events("bad_source").size(), 1u) << verified.err;
    EXPECT_EQ(verified.Events("bad_source")[0]["where"], store);
    EXPECT_THAT(std::string(verified.Events("bad_source")[0]["why"]), HasSubstr(kind.said));
    const std::uint64_t shares = verified.Events("verified")[0]["shares"];
    if (fs::exists(store + "/CURRENT")) EXPECT_GE(shares, kInTable + kind.in_log);
    EXPECT_LT(shares, kInTable + 200);
    EXPECT_TRUE(dangling || before == Snapshot(store));
  }
  const ProgramResult result = Run({copy});
  EXPECT_EQ(result.exit_code, 65) << result.err;
  ExpectFiles(values_.size());
  // A record that was being written when the node died is no damage.
  fs::rename(store + "/NOT-CURRENT", store + "/CURRENT");
  fs::resize_file(log, whole.size() - 1000);
  const ProgramResult torn = Verify({store});
  EXPECT_EQ(torn.exit_code, 0) << torn.err;
  EXPECT_THAT(torn.err, HasSubstr("bytes of a torn record, as after a crash"));
  EXPECT_EQ(torn.Events("verified")[0]["shares"], kInTable + 180);
}

TEST_F(RecoverDamageTest, DamagedLogAmongSeveralLeavesTheOthers) {
  for (int i = 0; i < 40; ++i) {
    stores_.Put(4, engine::RowFamily::kRows, absl::StrCat("z/", i), Bytes(1 << 20, 'z'));
  }
  stores_.Store({{"late", Bytes(30, 'l')}});
  values_["late"] = Bytes(30, 'l');
  stores_.Close();
  std::vector<fs::path> logs;
  for (const auto& entry : fs::directory_iterator(stores_.store_dir(4))) {
    if (entry.path().extension() == ".log") logs.push_back(entry.path());
  }
  std::sort(logs.begin(), logs.end());
  ASSERT_GT(logs.size(), 2u);
  Bytes bytes = ReadFile(logs[1]);
  bytes[bytes.size() / 2] ^= 1;
  WriteFile(logs[1], bytes);
  bytes = ReadFile(logs[0]);
  bytes[6] += 4;
  WriteFile(logs[0], bytes);
  fs::create_directory(stores_.store_dir(4) + "/099999.log");
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 65) << result.err;
  EXPECT_EQ(result.Events("bad_source").size(), 3u) << result.err;
  ExpectFiles(values_.size());
  for (const auto& version : result.Events("version")) {
    if (version["key"] == "late") EXPECT_EQ(version["status"], "recovered");
  }
}

TEST_F(RecoverDamageTest, DamagedStretchOfATableIsSteppedOver) {
  std::vector<RawStores::Write> writes;
  for (int i = 0; i < 300; ++i) {
    values_[absl::StrCat("more/", i)] = Bytes(200, static_cast<std::uint8_t>(i));
    writes.push_back({absl::StrCat("more/", i), values_[absl::StrCat("more/", i)]});
    if (writes.size() == 100) stores_.Store(std::exchange(writes, {}));
  }
  stores_.Reopen();
  stores_.Close();
  fs::path largest;
  for (const auto& entry : fs::directory_iterator(stores_.store_dir(4))) {
    const bool larger = largest.empty() || entry.file_size() > fs::file_size(largest);
    if (entry.path().extension() == ".sst" && larger) largest = entry.path();
  }
  ASSERT_FALSE(largest.empty());
  Bytes bytes = ReadFile(largest);
  bytes[bytes.size() / 2] ^= 1;
  WriteFile(largest, bytes);

  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.err, HasSubstr("rows are damaged"));
  EXPECT_THAT(result.err, HasSubstr(stores_.store_dir(4)));
  ExpectFiles(values_.size());
  std::size_t without = 0;
  for (const auto& version : result.Events("version")) {
    without += version["missing"] == nlohmann::json({4}) ? 1 : 0;
  }
  EXPECT_GT(without, 0u);
  EXPECT_LT(without, 60u);
}

}  // namespace
}  // namespace worldb::testing
