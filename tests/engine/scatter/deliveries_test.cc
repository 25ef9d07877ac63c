// Goal:   nine nodes are handed what the writer made for each, whole or owed, and a payload that is not
//         what was signed makes no share.
// Method: one sealed value out of a seed.
#include "engine/scatter/deliveries.h"

#include <gtest/gtest.h>

#include "tests/support/scatter_cell.h"

namespace worldb::engine {
namespace {

using worldb::testing::ScatterCell;

class DeliveriesTest : public ::testing::Test {
 protected:
  DeliveriesTest() {
    payload_.sealed = cell_.Seal(AsBytes("key"), AsBytes(std::string(5000, 'v')));
  }
  auto Make(Ciphertext ciphertext = Ciphertext::kToCheck) {
    return MakeDeliveries(cell_.script(), payload_, ciphertext, Slot(7), SlotEpoch(3), Version(17));
  }
  ScatterCell cell_{1};
  Payload payload_;
};

TEST_F(DeliveriesTest, EachNodeGetsItsShareAsTheWriterSealedIt) {
  const auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE((*made)->owed);
  EXPECT_EQ((*made)->core, payload_.sealed.core.Id());
  std::size_t bytes = 0;
  cryptoscatter::BatchVerifier verifier;
  for (int i = 0; i < kNodeCount; ++i) {
    const ShareDelivery& delivery = *(*made)->shares[static_cast<std::size_t>(i)];
    EXPECT_EQ(delivery.share.index, NodeAt(i));
    EXPECT_EQ(delivery.share.version, Version(17));
    EXPECT_TRUE(
        cryptoscatter::VerifyShare(delivery.share, cell_.cell(), verifier).fragment_usable());
    bytes += BytesOf(delivery);
    EXPECT_GT(BytesOf(delivery), delivery.share.fragment.size());
  }
  EXPECT_EQ((*made)->bytes, bytes);
  EXPECT_EQ(BytesOfNine(cell_.script(), payload_.sealed.ciphertext.size()), bytes);
}

TEST_F(DeliveriesTest, WhatWasCheckedBeforeIsNotHashedAndTheSame) {
  const auto made = Make();
  const auto again = Make(Ciphertext::kChecked);
  ASSERT_TRUE(made.ok() && again.ok());
  for (std::size_t i = 0; i < kNodeCount; ++i) {
    EXPECT_EQ((*made)->shares[i]->share, (*again)->shares[i]->share);
  }
}

TEST_F(DeliveriesTest, WithoutCiphertextTheSharesAreOwedTheirFragments) {
  const std::size_t whole = (*Make())->bytes;
  payload_.sealed.ciphertext.clear();
  const auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE((*made)->owed);
  for (const auto& delivery : (*made)->shares) {
    EXPECT_TRUE(delivery->share.fragment.empty());
  }
  EXPECT_LT((*made)->bytes, whole);
}

TEST_F(DeliveriesTest, WhatIsNotWhatWasSignedMakesNone) {
  payload_.sealed.ciphertext[3] ^= 1;
  EXPECT_EQ(Make().status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace worldb::engine
