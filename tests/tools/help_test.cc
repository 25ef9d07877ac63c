// What a command is given is the bytes that stood on the command line, whatever CLI11 would make of them.
#include "tools/help.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/exit_codes.h"

namespace worldb::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

// A command with all the ways to give values: a word, words without end, an option, an option given often.
struct Given {
  int code = 0;
  std::string word;
  std::vector<std::string> words;
  std::string option;
  std::vector<std::string> options;
};

Given Parse(std::vector<std::string> arguments) {
  Given given;
  CLI::App app("A program.");
  app.name("program");
  CLI::App* command = app.add_subcommand("do");
  command->add_option("word", given.word);
  command->add_option("words", given.words);
  command->add_option("-n,--option", given.option);
  command->add_option("-m,--options", given.options)->allow_extra_args(false);
  int exit_code = kExitDone;
  command->callback([&exit_code] { exit_code = kExitDone; });
  arguments.insert(arguments.begin(), {"program", "do"});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  given.code = ParseAndRun(app, static_cast<int>(argv.size()), argv.data(), exit_code);
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
                                                 "\"a\"",
                                                 std::string(255, 'x'),
                                                 "[" + std::string(256, 'y') + "]"};
  return words;
}

TEST(ParseAndRun, AWordIsTheBytesItIs) {
  for (const std::string& hard : HardWords()) {
    const Given given =
        Parse({hard, hard, hard, "--option", hard, "--options", hard, "--options", hard});
    ASSERT_EQ(given.code, kExitDone) << hard;
    EXPECT_EQ(given.word, hard);
    EXPECT_THAT(given.words, ElementsAre(hard, hard));
    EXPECT_EQ(given.option, hard);
    EXPECT_THAT(given.options, ElementsAre(hard, hard));
  }
}

TEST(ParseAndRun, AValueJoinedToItsOptionIsTheBytesItIs) {
  for (const std::string& hard : HardWords()) {
    const Given given = Parse({"--option=" + hard, "--options=" + hard, "-m" + hard});
    ASSERT_EQ(given.code, kExitDone) << hard;
    EXPECT_EQ(given.option, hard);
    EXPECT_THAT(given.options, ElementsAre(hard, hard));
  }
}

TEST(ParseAndRun, BehindTwoDashesNothingIsAnOption) {
  const std::vector<std::string> words = {"--option=[a]", "-m[a]", "[a,b]", "--"};
  std::vector<std::string> arguments = {"--", "word"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  const Given given = Parse(arguments);
  EXPECT_EQ(given.code, kExitDone);
  EXPECT_THAT(given.words, ElementsAreArray(words));
}

TEST(ParseAndRun, WhatCannotBeReadIsTheUsersFault) {
  EXPECT_EQ(Parse({"--missing", "[a]"}).code, kExitUsage);
}

}  // namespace
}  // namespace worldb::tools
