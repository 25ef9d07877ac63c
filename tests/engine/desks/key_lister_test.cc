// Goal:   a listing tells every key that has a value, once, in byte order, or says nothing; a history
//         tells every version.
// Method: a state fed by hand and names learnt by hand; pages are asked for one after the other.
#include "engine/desks/key_lister.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/desks/desk_test.h"

namespace worldb::testing {
namespace {

using arbiter::OpKind;
using arbiter::RoundId;
using engine::HistoryQueryReply;
using engine::KeyLister;
using engine::ListQueryReply;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

class KeyListerTest : public DeskTest {
 protected:
  void Show(const std::string& key, OpKind kind = OpKind::kSet) {
    Name(key);
    home_.Show(key, kind);
  }
  std::optional<ListQueryReply> List(const std::string& prefix, Bytes after, std::size_t keys_max) {
    return lister_.List({1, ToBytes(AsBytes(prefix)), std::move(after), keys_max});
  }
  // All pages; `pages` is how many it took.
  std::vector<std::string> ListAll(const std::string& prefix, std::size_t keys_max,
                                   int* pages = nullptr) {
    std::vector<std::string> keys;
    int count = 0;
    Bytes after;
    do {
      const ListQueryReply reply = List(prefix, after, keys_max).value();
      EXPECT_LE(reply.keys.size(), keys_max);
      for (const engine::ListedKey& key : reply.keys) keys.push_back(ToString(key.key));
      after = reply.told_to;
      ++count;
    } while (!after.empty());
    if (pages != nullptr) *pages = count;
    return keys;
  }
  std::vector<std::uint64_t> Versions(const HistoryQueryReply& reply) {
    std::vector<std::uint64_t> versions;
    for (const engine::VersionRecord& record : reply.versions) {
      versions.push_back(record.version.value());
    }
    return versions;
  }

  KeyLister lister_{home_.state(), names_};
};

TEST_F(KeyListerTest, PagesOfAnySizeTellEveryKeyUnderThePrefixOnce) {
  for (const char* key : {"b/2", "a", "b/", "c", "b/10", "b"}) Show(key);
  for (const std::size_t keys_max : {1, 2, 3, 100}) {
    EXPECT_THAT(ListAll("b/", keys_max), ElementsAre("b/", "b/10", "b/2")) << keys_max;
    EXPECT_THAT(ListAll("", keys_max), ElementsAre("a", "b", "b/", "b/10", "b/2", "c"));
    EXPECT_THAT(ListAll("d", keys_max), ElementsAre());
  }
  EXPECT_EQ(List("", {}, 0)->keys.size(), 1u) << "at least one";
  const ListQueryReply page = List("b/", {}, 2).value();
  EXPECT_EQ(ToString(page.told_to), "b/10");
  EXPECT_EQ(page.keys[0].version, Version(1));
  EXPECT_EQ(page.keys[0].level, arbiter::Level::kSafe);
  EXPECT_EQ(page.keys[0].payload_bytes, 100u);
  EXPECT_EQ(page.keys[0].op, home_.state().Newest(home_.TagOf("b/"))->op);
}

TEST_F(KeyListerTest, DeletedAndVoidKeysAreLeftOutAndSoIsWhatIsNotVisibleYet) {
  Show("deleted");
  Show("deleted", OpKind::kDelete);
  for (const char* key : {"decided", "never", "void", "void on top"}) Name(key);
  home_.Decide("decided");
  home_.Void(home_.Decide("void"));
  home_.Show("void on top");
  home_.Void(home_.Decide("void on top"));
  const RoundId second = home_.Decide("void on top");
  EXPECT_THAT(ListAll("", 10), ElementsAre("void on top"));
  EXPECT_EQ(List("void", {}, 10)->keys[0].version, Version(1));
  home_.Announce(second);
  EXPECT_EQ(List("void", {}, 10)->keys[0].version, second.version);
}

TEST_F(KeyListerTest, NothingIsToldWhileANeededNameIsMissing) {
  Show("a");
  names_.Need(home_.Show("b").key_tag);
  EXPECT_EQ(List("", {}, 10), std::nullopt);
  EXPECT_EQ(List("a", {}, 10), std::nullopt) << "who knows what the name begins with";
  Name("b");
  EXPECT_THAT(ListAll("", 10), ElementsAre("a", "b"));
}

TEST_F(KeyListerTest, AnAnswerLooksAtBoundedManyNames) {
  const int count = static_cast<int>(KeyLister::kNamesLookedAtMax);
  NamedKeys("empty", count);  // without a version, as after a write that failed
  Show("full");
  const ListQueryReply reply = List("", {}, 10).value();
  EXPECT_TRUE(reply.keys.empty());
  EXPECT_EQ(ToString(reply.told_to), "empty-9999") << "and goes on behind that";
  int pages = 0;
  EXPECT_THAT(ListAll("", 10, &pages), ElementsAre("full"));
  EXPECT_EQ(pages, 2);
}

TEST_F(KeyListerTest, AHistoryTellsAllVersionsNewestFirstPageByPage) {
  home_.Show("k");
  home_.Show("k", OpKind::kDelete);
  home_.Void(home_.Decide("k"));
  home_.Decide("k");
  const KeyTag tag = home_.TagOf("k");
  HistoryQueryReply page = lister_.History({1, tag, Version(), 3});
  EXPECT_THAT(Versions(page), ElementsAre(4, 3, 2));
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.versions[0].level, arbiter::Level::kDecided);
  EXPECT_EQ(page.versions[1].outcome, arbiter::OutcomeKind::kVoid);
  EXPECT_EQ(page.versions[2].kind, OpKind::kDelete);
  page = lister_.History({1, tag, Version(2), 3});
  EXPECT_THAT(Versions(page), ElementsAre(1));
  EXPECT_FALSE(page.more);
  EXPECT_FALSE(lister_.History({1, tag, Version(), 4}).more);
  EXPECT_TRUE(lister_.History({1, home_.TagOf("none"), Version(), 3}).versions.empty());
}

}  // namespace
}  // namespace worldb::testing
