// What the program needs and what it says.
//
// Goal:   with too few shares, with staged payloads, with some keys, all or none, it writes what can be
//         read, says what is missing, and exits as docs/cli.md has it.
// Method: nine stores with a few values; the program over some of them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/script.h"
#include "tests/recover/recover_fixture.h"
#include "tools/print.h"

namespace worldb::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using RecoverCommandTest = RecoverTest;

TEST_F(RecoverCommandTest, BelowTheThresholdNothingIsWrittenAndItSaysWhatIsMissing) {
  const ProgramResult result =
      Run({stores_.store_dir(0), stores_.store_dir(1), stores_.store_dir(2), stores_.store_dir(3)});
  EXPECT_EQ(result.exit_code, 6);
  ExpectFiles(0);
  for (const auto& version : result.Events("version")) {
    EXPECT_EQ(version["status"], "lost");
    EXPECT_EQ(version["have"], 3);
    EXPECT_EQ(version["need"], 4);
    EXPECT_THAT(version["so_far"], HasSubstr("3 of 4 so far; with node[4] it would be enough"));
    EXPECT_THAT(version["so_far"], HasSubstr("2 of (2 of dc[0], 2 of dc[1], 2 of dc[2])"));
  }
  // More turns up: the same directory, and what was short is tried again.
  const ProgramResult more =
      Run({stores_.store_dir(4), stores_.store_dir(0), stores_.store_dir(1), stores_.store_dir(3)});
  EXPECT_EQ(more.exit_code, 0) << more.err;
  ExpectFiles(values_.size());
}

TEST_F(RecoverCommandTest, NewerVersionThatIsShortIsReportedAndTheOlderOneWritten) {
  const auto sealed = stores_.Seal({{"a", Bytes(40, 'n'), Version(3)}});
  auto rows = stores_.Scatter(sealed[0], Version(3));
  for (const int node : {0, 1, 2}) stores_.Put(node, rows[static_cast<std::size_t>(node)]);
  const ProgramResult result = Run({disks_}, {"--key", "a"});
  EXPECT_EQ(result.exit_code, 6) << result.err;
  const auto versions = result.Events("version");
  ASSERT_EQ(versions.size(), 2u);
  ExpectFiles(1);
}

TEST_F(RecoverCommandTest, StagedPayloadsHelpAndAreWrittenOnDemand) {
  const auto sealed = stores_.Seal({{"a", Bytes(40, 'n'), Version(3)}, {"h", Bytes(9, 'h')}});
  values_["a"] = Bytes(40, 'n');
  auto rows = stores_.Scatter(sealed[0], Version(3));
  stores_.Put(0, rows[0]);
  stores_.StageTogether(1, {sealed[1], sealed[0]});
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

TEST_F(RecoverCommandTest, OnlyStagedPayloads) {
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

TEST_F(RecoverCommandTest, WithoutKeysItSaysSo) {
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
  // The text says the same: keys are what lacks, not stores.
  EXPECT_THAT(few.err,
              HasSubstr("next: name the keys of those nodes, too, with --secrets or --keys"));
  words.erase(words.begin() + 4, words.begin() + 6);
  EXPECT_THAT(RunRecover(words).out,
              HasSubstr("no key given opens the shares of virginia-3, frankfurt-2,"));
  words.insert(words.end(), {stores_.secrets_file(4), stores_.secrets_file(5)});
  const ProgramResult enough = RunRecover(words);
  EXPECT_EQ(enough.exit_code, 0);
  EXPECT_THAT(enough.out, HasSubstr("5 good shares, 0 bad, 0 missing, 4 locked: no key given for "
                                    "virginia-3, tokyo-1, tokyo-2, tokyo-3\n"));
}

TEST_F(RecoverCommandTest, WhatCannotBeWrittenIsSaidWithWhatToDo) {
  const auto expect = [](const ProgramResult& result, int code, const std::string& why,
                         const std::string& next) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(why));
    EXPECT_THAT(result.err, HasSubstr("next: " + next));
  };
  WriteFile(out(), {'x'});
  expect(Run({disks_}), 2, "is not a directory", "--out with a directory");
  fs::remove(out());
  fs::create_directory(out());
  {
    const int lock = ::open((out() + "/.worldb-recover.lock").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(::flock(lock, LOCK_EX), 0);
    expect(Run({disks_}), 6, "another run is using " + out() + "; wait for it", "wait for that");
    ::close(lock);
  }
  // A store without shares, as the logs of a data center are kept in.
  RawStores empty(directory_.path() + "/empty-stores", 7);
  empty.Put(0, engine::RowFamily::kRows, "other", {1});
  empty.Close();
  expect(RunRecover({"export", empty.store_dir(0), "--out", directory_.path() + "/exported"}), 3,
         "no store with shares", "name directories");
  EXPECT_FALSE(fs::exists(directory_.path() + "/exported"));
  // A file that is nothing of ours is named, with what would have been.
  WriteFile(directory_.path() + "/disks.rar", {'x'});
  expect(RunRecover({"inspect", directory_.path() + "/disks.rar"}), 3,
         "disks.rar: it is no share file (.wds), and no archive by its name (.tar,", "name dir");
}

TEST_F(RecoverCommandTest, KeyExportOpensWhatSecretsFilesOpen) {
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
  words.insert(words.end(), {keys, "-o", "json"});
  const ProgramResult exported = RunRecover(words);
  ASSERT_EQ(exported.exit_code, 0) << exported.err;
  EXPECT_EQ(exported.Events("key_export").at(0)["nodes"].size(), 4u);
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

TEST_F(RecoverCommandTest, InspectHasScriptsAsTheyAre) {
  stores_.Close();
  const ProgramResult result = RunRecover({"inspect", disks_, "-o", "json"});
  const auto scripts = result.Events("contents").at(0)["scripts"];
  const auto nested = cryptoscatter::Script::Nested();
  EXPECT_EQ(scripts, nlohmann::json({{nested->id().Hex(), nested->text()}}));
}

TEST_F(RecoverCommandTest, NothingThere) {
  fs::create_directory(directory_.path() + "/empty");
  EXPECT_EQ(Run({directory_.path() + "/empty"}).exit_code, 3);
  EXPECT_EQ(Run({directory_.path() + "/none"}).exit_code, 3);
  EXPECT_EQ(Run({disks_}, {"--key", "never"}).exit_code, 3);
  EXPECT_EQ(RunRecover({"run"}).exit_code, 2);
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

}  // namespace
}  // namespace worldb::testing
