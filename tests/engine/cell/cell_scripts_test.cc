// Goal:   a cell's scripts and namespaces say which script a key has, are only added to, and come back
//         from the cell's file; what the file cannot hold is refused.
// Method: direct calls; the file's bytes altered place by place.
#include "engine/cell/cell_scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "engine/cell/cell.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::engine {
namespace {

using cryptoscatter::Script;
using ::testing::HasSubstr;

CellScripts::ScriptPtr FourOfNine() { return *Script::Compile("key: 4 of all code: mds k=4"); }

CellScripts Own() {
  CellScripts scripts = *CellScripts().WithScript("loose", FourOfNine());
  scripts = *scripts.WithNamespace("logs/", "loose");
  scripts = *scripts.WithNamespace("logs/audit/", "flat");
  return *scripts.WithNamespace("logs/audit/a", "copy");
}

std::shared_ptr<const Cell> MakeCell(CellScripts scripts) {
  testing::SeededEntropy entropy(5);
  const auto node = [&] { return NodeSecrets::Generate(entropy); };
  return Cell::Create({"virginia", "frankfurt", "tokyo"},
                      {node(), node(), node(), node(), node(), node(), node(), node(), node()},
                      entropy, std::move(scripts));
}

TEST(CellScripts, TheLongestPrefixThatFitsNamesTheScript) {
  const CellScripts scripts = Own();
  const auto of = [&](const char* key) {
    return scripts.NameOf(scripts.ForKey(AsBytes(key))->id());
  };
  EXPECT_EQ(of("greeting"), "nested");
  EXPECT_EQ(of("logs"), "nested");
  EXPECT_EQ(of("logs/"), "loose");
  EXPECT_EQ(of("logs/audit"), "loose");
  EXPECT_EQ(of("logs/audit/b"), "flat");
  EXPECT_EQ(of("logs/audit/abc"), "copy");
  const CellScripts all = *scripts.WithNamespace("", "flat");
  EXPECT_EQ(all.NameOf(all.ForKey(AsBytes("greeting"))->id()), "flat");
  EXPECT_EQ(all.NameOf(ScriptId()), std::string(64, '0'));
}

TEST(CellScripts, NothingIsChangedOrRemoved) {
  const CellScripts scripts = Own();
  EXPECT_EQ(*scripts.WithScript("loose", FourOfNine()), scripts);
  EXPECT_EQ(*scripts.WithNamespace("logs/", "loose"), scripts);
  const auto refused = [](const auto& result, absl::StatusCode code, const char* why) {
    EXPECT_EQ(result.status().code(), code);
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(why));
  };
  const auto before = absl::StatusCode::kFailedPrecondition;
  const auto never = absl::StatusCode::kInvalidArgument;
  refused(scripts.WithScript("loose", Script::Flat()), before, "key: 4 of all");
  refused(scripts.WithScript("nested", FourOfNine()), before, "is there already");
  refused(scripts.WithNamespace("logs/", "flat"), before, "with the script loose, not flat");
  refused(scripts.WithNamespace("x/", "lose"), never, "there are: copy, flat, loose, nested");
  refused(scripts.WithNamespace(std::string(1025, 'x'), "flat"), never, "more than 1024");
  for (const char* name : {"", "a b", "1st", "x=y"}) {
    refused(scripts.WithScript(name, FourOfNine()), never, "must begin with a letter");
  }
}

TEST(CellScripts, TheCellFileBringsThemBackAndNothingElse) {
  const auto cell = MakeCell(Own());
  const SecretBytes bytes = cell->Encode();
  const auto again = Cell::Decode(bytes.ExposeSecret());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->scripts(), Own());
  EXPECT_TRUE((*again)->FindScript(FourOfNine()->id()).ok());
  const auto fewer = cell->WithScripts(CellScripts());
  EXPECT_EQ(fewer->id(), cell->id());
  EXPECT_FALSE(fewer->FindScript(FourOfNine()->id()).ok());

  const std::size_t scripts_at = fewer->Encode().size() - 4;
  const auto refuses = [](Bytes changed) { return !Cell::Decode(changed).ok(); };
  const Bytes good = ToBytes(bytes.ExposeSecret());
  for (std::size_t size = scripts_at; size < good.size(); ++size) {
    EXPECT_TRUE(refuses(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_TRUE(refuses(longer));
  // Another text for the script: not canonical, or not a script.
  Bytes spaced = good;
  const std::string text = FourOfNine()->text();
  const auto at = std::search(spaced.begin(), spaced.end(), text.begin(), text.end());
  ASSERT_NE(at, spaced.end());
  *(at + 4) = '\t';
  EXPECT_TRUE(refuses(spaced));
  *(at + 4) = 'x';
  EXPECT_TRUE(refuses(spaced));
  // Absurd counts.
  for (const std::size_t place : {scripts_at, scripts_at + 1}) {
    Bytes counted = good;
    counted[place] = 0xff;
    EXPECT_TRUE(refuses(counted));
  }
}

TEST(CellScripts, SeedsOfTheFuzzTargetAreWhatTheirNamesSay) {
  const char* root = std::getenv("WORLDB_SOURCE_DIR");
  ASSERT_NE(root, nullptr);
  for (const auto& [name, decodes] :
       {std::pair("plain", true), std::pair("scripts", true), std::pair("unordered", false),
        std::pair("not_canonical", false), std::pair("many", false)}) {
    std::ifstream file(absl::StrCat(root, "/tests/fuzz/corpus/cell_fuzz/", name), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(Cell::Decode(AsBytes(bytes)).ok(), decodes) << name;
  }
}

}  // namespace
}  // namespace worldb::engine
