// Goal:   a staged payload is read back from its own row alone, whole or without its ciphertext.
// Method: one sealed value; its row under another key, cut off, and with its ciphertext let go.
#include "engine/rows/staged_rows.h"

#include <gtest/gtest.h>

#include "tests/support/scatter_cell.h"

namespace worldb::engine {
namespace {

class StagedRowTest : public ::testing::Test {
 protected:
  worldb::testing::ScatterCell cell_{1};
  cryptoscatter::SealedValue sealed_ = cell_.Seal(AsBytes("name"), AsBytes("value"));
  const std::string key_ = StagedRow::Key(sealed_.Commitment());
};

TEST_F(StagedRowTest, IsThePayloadUnderItsCommitment) {
  EXPECT_EQ(key_, "p/" + ToString(sealed_.Commitment().span()));
  const auto read = StagedRow::Decode(key_, StagedRow::Encode(sealed_));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, sealed_);
}

TEST_F(StagedRowTest, MayHaveLetItsCiphertextGo) {
  sealed_.ciphertext.clear();
  const auto read = StagedRow::Decode(key_, StagedRow::Encode(sealed_));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, sealed_);
}

TEST_F(StagedRowTest, InAnotherPlaceOrCutOffItIsNone) {
  const Bytes row = StagedRow::Encode(sealed_);
  const std::string other = StagedRow::Key(cell_.Seal({}, AsBytes("other")).Commitment());
  EXPECT_TRUE(absl::IsInvalidArgument(StagedRow::Decode(other, row).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(StagedRow::Decode("p/", row).status()));
  const ByteSpan cut = ByteSpan(row).first(row.size() - 1);
  EXPECT_TRUE(absl::IsInvalidArgument(StagedRow::Decode(key_, cut).status()));
}

}  // namespace
}  // namespace worldb::engine
