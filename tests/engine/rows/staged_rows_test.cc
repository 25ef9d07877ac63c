// Goal:   a staged payload is read back from its own row, or the row it was staged in with others, and from
//         nowhere else; whole or without its ciphertext.
// Method: sealed values; their rows under other keys, cut off, with members gone or in another order, and with a
//         ciphertext let go.
#include "engine/rows/staged_rows.h"

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

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

class StagedBatchRowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"one", "two", "three"}) {
      sealed_.push_back(cell_.Seal(AsBytes(name), AsBytes("value")));
    }
    sealed_[1].ciphertext.clear();
    for (const cryptoscatter::SealedValue& sealed : sealed_) {
      commitments_.push_back(sealed.Commitment());
      encoded_.push_back(std::make_shared<const Bytes>(sealed.Encode()));
    }
    key_ = StagedBatchRow::Key(commitments_);
    row_ = StagedBatchRow::Encode(encoded_);
  }
  void ExpectNone(const std::string& key, ByteSpan row) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeStaged(key, row).status()));
  }

  worldb::testing::ScatterCell cell_{1};
  std::vector<cryptoscatter::SealedValue> sealed_;
  std::vector<CommitmentId> commitments_;
  std::vector<SharedBytes> encoded_;
  std::string key_;
  Bytes row_;
};

TEST_F(StagedBatchRowTest, HoldsEachOfThem) {
  EXPECT_EQ(key_.size(), 18u);
  EXPECT_TRUE(IsStagedRow(key_));
  const auto read = DecodeStaged(key_, row_);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*read)[i].sealed, sealed_[i]);
    EXPECT_EQ((*read)[i].commitment, commitments_[i]);
    EXPECT_EQ(ToBytes((*read)[i].encoded), *encoded_[i]);
    const auto one = DecodeOneStaged(key_, row_, i);
    ASSERT_TRUE(one.ok()) << one.status();
    EXPECT_EQ(*one, sealed_[i]);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeOneStaged(key_, row_, 3).status()));
}

TEST_F(StagedBatchRowTest, OfOthersOrCutOffItIsNone) {
  for (std::size_t bytes = 0; bytes < row_.size(); ++bytes) {
    ExpectNone(key_, ByteSpan(row_).first(bytes));
  }
  ExpectNone(key_, StagedBatchRow::Encode(std::vector(encoded_.begin(), encoded_.end() - 1)));
  ExpectNone(key_, StagedBatchRow::Encode(std::vector(encoded_.rbegin(), encoded_.rend())));
  ExpectNone(StagedBatchRow::Key(std::span(commitments_).first(2)), row_);
  ExpectNone(StagedRow::Key(commitments_[0]), row_);
  Bytes other_format = row_;
  ++other_format[0];
  ExpectNone(key_, other_format);
  const Bytes empty = {1, 0, 0, 0, 0};
  ExpectNone(StagedBatchRow::Key({}), empty);
}

}  // namespace
}  // namespace worldb::engine
