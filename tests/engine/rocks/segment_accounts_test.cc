// Goal:   a segment goes with the last of its values, and is rewritten when it stays less than half alive.
// Method: the core alone, step by step.
#include "engine/rocks/segment_accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ValuePointer Value(std::uint64_t segment, std::uint32_t bytes) { return {segment, 16, bytes, 0}; }

TEST(SegmentAccounts, ASegmentIsDeadWhenNothingInItIsAlive) {
  SegmentAccounts accounts;
  accounts.SetBytes(1, 300);
  accounts.SetBytes(2, 300);
  accounts.Keep(Value(2, 100));
  EXPECT_THAT(accounts.Dead(), ElementsAre(1));
  accounts.Drop(Value(2, 100));
  EXPECT_THAT(accounts.Dead(), ElementsAre(1, 2));
  accounts.Forget(1);
  EXPECT_THAT(accounts.Dead(), ElementsAre(2));
  EXPECT_EQ(accounts.last_segment(), 2u);
}

TEST(SegmentAccounts, OneThatStaysLessThanHalfAliveForATickIsRewritten) {
  SegmentAccounts accounts;
  accounts.SetBytes(1, 300);
  for (int i = 0; i < 3; ++i) accounts.Keep(Value(1, 100));
  EXPECT_FALSE(accounts.HasSparse());
  accounts.Drop(Value(1, 100));
  EXPECT_FALSE(accounts.HasSparse());
  accounts.Drop(Value(1, 100));
  EXPECT_TRUE(accounts.HasSparse());
  EXPECT_THAT(accounts.Tick(), IsEmpty());
  EXPECT_THAT(accounts.Tick(), ElementsAre(1));
}

TEST(SegmentAccounts, OneThatDiesMeanwhileIsNot) {
  SegmentAccounts accounts;
  accounts.SetBytes(1, 300);
  accounts.Keep(Value(1, 100));
  EXPECT_THAT(accounts.Tick(), IsEmpty());
  accounts.Drop(Value(1, 100));
  EXPECT_FALSE(accounts.HasSparse());
  EXPECT_THAT(accounts.Tick(), IsEmpty());
  EXPECT_THAT(accounts.Dead(), ElementsAre(1));
}

TEST(SegmentAccounts, OneThatCannotBeRewrittenStaysUntilItIsDead) {
  SegmentAccounts accounts;
  accounts.SetBytes(1, 300);
  accounts.Keep(Value(1, 100));
  accounts.Spare(1);
  EXPECT_FALSE(accounts.HasSparse());
  EXPECT_THAT(accounts.Tick(), IsEmpty());
  EXPECT_THAT(accounts.Tick(), IsEmpty());
  accounts.Drop(Value(1, 100));
  EXPECT_THAT(accounts.Dead(), ElementsAre(1));
}

TEST(SegmentAccounts, NothingGoesWhenNotAllThatIsAliveIsKnown) {
  SegmentAccounts accounts;
  accounts.SetBytes(1, 300);
  accounts.SetBytes(2, 300);
  accounts.Keep(Value(2, 100));
  accounts.Freeze();
  accounts.Drop(Value(2, 100));
  accounts.Drop(Value(3, 100));
  EXPECT_THAT(accounts.Dead(), IsEmpty());
  EXPECT_FALSE(accounts.HasSparse());
  EXPECT_THAT(accounts.Tick(), IsEmpty());
  EXPECT_EQ(accounts.last_segment(), 2u);
}

}  // namespace
}  // namespace worldb::engine
