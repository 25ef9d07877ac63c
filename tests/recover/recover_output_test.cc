// The directory that values go to.
//
// Goal:   what is there is never spoilt: not by a run that has less, or more, or other sources, not by a
//         kill, not by another key of the same name; and what is done is not done again.
// Method: nine stores with a few values; several runs into one directory, with changes in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tests/recover/recover_fixture.h"
#include "tools/recover/outputs/file_name.h"

namespace worldb::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using RecoverOutputTest = RecoverTest;

TEST_F(RecoverOutputTest, OtherFilesInTheOutputAreLeftAlone) {
  fs::create_directory(out());
  WriteFile(out() + "/a", {'m', 'i', 'n', 'e'});
  const ProgramResult result = Run({disks_});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("did not write it"));
  EXPECT_TRUE(ReadFile(out() + "/a") == Bytes({'m', 'i', 'n', 'e'}));
}

TEST_F(RecoverOutputTest, FilesThatWereChangedAreWrittenAnew) {
  ASSERT_EQ(Run({disks_}).exit_code, 0);
  WriteFile(out() + "/a", {'x'});
  fs::remove(out() + "/b");
  const ProgramResult result = Run({disks_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.Events("summary").at(0)["again"], values_.size() - 2);
  ExpectFiles(values_.size());
}

TEST_F(RecoverOutputTest, NameOfAnotherKeyIsNeverWrittenOverIt) {
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

TEST_F(RecoverOutputTest, ValueOfAnEarlierRunGoesWhenItsKeyWasDeleted) {
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

TEST_F(RecoverOutputTest, KilledBeforeItsJournalAndThenMoreTurnsUp) {
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

TEST_F(RecoverOutputTest, BothOfTwoValuesAreDoneAgain) {
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

TEST_F(RecoverOutputTest, OlderValueNeverReplacesANewerOneOfAnEarlierRun) {
  stores_.Reopen();
  const std::string before = directory_.path() + "/before";
  fs::copy(disks_, before, fs::copy_options::recursive);
  values_["a"] = Bytes(50, 'n');
  stores_.Store({{"a", values_["a"], Version(3)},
                 {"b", {}, Version(3), cryptoscatter::ValueKind::kTombstone}});
  ASSERT_EQ(Run({disks_}).exit_code, 0);
  values_.erase("b");
  const std::string journal = out() + "/.worldb-recover.journal";
  const Bytes whole = ReadFile(journal);
  for (const bool killed_before_its_line : {false, true}) {
    if (killed_before_its_line) {
      std::string kept;
      std::istringstream in(ToString(whole));
      for (std::string line; std::getline(in, line);) {
        const auto json = nlohmann::json::parse(line);
        if (json.contains("intent") || json["file"] != "a") kept += line + "\n";
      }
      WriteFile(journal, ToBytes(AsBytes(kept)));
    }
    const ProgramResult less = Run({before});
    EXPECT_EQ(less.exit_code, 0) << less.err;
    EXPECT_EQ(less.Events("summary").at(0)["older"], 2);
    EXPECT_THAT(less.err, HasSubstr("2 older than what is there"));
    ExpectFiles(values_.size());
    for (const auto& event : less.Events("version")) {
      if (event["key"] != "a" && event["key"] != "b") continue;
      EXPECT_EQ(event["version"], 2);
      EXPECT_EQ(event["older_than"]["version"], 3);
      EXPECT_TRUE(event["file"].is_null());
    }
  }
  // What is gone cannot be spoilt.
  fs::remove(out() + "/a");
  values_["a"] = Bytes(40, 'a');
  EXPECT_EQ(Run({before}).Events("summary").at(0)["older"], 1);
  ExpectFiles(values_.size());
}

TEST_F(RecoverOutputTest, NamesAreCheckedAgainstEachCellsOwnDirectory) {
  RawStores other(directory_.path() + "/other", 6);
  other.Store({{.key = "y", .value = Bytes(9, 'y')},
               {.key = "z", .value = Bytes(9, 'z'), .sealed_name = "y"}});
  other.Close();
  std::vector<std::string> more_secrets;
  for (int i = 0; i < kNodeCount; ++i) more_secrets.push_back(other.secrets_file(i));
  const ProgramResult result = Run({disks_, directory_.path() + "/other"}, more_secrets);
  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.err, HasSubstr("is that of another key"));
  values_["y"] = Bytes(9, 'y');
  ExpectFiles(values_.size());
}

}  // namespace
}  // namespace worldb::testing
