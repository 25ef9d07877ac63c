// Goal:   a page holds the smallest names of all homes, in order, whatever comes in first; and nobody is
//         asked for more than is needed.
// Method: homes that tell their names in pieces of every size, and the cases a reader would doubt.
#include "engine/gateway/name_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace worldb::testing {
namespace {

using engine::ListedKey;
using engine::NameMerge;
using ::testing::ElementsAre;
using Names = std::vector<std::string>;

Bytes Name(const std::string& name) { return ToBytes(AsBytes(name)); }

void Tell(NameMerge& merge, int home, const Names& names, const std::string& told_to = "") {
  std::vector<ListedKey> keys;
  for (const std::string& name : names) {
    ListedKey key;
    key.key = Name(name);
    keys.push_back(std::move(key));
  }
  merge.Tell(DataCenterAt(home), std::move(keys), Name(told_to));
}

Names PageOf(NameMerge& merge) {
  EXPECT_TRUE(merge.done());
  Names names;
  for (const ListedKey& key : merge.TakePage()) names.push_back(ToString(key.key));
  return names;
}

// "0>a 2>" : whom, for what comes behind which name.
Names Advance(NameMerge& merge) {
  Names questions;
  for (const NameMerge::Question& question : merge.Advance()) {
    questions.push_back(std::to_string(question.home.value()) + ">" + ToString(question.after));
  }
  return questions;
}

TEST(NameMerge, NothingIsTakenBeforeEveryHomeHasSaidWhatItsNextNameIs) {
  NameMerge merge({}, 3);
  EXPECT_THAT(Advance(merge), ElementsAre("0>", "1>", "2>"));
  EXPECT_THAT(Advance(merge), ElementsAre()) << "each is asked once";
  Tell(merge, 1, {"b", "d", "e"}, "e");
  Tell(merge, 2, {});
  EXPECT_THAT(Advance(merge), ElementsAre());
  EXPECT_FALSE(merge.done());
  EXPECT_EQ(merge.awaited(), DataCenterAt(0));
  Tell(merge, 0, {"a", "c"});
  EXPECT_THAT(Advance(merge), ElementsAre());
  EXPECT_TRUE(merge.more());
  EXPECT_THAT(PageOf(merge), ElementsAre("a", "b", "c"));
}

TEST(NameMerge, AHomeWhoseNamesAreUsedUpIsAskedBehindTheLastOne) {
  NameMerge merge(Name("m"), 4);
  EXPECT_THAT(Advance(merge), ElementsAre("0>m", "1>m", "2>m"));
  Tell(merge, 0, {"n", "o"}, "o");
  Tell(merge, 1, {"z"});
  Tell(merge, 2, {}, "q");  // looked at many names and found nothing to tell
  EXPECT_THAT(Advance(merge), ElementsAre("2>q"));
  Tell(merge, 2, {});
  EXPECT_THAT(Advance(merge), ElementsAre("0>o")) << "p might come before z";
  Tell(merge, 0, {"p"});
  EXPECT_THAT(Advance(merge), ElementsAre());
  EXPECT_FALSE(merge.more());
  EXPECT_EQ(merge.awaited(), std::nullopt);
  EXPECT_THAT(PageOf(merge), ElementsAre("n", "o", "p", "z"));
}

TEST(NameMerge, AFullPageAsksNobodyAnyMore) {
  NameMerge merge({}, 1);
  Advance(merge);
  Tell(merge, 0, {"a"}, "a");
  Tell(merge, 1, {});
  Tell(merge, 2, {});
  EXPECT_THAT(Advance(merge), ElementsAre());
  EXPECT_TRUE(merge.done());
  EXPECT_TRUE(merge.more()) << "home 0 may have further ones";
}

TEST(NameMerge, AnyWayOfTellingGivesTheSamePages) {
  const std::array<Names, 3> homes = {Names{"b", "ba", "c", "x"}, Names{},
                                      Names{"a", "b!", "bb", "d", "e", "f"}};
  Names all;
  for (const Names& names : homes) all.insert(all.end(), names.begin(), names.end());
  std::sort(all.begin(), all.end());
  for (std::size_t page_size = 1; page_size <= 11; ++page_size) {
    for (std::size_t piece = 1; piece <= 4; ++piece) {
      Names listed;
      Bytes after;
      for (bool more = true; more;) {
        NameMerge merge(after, page_size);
        while (!merge.done()) {
          for (const NameMerge::Question& question : merge.Advance()) {
            const Names& names = homes[question.home.value()];
            auto from = std::upper_bound(names.begin(), names.end(), ToString(question.after));
            const auto to = from + std::min(static_cast<std::ptrdiff_t>(piece), names.end() - from);
            Tell(merge, question.home.value(), {from, to}, to == names.end() ? "" : *(to - 1));
          }
        }
        more = merge.more();
        for (const std::string& name : PageOf(merge)) listed.push_back(name);
        if (!listed.empty()) after = Name(listed.back());
      }
      EXPECT_EQ(listed, all) << "pages of " << page_size << ", told by " << piece;
    }
  }
}

}  // namespace
}  // namespace worldb::testing
