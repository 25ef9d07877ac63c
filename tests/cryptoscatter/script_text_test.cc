// Goal:   a script's text means one thing, has one canonical form, and a wrong one is pointed at.
// Method: texts as users write them against clauses built in code and canonical texts; one wrong
//         text for each refusal, with line, column, what was found and what is allowed; canonical
//         texts of random clauses parse to the same clauses.
#include "cryptoscatter/script_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/script.h"
#include "tests/support/random_script.h"

namespace worldb::cryptoscatter {
namespace {

using ::testing::HasSubstr;

ScriptNames Names() { return *ScriptNames::Create({"virginia", "frankfurt", "tokyo"}); }

TEST(ScriptText, NamesCommentsAndSpacesComeToOneCanonicalText) {
  const auto clauses = ParseScript(
      "# our default\n"
      "key:2 of(2 of virginia,2 of dc[ 1 ],\n\t2 of tokyo) # two each\r\n"
      "code : lrc local 2 + 1 global 2",
      Names());
  ASSERT_TRUE(clauses.ok()) << clauses.status();
  EXPECT_EQ(*clauses, Script::Nested()->clauses());
  EXPECT_EQ(CanonicalText(*clauses), Script::Nested()->text());
  // A data center's or all nodes one by one, in order, are the data center or all of them.
  const auto listed = ParseScript(
      "key: 5 of (node[0], virginia-2, node[2], frankfurt-1, frankfurt-2, node[5], "
      "tokyo-1, tokyo-2, tokyo-3) code: mds k=5",
      Names());
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(CanonicalText(*listed), Script::Flat()->text());
}

TEST(ScriptText, LossesHaveOneOrderAndTheAlwaysDemandedOneGoesUnsaid) {
  const auto losses = [](const char* text) {
    const auto clauses = ParseScript(absl::StrCat("key: 5 of all code: mds k=5 ", text), Names());
    EXPECT_TRUE(clauses.ok()) << clauses.status();
    return CanonicalText(*clauses).substr(Script::Flat()->text().size());
  };
  EXPECT_EQ(losses("survives: any dc"), "");
  EXPECT_EQ(losses("survives: any 1 nodes, any dc, any 4 nodes, any 2 nodes"),
            "survives: any 4 nodes\n");
  EXPECT_EQ(
      losses("survives: any dc and 2 nodes in each other dc, any dc and any 1 node, any 1 node"),
      "survives: any 1 node, any dc and any 1 node, any dc and 2 nodes in each other dc\n");
}

TEST(ScriptText, CanonicalTextsParseToTheSameClauses) {
  testing::RandomScripts random(20);
  for (int i = 0; i < 2000; ++i) {
    const ScriptClauses clauses = random.Clauses();
    const auto again = ParseScript(CanonicalText(clauses), ScriptNames::Indices());
    ASSERT_TRUE(again.ok()) << CanonicalText(clauses) << again.status();
    ASSERT_EQ(*again, clauses) << CanonicalText(clauses);
  }
}

TEST(ScriptText, AWrongTextIsPointedAt) {
  const struct {
    const char* text;
    const char* error;
  } kCases[] = {
      {"", "line 1, column 1: found the end of the text; allowed here: \"key:\""},
      {"kei: 5 of all", "line 1, column 1: found \"kei\"; allowed here: \"key:\""},
      {"key 5 of all", "line 1, column 5: found \"5\"; allowed here: \":\""},
      {"key: all", "line 1, column 6: found \"all\"; allowed here: a number from 1 to 72"},
      {"key: 73 of all", "column 6: found \"73\"; allowed here: a number from 1 to 72"},
      {"key: 10 of all", "column 6: the gate wants 10 of 9 members"},
      {"key: 5 all", "column 8: found \"all\"; allowed here: \"of\""},
      {"key: 5 of tokio",
       "column 11: found \"tokio\"; allowed here: \"all\", a data center "
       "(virginia, frankfurt, tokyo), or \"(\" and members"},
      {"key: 5 of (\n  2 of virginia,\n  tokio-1)",
       "line 3, column 3: found \"tokio-1\"; allowed here: a node (virginia-1 to tokyo-3), or a "
       "number and \"of\""},
      {"key: 2 of (tokyo, virginia)",
       "column 12: the data center tokyo is three nodes, not one "
       "member; say how many of them, such as \"2 of tokyo\""},
      {"key: 2 of (tokyo-1; tokyo-2)", "column 19: found \";\"; allowed here: \",\" or \")\""},
      {"key: 2 of (tokyo-1,)", "column 20: found \")\"; allowed here: a node"},
      {"key: 4 of tokyo",
       "column 6: the gate wants 4 of 3 members; allowed here: a number from 1 "
       "to 3"},
      {"key: 1 of (2 of all, 2 of all, 2 of all, 2 of all, 2 of all, 2 of all, 2 of all,\n"
       "2 of tokyo, 3 of (tokyo-1, tokyo-3))",
       "line 2, column 19: tokyo-1 stands in the key clause more than 8 times"},
      {"key: 2 of (3 of all, 3 of all, 3 of all, 3 of all, 3 of all, 3 of all, 3 of all, 3 of all,"
       " 2 of tokyo)",
       "column 97: tokyo-1 stands in the key clause more than 8 times"},
      {"key: 1 of (1 of (1 of (1 of all)))", "column 24: gates nest deeper than 3"},
      {"key: 2 of (node[9])", "column 17: found \"9\"; allowed here: a number from 0 to 8"},
      {"key: 5 of dc(0)", "column 13: found \"(\"; allowed here: \"[\""},
      {"key: 5 of all\n", "line 2, column 1: found the end of the text; allowed here: \"code:\""},
      {"key: 5 of all\ncode: raid5",
       "line 2, column 7: found \"raid5\"; allowed here: \"lrc local "
       "2+1 global 2\", \"mds k=N\" or \"copy\""},
      {"key: 5 of all code: mds k=0", "found \"0\"; allowed here: a number from 1 to 9"},
      {"key: 5 of all code: lrc local 3+1", "column 31: found \"3\"; allowed here: \"2\""},
      {"key: 5 of all code: copy copy", "allowed here: \"survives:\" or the end of the text"},
      {"key: 5 of all code: copy survives: tokyo", "found \"tokyo\"; allowed here: \"any\""},
      {"key: 5 of all code: copy survives: any 9 nodes", "a number from 1 to 8"},
      {"key: 5 of all code: copy survives: any dc and any 6 nodes", "a number from 1 to 5"},
      {"key: 5 of all code: copy survives: any dc and 3 nodes in each other dc",
       "a number from 1 to 2"},
      {"key: 5 of all code: copy survives: any dc any 2 nodes",
       "found \"any\"; allowed here: \",\" and another loss, or the end of the text"},
      {"key: 5 of all code: copy\nsurvives: any dc key: 5 of all", "line 2, column 18"},
      {"key: 5 of \xc3\xa4", "column 11: found \"\xc3\xa4\"; allowed"},
  };
  for (const auto& bad : kCases) {
    const auto parsed = ParseScript(bad.text, Names());
    ASSERT_FALSE(parsed.ok()) << bad.text;
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(bad.error)) << bad.text;
  }
  EXPECT_THAT(std::string(ParseScript(std::string(4097, ' '), Names()).status().message()),
              HasSubstr("4097 bytes; at most 4096"));
}

TEST(ScriptText, NamesThatCouldBeMistakenAreRefused) {
  EXPECT_FALSE(ScriptNames::Create({"a", "b", "b"}).ok());
  EXPECT_FALSE(ScriptNames::Create({"a", "a-1", "b"}).ok());
  for (const char* name : {"", "all", "dc", "3rd", "new york", "a[0]"}) {
    EXPECT_FALSE(ScriptNames::Create({name, "b", "c"}).ok()) << name;
  }
}

}  // namespace
}  // namespace worldb::cryptoscatter
