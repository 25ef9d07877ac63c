// Goal: what a program says its command line is, is what it is given; every other one is refused in one form.
// Method: small programs, parsed as main() does; hard words for the bytes of arguments, captured output for the rest.
#include "tools/command_line.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace worldb::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

int ParseAndRun(CommandLine& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return program.ParseAndRun(static_cast<int>(argv.size()), argv.data());
}

// A command with all the ways to give text: a word, words without end, an option, one that may be left out, one given
// often.
struct Given {
  int code = 0;
  std::string word;
  std::vector<std::string> words;
  std::string option;
  std::optional<std::string> maybe;
  std::string taken;
  std::vector<std::string> options;
};

Given Parse(std::vector<std::string> arguments) {
  Given given;
  CommandLine program("program", "A program.", "1");
  const Command command = program.AddSubcommand("do", "");
  command.AddPositional("word", &given.word, "");
  command.AddPositional("words", &given.words, "");
  command.AddOption("-n,--option", &given.option, "");
  command.AddOption("--maybe", &given.maybe, "");
  command.AddOption(
      "--taken", [&given](const std::string& value) { given.taken = value; }, "");
  command.AddOption("-m,--options", &given.options, "");
  arguments.insert(arguments.begin(), "do");
  given.code = ParseAndRun(program, arguments);
  return given;
}

const std::vector<std::string>& HardWords() {
  static const std::vector<std::string> words = {"[a]",
                                                 "[a,b]",
                                                 "[]",
                                                 "[",
                                                 "]",
                                                 "a,b",
                                                 "[a",
                                                 "a]",
                                                 "[[a]]",
                                                 "./[a]",
                                                 "\x01",
                                                 "\x01[a]",
                                                 "\x01\x01",
                                                 "a\nb",
                                                 "\xff\xfe",
                                                 " ",
                                                 "{a}",
                                                 "{}",
                                                 "\"a\"",
                                                 std::string(255, 'x'),
                                                 "[" + std::string(256, 'y') + "]"};
  return words;
}

TEST(CommandLine, AWordIsTheBytesItIs) {
  for (const std::string& hard : HardWords()) {
    const Given given = Parse({hard, hard, hard, "--option", hard, "--maybe", hard, "--taken", hard,
                               "--options", hard, "--options", hard});
    ASSERT_EQ(given.code, kExitDone) << hard;
    EXPECT_EQ(given.word, hard);
    EXPECT_THAT(given.words, ElementsAre(hard, hard));
    EXPECT_EQ(given.option, hard);
    EXPECT_EQ(given.maybe, hard);
    EXPECT_EQ(given.taken, hard);
    EXPECT_THAT(given.options, ElementsAre(hard, hard));
  }
}

TEST(CommandLine, AValueJoinedToItsOptionIsTheBytesItIs) {
  for (const std::string& hard : HardWords()) {
    const Given given = Parse({"--option=" + hard, "--maybe=" + hard, "--taken=" + hard,
                               "--options=" + hard, "-m" + hard});
    ASSERT_EQ(given.code, kExitDone) << hard;
    EXPECT_EQ(given.option, hard);
    EXPECT_EQ(given.maybe, hard);
    EXPECT_EQ(given.taken, hard);
    EXPECT_THAT(given.options, ElementsAre(hard, hard));
  }
}

TEST(CommandLine, BehindTwoDashesNothingIsAnOption) {
  const std::vector<std::string> words = {"--option=[a]", "-m[a]", "[a,b]", "--"};
  std::vector<std::string> arguments = {"--", "word"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  const Given given = Parse(arguments);
  EXPECT_EQ(given.code, kExitDone);
  EXPECT_THAT(given.words, ElementsAreArray(words));
}

TEST(CommandLine, AnEmptyValueIsNotNone) {
  EXPECT_EQ(Parse({"word"}).maybe, std::nullopt);
  EXPECT_EQ(Parse({"word", "--maybe", ""}).maybe, "");
}

// What numbers and flags become, and what their bounds keep out.
struct Measured {
  std::string error;  // as printed
  int port = -1;
  std::int64_t keys = -1;
  std::uint64_t limit = 0;
  double factor = 1.5;
  bool once = false;
  std::string form = "text";
};

Measured Measure(std::vector<std::string> arguments, int code = kExitDone) {
  Measured measured;
  CommandLine program("program", "A program.", "1");
  const Command command = program.AddSubcommand("do", "");
  command.AddOption("--port", &measured.port, "").WholeNumber(0, 65535);
  command.AddOption("--keys", &measured.keys, "");
  const Option limit = command.AddOption("--limit", &measured.limit, "").WholeNumber(1);
  command.AddOption("--factor", &measured.factor, "");
  command.AddFlag("--once", &measured.once, "").Excludes(limit);
  command.AddOption("-o,--output", &measured.form, "").OneOf({"text", "json", "svg"});
  arguments.insert(arguments.begin(), "do");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(ParseAndRun(program, arguments), code);
  measured.error = ::testing::internal::GetCapturedStderr();
  return measured;
}

TEST(CommandLine, EachDestinationGetsItsOwnKindOfValue) {
  const Measured measured = Measure(
      {"--port", "0", "--keys", "-5", "--limit=18446744073709551615", "--factor", "0.25", "-osvg"});
  EXPECT_EQ(measured.port, 0);
  EXPECT_EQ(measured.keys, -5);
  EXPECT_EQ(measured.limit, ~std::uint64_t{0});
  EXPECT_EQ(measured.factor, 0.25);
  EXPECT_EQ(measured.form, "svg");
  EXPECT_TRUE(Measure({"--once"}).once);
}

TEST(CommandLine, WhatIsNotGivenIsLeftAsItIs) {
  const Measured measured = Measure({});
  EXPECT_EQ(measured.port, -1);
  EXPECT_EQ(measured.factor, 1.5);
  EXPECT_FALSE(measured.once);
  EXPECT_EQ(measured.form, "text");
}

TEST(CommandLine, AnErrorSaysWhatWasExpectedAndWhatWasFound) {
  const auto error = [](const std::vector<std::string>& arguments) {
    return Measure(arguments, kExitUsage).error;
  };
  EXPECT_THAT(error({"--limit", "0"}),
              HasSubstr("--limit: expected a whole number from 1, found 0\n"));
  EXPECT_THAT(error({"--limit", "-1"}), HasSubstr("expected a whole number from 1, found -1\n"));
  EXPECT_THAT(error({"--port", "65536"}),
              HasSubstr("--port: expected a whole number from 0 to 65535, found 65536\n"));
  EXPECT_THAT(error({"--port", "[1]"}), HasSubstr(", found [1]\n"));
  EXPECT_THAT(error({"-o", "yaml"}), HasSubstr("expected text, json or svg, found yaml\n"));
  EXPECT_THAT(error({"-o", ""}), HasSubstr("expected text, json or svg, found nothing\n"));
  EXPECT_THAT(error({"--factor", "[x"}), HasSubstr("--factor = [x\n"));
  EXPECT_THAT(error({"--once", "--limit", "1"}), HasSubstr("excludes"));
  EXPECT_THAT(error({"--missing", "[a]"}), HasSubstr("--missing"));
}

// Two commands, one of which has two more; the exit code tells which ran.
class NestedTest : public ::testing::Test {
 protected:
  NestedTest() {
    const Command get =
        program_.AddSubcommand("get", "Examples:\n  program get a\n\nGets one\nkey. And more.");
    get.AddPositional("KEY", &key_, "the key").Required();
    get.AddOption("--wait", &wait_, "how long").ValueName("TIME").ShowDefault().Env("PROGRAM_WAIT");
    get.OnRun([] { return kExitNotFound; });
    const Command judge = program_.AddSubcommand("judge", "Examples:\n  none\n\nJudges: so.");
    const Command one = judge.AddSubcommand("one", "One of them.");
    const Command cell = one.AddMutuallyExclusiveGroup("cell");
    cell.AddOption("--cell", &cell_, "its id");
    cell.AddOption("--cell-file", &cell_, "its file");
    one.AddOption("--files", &files_, "some").ValueCount(1, 2);
    one.OnRun([] { return kExitConflict; });
  }

  // Exit code, then what was printed.
  int Run(const std::vector<std::string>& arguments) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = ParseAndRun(program_, arguments);
    out_ = ::testing::internal::GetCapturedStdout();
    error_ = ::testing::internal::GetCapturedStderr();
    return code;
  }

  std::string key_;
  std::string wait_ = "10s";
  std::string cell_;
  std::vector<std::string> files_;
  CommandLine program_{"program", "A program.", "1.2"};
  std::string out_;
  std::string error_;
};

TEST_F(NestedTest, TheCommandNamedRunsAndItsCodeIsReturned) {
  EXPECT_EQ(Run({"get", "k"}), kExitNotFound);
  EXPECT_EQ(key_, "k");
}

TEST_F(NestedTest, ACommandOfACommandRuns) {
  EXPECT_EQ(Run({"judge", "one", "--cell", "c"}), kExitConflict);
  EXPECT_EQ(cell_, "c");
}

TEST_F(NestedTest, AnUnknownCommandIsNamed) {
  EXPECT_EQ(Run({"[got]", "k"}), kExitUsage);
  EXPECT_THAT(error_, HasSubstr("there is no command [got]\n"));
  EXPECT_EQ(out_, "");
}

TEST_F(NestedTest, OneCommandMustBeNamed) {
  EXPECT_EQ(Run({}), kExitUsage);
  EXPECT_EQ(Run({"judge"}), kExitUsage);
}

TEST_F(NestedTest, WhatIsRequiredIsMissed) {
  EXPECT_EQ(Run({"get"}), kExitUsage);
  EXPECT_THAT(error_, HasSubstr("KEY is required"));
}

TEST_F(NestedTest, OfAGroupExactlyOneIsGiven) {
  EXPECT_EQ(Run({"judge", "one"}), kExitUsage);
  EXPECT_EQ(Run({"judge", "one", "--cell", "c", "--cell-file", "f"}), kExitUsage);
}

TEST_F(NestedTest, NoMoreValuesThanAnOptionTakes) {
  EXPECT_EQ(Run({"judge", "one", "--cell", "c", "--files", "a", "b", "c"}), kExitUsage);
}

TEST_F(NestedTest, WhoAsksForJsonIsToldInJson) {
  EXPECT_EQ(Run({"get", "-o", "json"}), kExitUsage);
  EXPECT_THAT(out_, HasSubstr("\"exit_code\":2"));
}

TEST_F(NestedTest, VersionIsNameAndVersion) {
  EXPECT_EQ(Run({"--version"}), kExitDone);
  EXPECT_EQ(out_, "program 1.2\n");
}

TEST_F(NestedTest, AListOfCommandsTellsWhatEachIsFor) {
  EXPECT_EQ(Run({"--help"}), kExitDone);
  EXPECT_THAT(out_, HasSubstr("  get                 Gets one key\n"));
  EXPECT_THAT(out_, HasSubstr("  judge               Judges\n"));
}

TEST_F(NestedTest, TheHelpOfACommandShowsNamesAndDefaults) {
  EXPECT_EQ(Run({"get", "--help"}), kExitDone);
  EXPECT_THAT(out_, HasSubstr("Examples:\n  program get a\n\nGets one\nkey. And more.\n"));
  EXPECT_THAT(out_, HasSubstr("KEY REQUIRED"));
  EXPECT_THAT(out_, HasSubstr("--wait TIME=10s (Env:PROGRAM_WAIT)"));
}

}  // namespace
}  // namespace worldb::tools
