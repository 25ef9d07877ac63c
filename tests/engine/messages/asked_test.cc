// Goal:   an answer counts once, from those who were asked, and in the life of the node that asked.
// Method: the table alone, with seeded entropy.
#include "engine/messages/asked.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/seeded_entropy.h"

namespace worldb::engine {
namespace {

using worldb::testing::SeededEntropy;

class AskedTest : public ::testing::Test {
 protected:
  SeededEntropy entropy_{1};
  RequestIds ids_{entropy_};
  Asked<std::string> asked_{ids_, 3};
};

TEST_F(AskedTest, AnAnswerCountsOnce) {
  const RequestId id = asked_.Add(NodeAt(4), "share 4");
  EXPECT_EQ(asked_.Take(NodeAt(4), id), "share 4");
  EXPECT_EQ(asked_.Take(NodeAt(4), id), std::nullopt);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(AskedTest, SomebodyElsesAnswerIsNone) {
  const RequestId id = asked_.Add(NodeAt(4), "share 4");
  EXPECT_EQ(asked_.Take(NodeAt(5), id), std::nullopt);
  EXPECT_EQ(asked_.Find(NodeAt(5), id), nullptr);
  EXPECT_EQ(asked_.Take(NodeAt(4), id + 1), std::nullopt);
  EXPECT_EQ(asked_.Take(NodeAt(4), 0), std::nullopt);
  EXPECT_EQ(asked_.Take(NodeAt(4), id), "share 4") << "and takes nothing away";
}

TEST_F(AskedTest, AnyOfSeveralMayAnswer) {
  const RequestId id = asked_.Add(NodeSet::Of(DataCenterAt(1)), "ticket");
  EXPECT_EQ(asked_.Find(NodeAt(2), id), nullptr);
  ASSERT_NE(asked_.Find(NodeAt(3), id), nullptr);
  ASSERT_NE(asked_.Find(NodeAt(5), id), nullptr) << "looking leaves it on record";
  EXPECT_EQ(asked_.Take(NodeAt(5), id), "ticket");
  EXPECT_EQ(asked_.Find(NodeAt(3), id), nullptr);
}

TEST_F(AskedTest, WhoeverWaitsNoLongerDropsIt) {
  const RequestId id = asked_.Add(NodeAt(4), "share 4");
  EXPECT_EQ(asked_.Drop(id), "share 4");
  EXPECT_EQ(asked_.Drop(id), std::nullopt);
  EXPECT_EQ(asked_.Take(NodeAt(4), id), std::nullopt);
}

TEST_F(AskedTest, WhoeverStopsDropsThemOneByOneOldestFirst) {
  for (const char* what : {"first", "second"}) asked_.Add(NodeAt(0), what);
  EXPECT_EQ(asked_.DropOldest(), "first");
  EXPECT_EQ(asked_.DropOldest(), "second");
  EXPECT_EQ(asked_.DropOldest(), std::nullopt);
}

TEST_F(AskedTest, OneTooManyDropsTheOldest) {
  const RequestId first = asked_.Add(NodeAt(0), "first");
  for (const char* what : {"second", "third", "fourth"}) asked_.Add(NodeAt(0), what);
  EXPECT_EQ(asked_.size(), 3u);
  EXPECT_EQ(asked_.Take(NodeAt(0), first), std::nullopt);
  EXPECT_EQ(asked_.Take(NodeAt(0), first + 1), "second");
}

TEST(RequestIds, NoTwoLivesUseTheSameOnes) {
  SeededEntropy entropy(7);
  std::set<RequestId> used;
  for (int life = 0; life < 100; ++life) {
    RequestIds ids(entropy);
    for (int i = 0; i < 100; ++i) {
      const RequestId id = ids.Next();
      EXPECT_NE(id, 0u);
      EXPECT_TRUE(used.insert(id).second);
    }
  }
}

}  // namespace
}  // namespace worldb::engine
