// Values that share one commit batch and one signature, and nothing else: each is verified, opened and
// shredded alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/records.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;
using testing::ScatteredValue;

constexpr std::size_t kMembers = kBatchCountMax;

class CommitBatchTest : public ::testing::Test {
 protected:
  static std::string NameOf(std::size_t i) { return absl::StrCat("member-", i); }
  static std::string ValueOf(std::size_t i) {
    return std::string(i * 7 % 300, static_cast<char>(i));
  }

  void SetUp() override {
    std::vector<CommitmentId> commitments;
    for (std::size_t i = 0; i < kMembers; ++i) {
      members_.push_back(cell_.Scatter(AsBytes(NameOf(i)), AsBytes(ValueOf(i))));
      commitments.push_back(members_.back().sealed.Commitment());
    }
    const std::vector<CommitProof> proofs = SignBatch(cell_.writer(), cell_.cell(), commitments);
    for (std::size_t i = 0; i < kMembers; ++i) {
      for (Share& share : members_[i].shares) share.proof = proofs[i];
    }
  }

  // With the fragments of all nodes and the key shares of `key_shares`.
  absl::StatusOr<OpenedValue> Open(std::size_t i, NodeSet key_shares, BatchVerifier& verifier) {
    GatherDecoder decoder({cell_.cell(), std::nullopt, std::nullopt}, verifier);
    for (std::size_t j = 0; j < kNodeCount; ++j) {
      std::optional<KeyShare> key_share;
      if (key_shares.Has(static_cast<int>(j))) key_share = members_[i].key_shares[j].Duplicate();
      decoder.Add(members_[i].shares[j], std::move(key_share), "a node");
    }
    EXPECT_THAT(decoder.rejected(), ::testing::IsEmpty());
    return decoder.Open(AsBytes(NameOf(i)));
  }

  ScatterCell cell_{1};
  std::vector<ScatteredValue> members_;
};

TEST_F(CommitBatchTest, OneSignatureServesEveryMemberByItself) {
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{100}, kMembers - 1}) {
    // A reader that has met no other member: their leaf hashes in the path are all it needs.
    BatchVerifier alone;
    const auto opened = Open(i, NodeSet::All(), alone);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(ToString(opened->value.ExposeSecret()), ValueOf(i));
    EXPECT_EQ(alone.signature_checks(), 1u);
  }
  BatchVerifier shared;
  for (std::size_t i = 0; i < kMembers; ++i) {
    ASSERT_TRUE(Open(i, NodeSet::All(), shared).ok()) << i;
  }
  EXPECT_EQ(shared.signature_checks(), 1u);
}

// Shredding is the loss of a blocking set of key shares, whatever becomes of the fragments.
TEST_F(CommitBatchTest, ShreddingOneMemberLeavesTheOthers) {
  BatchVerifier verifier;
  NodeSet left = NodeSet::All();
  for (const int shredded : {0, 1, 3, 4}) {
    EXPECT_TRUE(Open(9, left, verifier).ok()) << "a blocking set is not complete yet";
    left.Remove(NodeAt(shredded));
  }
  EXPECT_EQ(Open(9, left, verifier).status().code(), absl::StatusCode::kFailedPrecondition);
  for (const std::size_t i : {std::size_t{8}, std::size_t{10}, kMembers - 1}) {
    const auto opened = Open(i, NodeSet::All(), verifier);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(ToString(opened->value.ExposeSecret()), ValueOf(i));
  }
  // Key shares of a neighbour in the batch are no help: they have another key's hash.
  GatherDecoder decoder({cell_.cell(), std::nullopt, std::nullopt}, verifier);
  for (std::size_t j = 0; j < kNodeCount; ++j) {
    decoder.Add(members_[9].shares[j], members_[10].key_shares[j].Duplicate(), "a node");
  }
  EXPECT_EQ(decoder.rejected().size(), std::size_t{kNodeCount});
  EXPECT_FALSE(decoder.Open().ok());
}

}  // namespace
}  // namespace worldb::cryptoscatter
