// Damaged, foreign and hostile sources.
//
// Goal:   whatever lies among the shares, each value comes back right or not at all, what is bad is
//         named with its place, and the exit code is 65.
// Method: nine stores with a few values, two old versions among them; one kind of damage each, then the
//         program over all nine, or over as many as the damage leaves enough of.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "engine/share_store.h"
#include "tests/recover/program.h"
#include "tests/recover/raw_stores.h"
#include "tests/support/temp_directory.h"
#include "tools/files.h"
#include "tools/print.h"
#include "tools/recover/archive.h"
#include "tools/recover/catalog.h"
#include "tools/recover/file_name.h"

namespace worldb::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

Bytes ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
void WriteFile(const fs::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

// Name, bytes and modification time of every file, to see that nothing has changed.
std::map<std::string, std::pair<Bytes, fs::file_time_type>> Snapshot(const std::string& directory) {
  std::map<std::string, std::pair<Bytes, fs::file_time_type>> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    files[entry.path()] = {entry.is_regular_file() ? ReadFile(entry.path()) : Bytes(),
                           entry.last_write_time()};
  }
  return files;
}

struct Entry {
  std::string path;
  Bytes bytes;
  mode_t type = AE_IFREG;
  std::string link{};
};
void WriteArchive(const std::string& path, const std::vector<Entry>& entries) {
  struct archive* out = archive_write_new();
  if (path.ends_with(".zip")) {
    archive_write_set_format_zip(out);
  } else {
    archive_write_set_format_pax_restricted(out);
  }
  if (path.ends_with(".gz")) archive_write_add_filter_gzip(out);
  if (path.ends_with(".zst")) archive_write_add_filter_zstd(out);
  ASSERT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
  for (const Entry& entry : entries) {
    struct archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.path.c_str());
    archive_entry_set_filetype(header, entry.type);
    archive_entry_set_perm(header, 0644);
    archive_entry_set_size(header, static_cast<la_int64_t>(entry.bytes.size()));
    if (!entry.link.empty() && entry.type == AE_IFLNK) {
      archive_entry_set_symlink(header, entry.link.c_str());
    } else if (!entry.link.empty()) {
      archive_entry_set_hardlink(header, entry.link.c_str());
    }
    ASSERT_EQ(archive_write_header(out, header), ARCHIVE_OK) << archive_error_string(out);
    archive_write_data(out, entry.bytes.data(), entry.bytes.size());
    archive_entry_free(header);
  }
  archive_write_free(out);
}
std::vector<Entry> EntriesOf(const std::string& directory, const std::string& below) {
  std::vector<Entry> entries;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    entries.push_back({absl::StrCat(below, "/", fs::relative(entry.path(), directory).string()),
                       ReadFile(entry.path())});
  }
  return entries;
}

class RecoverDamageTest : public ::testing::Test {
 protected:
  RecoverDamageTest() : disks_(directory_.path() + "/disks"), stores_(disks_, 5) {
    values_ = {{"a", Bytes(40, 'a')},     {"b", Bytes(9000, 'b')}, {"c/d", {}},
               {"e", Bytes(200000, 'e')}, {"f", Bytes(300, 'f')},  {"g", Bytes(1, 'g')}};
    std::vector<RawStores::Write> writes;
    for (const auto& [key, value] : values_) {
      writes.push_back({key, {'o', 'l', 'd'}, Version(1)});
      writes.push_back({key, value, Version(2)});
    }
    sealed_ = stores_.Seal(writes);
    for (std::size_t i = 0; i < sealed_.size(); ++i) {
      rows_.push_back(stores_.Scatter(sealed_[i], writes[i].version));
    }
    for (const auto& rows : rows_) {
      for (int node = 0; node < kNodeCount; ++node) {
        stores_.Put(node, rows[static_cast<std::size_t>(node)]);
      }
    }
  }

  // The newest version of the key that is number `key` in order.
  std::array<RawStores::Rows, kNodeCount>& Newest(std::size_t key) { return rows_[2 * key + 1]; }
  std::array<RawStores::Rows, kNodeCount>& Old(std::size_t key) { return rows_[2 * key]; }

  std::string out() const { return directory_.path() + "/out"; }
  ProgramResult Run(const std::vector<std::string>& sources,
                    const std::vector<std::string>& options = {}) {
    stores_.Close();
    std::vector<std::string> words = {"run"};
    words.insert(words.end(), sources.begin(), sources.end());
    words.insert(words.end(), {"-o", "json", "--out", out(), "--secrets"});
    for (int i = 0; i < kNodeCount; ++i) words.push_back(stores_.secrets_file(i));
    words.insert(words.end(), options.begin(), options.end());
    return RunRecover(words);
  }
  ProgramResult Verify(const std::vector<std::string>& sources) {
    stores_.Close();
    std::vector<std::string> words = {"verify"};
    words.insert(words.end(), sources.begin(), sources.end());
    words.insert(words.end(), {"-o", "json", "--secrets"});
    for (int i = 0; i < kNodeCount; ++i) words.push_back(stores_.secrets_file(i));
    return RunRecover(words);
  }
  // Every file is a whole value under its name.
  void ExpectFiles(std::size_t count) {
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(out())) {
      const std::string name = entry.path().filename();
      if (name[0] == '.') continue;
      ++files;
      const auto of_name = [&name](const auto& one) {
        return tools::FileNameOf(AsBytes(one.first)) == name;
      };
      const auto value = std::find_if(values_.begin(), values_.end(), of_name);
      ASSERT_NE(value, values_.end()) << name;
      EXPECT_TRUE(ReadFile(entry.path()) == value->second) << name;
    }
    EXPECT_EQ(files, count);
  }
  std::vector<std::string> BadShares(const ProgramResult& result) {
    std::vector<std::string> all;
    for (const auto& version : result.Events("version")) {
      for (const auto& reason : version["bad_shares"]) all.push_back(reason);
    }
    return all;
  }

  TempDirectory directory_;
  const std::string disks_;
  RawStores stores_;
  std::map<std::string, Bytes> values_;
  std::vector<cryptoscatter::SealedValue> sealed_;
  std::vector<std::array<RawStores::Rows, kNodeCount>> rows_;
};

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
  std::function<void(RecoverDamageTest&, RawStores&, std::vector<std::array<RawStores::Rows, 9>>&,
                     int)>
      spoil;
};
class RecoverRowDamageTest : public RecoverDamageTest,
                             public ::testing::WithParamInterface<Damage> {};

TEST_P(RecoverRowDamageTest, RightBytesAndTheBadOneNamed) {
  for (const int node : {1, 5}) GetParam().spoil(*this, stores_, rows_, node);
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
               [](auto&, RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[1][static_cast<std::size_t>(node)];
                 bad.row.value.back() ^= 1;
                 stores.Put(node, bad);
               }},
        Damage{"FlippedKeyShare", "key share does not unwrap",
               [](auto&, RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[3][static_cast<std::size_t>(node)];
                 bad.row.value.back() ^=
                     1;  // the fragment lies apart: the row ends in the key share
                 stores.Put(node, bad);
               }},
        Damage{"FlippedMetadata", "share",
               [](auto&, RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[1][static_cast<std::size_t>(node)];
                 bad.row.value[220] ^= 1;  // in the path
                 stores.Put(node, bad);
               }},
        Damage{"TruncatedRow", "share row",
               [](auto&, RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[1][static_cast<std::size_t>(node)];
                 bad.row.value.resize(100);
                 stores.Put(node, bad);
               }},
        Damage{"TruncatedBlob", "fragment",
               [](auto&, RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[3][static_cast<std::size_t>(node)];
                 bad.blob.resize(bad.blob.size() / 2);
                 stores.Put(node, bad);
               }},
        Damage{"SwappedKeys", "in another share's place",
               [](auto&, RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[1][static_cast<std::size_t>(node)];
                 bad.row.key = rows[9][static_cast<std::size_t>(node)].row.key;
                 stores.Put(node, bad);
               }},
        Damage{"StaleVersion", "in another share's place",
               [](auto&, RawStores& stores, auto& rows, int node) {
                 RawStores::Rows bad = rows[0][static_cast<std::size_t>(node)];
                 bad.row.key = rows[1][static_cast<std::size_t>(node)].row.key;
                 stores.Put(node, bad);
               }},
        Damage{"OtherNodesShare", "key share does not unwrap",
               [](auto&, RawStores& stores, auto& rows, int node) {
                 stores.Put(node, rows[1][static_cast<std::size_t>((node + 3) % kNodeCount)]);
               }},
        Damage{"LyingVersion", "the same value stands as version 2 elsewhere",
               [](auto&, RawStores& stores, auto& rows, int node) {
                 RawStores::Rows lie = rows[1][static_cast<std::size_t>(node)];
                 auto row = engine::ShareRow::Decode(lie.row.key, lie.row.value);
                 row->share.version = Version(7);
                 lie.row.key = engine::ShareRow::Key(row->share.core.key_tag, row->share.slot_epoch,
                                                     row->share.version);
                 lie.row.value = row->Encode();
                 stores.Put(node, lie);
               }},
        Damage{"OtherValueOfTheVersion", "of another value than the others",
               [](auto&, RawStores& stores, auto&, int node) {
                 const auto sealed = stores.Seal({{"a", Bytes(40, 'x'), Version(2)}});
                 stores.Put(node,
                            stores.Scatter(sealed[0], Version(2))[static_cast<std::size_t>(node)]);
               }}),
    [](const auto& param) { return param.param.name; });

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

TEST_F(RecoverDamageTest, BelowTheThresholdNothingIsWrittenAndItSaysWhatIsMissing) {
  const ProgramResult result =
      Run({stores_.store_dir(0), stores_.store_dir(1), stores_.store_dir(2), stores_.store_dir(3)});
  EXPECT_EQ(result.exit_code, 6);
  ExpectFiles(0);
  for (const auto& version : result.Events("version")) {
    EXPECT_EQ(version["status"], "lost");
    EXPECT_EQ(version["have"], 3);
    EXPECT_EQ(version["need"], 4);
    EXPECT_THAT(version["so_far"], HasSubstr("3 of 4 so far; with 4 it would be enough"));
    EXPECT_THAT(version["so_far"], HasSubstr("2 of (2 of dc[0], 2 of dc[1], 2 of dc[2])"));
  }
  // More turns up: the same directory, and what was short is tried again.
  const ProgramResult more =
      Run({stores_.store_dir(4), stores_.store_dir(0), stores_.store_dir(1), stores_.store_dir(3)});
  EXPECT_EQ(more.exit_code, 0) << more.err;
  ExpectFiles(values_.size());
}

TEST_F(RecoverDamageTest, NewerVersionThatIsShortIsReportedAndTheOlderOneWritten) {
  const auto sealed = stores_.Seal({{"a", Bytes(40, 'n'), Version(3)}});
  auto rows = stores_.Scatter(sealed[0], Version(3));
  for (const int node : {0, 1, 2}) stores_.Put(node, rows[static_cast<std::size_t>(node)]);
  const ProgramResult result = Run({disks_}, {"--key", "a"});
  EXPECT_EQ(result.exit_code, 6) << result.err;
  const auto versions = result.Events("version");
  ASSERT_EQ(versions.size(), 2u);
  ExpectFiles(1);
}

TEST_F(RecoverDamageTest, StagedPayloadsHelpAndAreWrittenOnDemand) {
  const auto sealed = stores_.Seal({{"a", Bytes(40, 'n'), Version(3)}, {"h", Bytes(9, 'h')}});
  values_["a"] = Bytes(40, 'n');
  auto rows = stores_.Scatter(sealed[0], Version(3));
  stores_.Put(0, rows[0]);
  stores_.Stage(1, sealed[0]);
  stores_.Stage(2, sealed[1]);
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectFiles(values_.size());

  const ProgramResult staged = Run({disks_}, {"--staged", "--key", "h"});
  EXPECT_EQ(staged.exit_code, 0) << staged.err;
  const auto versions = staged.Events("version");
  ASSERT_EQ(versions.size(), 1u);
  EXPECT_EQ(versions[0]["version"], 0);
  EXPECT_TRUE(ReadFile(absl::StrCat(out(), "/", versions[0]["file"].get<std::string>())) ==
              Bytes(9, 'h'));
}

TEST_F(RecoverDamageTest, WithoutKeysItSaysSo) {
  stores_.Close();
  const ProgramResult result = RunRecover({"run", disks_, "--out", out()});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("storage keys"));
  // Keys of three nodes, all nine stores: that is no damage.
  std::vector<std::string> words = {"run", disks_, "--out", out(), "-o", "json", "--secrets"};
  for (const int node : {0, 1, 3}) words.push_back(stores_.secrets_file(node));
  const ProgramResult few = RunRecover(words);
  EXPECT_EQ(few.exit_code, 6);
  EXPECT_EQ(few.Events("summary").at(0)["locked_stores"].size(), 6u);
  EXPECT_EQ(few.Events("version").at(0)["locked"].size(), 6u);
}

TEST_F(RecoverDamageTest, NothingThere) {
  fs::create_directory(directory_.path() + "/empty");
  EXPECT_EQ(Run({directory_.path() + "/empty"}).exit_code, 3);
  EXPECT_EQ(Run({directory_.path() + "/none"}).exit_code, 3);
  EXPECT_EQ(Run({disks_}, {"--key", "never"}).exit_code, 3);
  EXPECT_EQ(RunRecover({"run"}).exit_code, 2);
}

TEST_F(RecoverDamageTest, OtherFilesInTheOutputAreLeftAlone) {
  fs::create_directory(out());
  WriteFile(out() + "/a", {'m', 'i', 'n', 'e'});
  const ProgramResult result = Run({disks_});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("did not write it"));
  EXPECT_TRUE(ReadFile(out() + "/a") == Bytes({'m', 'i', 'n', 'e'}));
}

TEST_F(RecoverDamageTest, FilesThatWereChangedAreWrittenAnew) {
  ASSERT_EQ(Run({disks_}).exit_code, 0);
  WriteFile(out() + "/a", {'x'});
  fs::remove(out() + "/b");
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.Events("summary").at(0)["again"], values_.size() - 2);
  ExpectFiles(values_.size());
}

TEST_F(RecoverDamageTest, NameOfAnotherKeyIsNeverWrittenOverIt) {
  const auto sealed = stores_.Seal(
      {{.key = "a", .value = Bytes(40, 'n'), .version = Version(3), .sealed_name = "b"}});
  const auto rows = stores_.Scatter(sealed[0], Version(3));
  for (int node = 0; node < kNodeCount; ++node) {
    stores_.Put(node, rows[static_cast<std::size_t>(node)]);
  }
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.err, HasSubstr("is that of another key"));
  ExpectFiles(values_.size());
  // Without the cell directory nobody can tell which is right: both are kept, apart.
  fs::remove_all(out());
  const ProgramResult without = Run({disks_ + "/nodes"});
  EXPECT_EQ(without.Events("summary").at(0)["renamed"], 1);
  std::set<Bytes> values;
  for (const auto& event : without.Events("version")) {
    if (event["key"] == "b") {
      values.insert(ReadFile(absl::StrCat(out(), "/", event["file"].get<std::string>())));
    }
  }
  EXPECT_TRUE(values == std::set<Bytes>({Bytes(40, 'n'), values_.at("b")}));
}

TEST_F(RecoverDamageTest, ValueOfAnEarlierRunGoesWhenItsKeyWasDeleted) {
  ASSERT_EQ(Run({disks_}).exit_code, 0);
  stores_.Reopen();
  stores_.Store({{"a", {}, Version(3), cryptoscatter::ValueKind::kTombstone}});
  for (int round = 0; round < 2; ++round) {
    const ProgramResult result = Run({disks_});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_FALSE(fs::exists(out() + "/a"));
    EXPECT_TRUE(ReadFile(out() + "/a@1.2") == values_.at("a"));
  }
}

TEST_F(RecoverDamageTest, KilledBeforeItsJournalAndThenMoreTurnsUp) {
  ASSERT_EQ(Run({disks_}).exit_code, 0);
  const std::string journal = out() + "/.worldb-recover.journal";
  std::ifstream in(journal);
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    auto json = nlohmann::json::parse(line);
    if (json.contains("intent")) kept += line + "\n";
    if (json["file"] != "b") continue;
    json["event"] = nlohmann::json::object();  // of a wrong shape
    kept += json.dump() + "\n{\"of\":3}\n[]\n";
  }
  in.close();
  WriteFile(journal, ToBytes(AsBytes(kept)));
  WriteFile(out() + "/.worldb-recover.new-7", {'l', 'e', 'f', 't'});
  stores_.Reopen();
  values_["a"] = Bytes(50, 'n');
  stores_.Store({{"a", values_["a"], Version(3)}});
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectFiles(values_.size());
  EXPECT_FALSE(fs::exists(out() + "/.worldb-recover.new-7"));
}

TEST_F(RecoverDamageTest, BothOfTwoValuesAreDoneAgain) {
  const std::string other = directory_.path() + "/other";
  for (const char value : {'x', 'y'}) {
    const auto sealed = stores_.Seal({{"a", Bytes(40, value), Version(3)}});
    const auto rows = stores_.Scatter(sealed[0], Version(3));
    for (int node = 0; node < kNodeCount; ++node) {
      stores_.Put(node, rows[static_cast<std::size_t>(node)]);
    }
    stores_.Reopen();
    if (value == 'x') fs::copy(disks_, other, fs::copy_options::recursive);
  }
  const auto conflicts = [](const ProgramResult& result) {
    std::vector<bool> again;
    for (const auto& event : result.Events("version")) {
      if (event["conflict"] == true) again.push_back(event["again"]);
    }
    return again;
  };
  EXPECT_EQ(conflicts(Run({disks_, other})), std::vector<bool>({false, false}));
  EXPECT_EQ(conflicts(Run({other, disks_})), std::vector<bool>({true, true}));
  // One line lost, as by a kill while they were appended.
  const std::string journal = out() + "/.worldb-recover.journal";
  std::ifstream in(journal);
  std::string kept;
  bool dropped = false;
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    const bool drop = !dropped && !json.contains("intent") && json["values"] == 2;
    dropped |= drop;
    if (!drop) kept += line + "\n";
  }
  in.close();
  ASSERT_TRUE(dropped);
  WriteFile(journal, ToBytes(AsBytes(kept)));
  EXPECT_EQ(conflicts(Run({disks_, other})), std::vector<bool>({false, false}));
}

TEST_F(RecoverDamageTest, OnlyStagedPayloads) {
  RawStores staged(directory_.path() + "/staged", 6);
  staged.Stage(2, staged.Seal({{"h", Bytes(9, 'h')}})[0]);
  staged.Close();
  std::vector<std::string> words = {
      "run", directory_.path() + "/staged", "-o", "json", "--out", out(), "--secrets"};
  for (int i = 0; i < kNodeCount; ++i) words.push_back(staged.secrets_file(i));
  const ProgramResult result = RunRecover(words);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("--staged"));
  words.push_back("--staged");
  EXPECT_EQ(RunRecover(words).Events("summary").at(0)["again"], 0);
  EXPECT_EQ(RunRecover(words).Events("summary").at(0)["again"], 1);
}

TEST_F(RecoverDamageTest, ArchivesShareOneLimitAndDoNotNestForEver) {
  const std::string heap = directory_.path() + "/heap";
  fs::create_directories(heap);
  for (const char* name : {"/1.tar.gz", "/2.tar.gz"}) {
    WriteArchive(heap + name, {{"zeros", Bytes(700 << 10)}});
  }
  tools::UnpackLimits limits;
  limits.bytes_max = 1 << 20;
  EXPECT_EQ(tools::Catalog::Read({heap}, limits, {})->bad().size(), 1u);
  std::string inner = directory_.path() + "/0.tar";
  WriteArchive(inner, {{"f", {1}}});
  for (int i = 1; i < 4; ++i) {
    const std::string outer = absl::StrCat(directory_.path(), "/", i, ".tar");
    WriteArchive(outer, {{"inner.tar", ReadFile(inner)}});
    inner = outer;
  }
  const ProgramResult nested = RunRecover({"inspect", inner});
  EXPECT_EQ(nested.exit_code, 65);
  EXPECT_THAT(nested.err, HasSubstr("in 3 archives already"));
  // What is called a cell directory, and is none; values of an earlier run are no sources.
  fs::create_directories(directory_.path() + "/more/values");
  WriteFile(directory_.path() + "/more/cell", {1, 2, 3});
  WriteFile(directory_.path() + "/more/values/.worldb-recover.journal", {});
  WriteFile(directory_.path() + "/more/values/key.tar", {1});
  const ProgramResult more = RunRecover({"inspect", directory_.path() + "/more"});
  EXPECT_EQ(more.exit_code, 65);
  EXPECT_THAT(more.err, HasSubstr("bad source " + directory_.path() + "/more/cell"));
  EXPECT_THAT(more.err, Not(HasSubstr("key.tar")));
}

TEST(PrintableTest, NoControlOfAnyKindGetsThrough) {
  for (const char* harmless : {"plain", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    EXPECT_EQ(tools::Printable(harmless), harmless);
  }
  EXPECT_EQ(tools::Printable("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(tools::Printable("\x9b"
                             "2J"),
            "\\x9b2J");
  EXPECT_EQ(tools::Printable("\xc2\x9b"
                             "2J"),
            "\\xc2\\x9b2J");
  EXPECT_EQ(tools::Printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b");
  EXPECT_EQ(tools::Printable(tools::Printable("\x07")), "\\x07");
}

TEST_F(RecoverDamageTest, ArchivesAndShareFilesMixed) {
  stores_.Close();
  const std::string heap = directory_.path() + "/heap";
  fs::create_directories(heap + "/deep/er");
  WriteArchive(heap + "/one.tar.gz", EntriesOf(stores_.store_dir(0), "nodes/x/store"));
  WriteArchive(heap + "/deep/two.zip", EntriesOf(stores_.store_dir(1), "./store"));
  WriteArchive(heap + "/deep/er/three.tar.zst", EntriesOf(stores_.store_dir(3), "s"));
  // With the cell file a share file names its node, without it every key is tried.
  ASSERT_EQ(RunRecover({"export", stores_.store_dir(4), "--cell", stores_.cell_file(), "--out",
                        heap + "/files"})
                .exit_code,
            0);
  ASSERT_EQ(RunRecover({"export", stores_.store_dir(7), "--out", heap + "/more"}).exit_code, 0);
  const ProgramResult result = Run({heap});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectFiles(values_.size());
  EXPECT_EQ(result.Events("version").at(0)["good"], nlohmann::json({0, 1, 3, 4, 7}));

  // A share file with any byte changed is named, and the rest still does.
  const std::string victim = fs::directory_iterator(heap + "/files")->path();
  Bytes bytes = ReadFile(victim);
  bytes[bytes.size() / 2] ^= 4;
  WriteFile(victim, bytes);
  const ProgramResult damaged = Run({heap});
  EXPECT_EQ(damaged.exit_code, 65);
  EXPECT_THAT(damaged.err, HasSubstr(fs::path(victim).filename().string()));
}

TEST_F(RecoverDamageTest, KeyExportOpensWhatSecretsFilesOpen) {
  stores_.Close();
  const std::string key = directory_.path() + "/key.wrk";
  const ProgramResult made = RunRecover({"keygen", "--out", key});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(fs::status(key).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_NE(RunRecover({"keygen", "--out", key}).exit_code, 0);  // never replaced
  std::string to = made.out;
  to.pop_back();
  std::vector<std::string> words = {"export-keys"};
  for (const int node : {4, 0, 1, 3}) words.push_back(stores_.secrets_file(node));
  words.insert(words.end(), {"--cell", stores_.cell_file(), "--to", to, "--out"});
  const std::string keys = directory_.path() + "/keys.wdk";
  words.push_back(keys);
  ASSERT_EQ(RunRecover(words).exit_code, 0);
  const ProgramResult result =
      RunRecover({"run", disks_, "--keys", keys, "--recovery-key", key, "--out", out()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectFiles(values_.size());
  EXPECT_EQ(RunRecover({"run", disks_, "--keys", keys, "--out", out()}).exit_code, 2);
  ASSERT_EQ(RunRecover({"keygen", "--out", key + "2"}).exit_code, 0);
  const ProgramResult other =
      RunRecover({"run", disks_, "--keys", keys, "--recovery-key", key + "2", "--out", out()});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("was made for the recovery key"));
}

TEST_F(RecoverDamageTest, HostileArchivesAreRefused) {
  const std::vector<std::pair<std::string, std::vector<Entry>>> hostile = {
      {"leads out", {{"a/../../escaped", {1}}}},
      {"absolute path", {{directory_.path() + "/escaped", {1}}}},
      {"is a link", {{"l", {}, AE_IFLNK, "/etc/passwd"}}},
      {"is a link", {{"f", {1}}, {"h", {}, AE_IFREG, "f"}}},
      {"neither a plain file", {{"fifo", {}, AE_IFIFO}}},
      {"cannot be unpacked", {{"twice", {1}}, {"twice", {2}}}},
  };
  for (const auto& [reason, entries] : hostile) {
    const std::string path = directory_.path() + "/hostile.tar";
    WriteArchive(path, entries);
    const ProgramResult result = RunRecover({"inspect", path});
    EXPECT_EQ(result.exit_code, 65);
    EXPECT_THAT(result.err, HasSubstr(reason));
    EXPECT_FALSE(fs::exists(directory_.path() + "/escaped"));
  }
  // Far more than it seems.
  WriteArchive(directory_.path() + "/bomb.tar.gz", {{"zeros", Bytes(4 << 20)}});
  tools::UnpackLimits limits;
  limits.bytes_max = 1 << 20;
  fs::create_directory(directory_.path() + "/unpacked");
  const absl::Status status = tools::UnpackArchive(directory_.path() + "/bomb.tar.gz",
                                                   directory_.path() + "/unpacked", limits);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  // Cut off in the middle.
  Bytes bytes = ReadFile(directory_.path() + "/bomb.tar.gz");
  bytes.resize(bytes.size() / 2);
  WriteFile(directory_.path() + "/cut.tar.gz", bytes);
  EXPECT_EQ(RunRecover({"inspect", directory_.path() + "/cut.tar.gz"}).exit_code, 65);
}

TEST(FileNameTest, SafeAndDifferent) {
  std::set<std::string> names;
  for (const std::string& key :
       {std::string(), std::string("plain-Name_1.txt"), std::string(".hidden"), std::string(".."),
        std::string("a/b\\c:d"), std::string("\0\xff%", 3), std::string("%41"),
        std::string("a@1.2")}) {
    const std::string name = tools::FileNameOf(AsBytes(key));
    EXPECT_EQ(name.find_first_of("/\\:@"), std::string::npos) << name;
    EXPECT_NE(name[0], '.');
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  const std::string one(1024, '/');
  const std::string other = one.substr(1) + "x";
  EXPECT_LE(tools::FileNameOf(AsBytes(one)).size(), tools::kFileNameBytesMax);
  EXPECT_NE(tools::FileNameOf(AsBytes(one)), tools::FileNameOf(AsBytes(other)));
}

}  // namespace
}  // namespace worldb::testing
