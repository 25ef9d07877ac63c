// Goal:   a pair of nodes derive the same key from either end, once; strangers without number do not
//         fill the memory.
// Method: key pairs made from seeded entropy.
#include "engine/cell/pairwise_keys.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::engine {
namespace {

using cryptoscatter::ExchangeKeyPair;
using cryptoscatter::ExchangePublicKey;
using worldb::testing::SeededEntropy;

bool SameKey(const cryptoscatter::PairwiseKey& a, const cryptoscatter::PairwiseKey& b) {
  return HexEncode(a.root.ExposeSecret()) == HexEncode(b.root.ExposeSecret());
}

class PairwiseKeysTest : public ::testing::Test {
 protected:
  SeededEntropy entropy_{1};
  const ExchangeKeyPair ours_ = ExchangeKeyPair::Generate(entropy_);
  const ExchangeKeyPair theirs_ = ExchangeKeyPair::Generate(entropy_);
  PairwiseKeys keys_{ours_};
};

TEST_F(PairwiseKeysTest, BothEndsDeriveTheSame) {
  PairwiseKeys at_their_end(theirs_);
  const auto sealer = keys_.SealerKey(theirs_.public_key());
  const auto opener = at_their_end.OpenerKey(ours_.public_key());
  ASSERT_TRUE(sealer.ok() && opener.ok());
  EXPECT_TRUE(SameKey(**sealer, **opener));
  const auto other_role = keys_.OpenerKey(theirs_.public_key());
  ASSERT_TRUE(other_role.ok());
  EXPECT_FALSE(SameKey(**sealer, **other_role));
}

TEST_F(PairwiseKeysTest, DerivedOnce) {
  const auto first = keys_.SealerKey(theirs_.public_key());
  const auto second = keys_.SealerKey(theirs_.public_key());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(keys_.count(), 1u);
}

TEST_F(PairwiseKeysTest, AKeyThatIsNoneIsRefusedAndNotKept) {
  EXPECT_FALSE(keys_.SealerKey(ExchangePublicKey()).ok());
  EXPECT_EQ(keys_.count(), 0u);
}

TEST_F(PairwiseKeysTest, ManyPeersStayWithinTheBoundAndKeysInUseStayAlive) {
  const auto kept = keys_.SealerKey(theirs_.public_key());
  ASSERT_TRUE(kept.ok());
  for (std::size_t i = 0; i <= PairwiseKeys::kPeersMax; ++i) {
    ExchangePublicKey stranger = theirs_.public_key();
    stranger.bytes[0] = static_cast<std::uint8_t>(i);
    stranger.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    stranger.bytes[2] ^= 1;
    ASSERT_TRUE(keys_.SealerKey(stranger).ok());
    ASSERT_LE(keys_.count(), PairwiseKeys::kPeersMax);
  }
  const auto again = keys_.SealerKey(theirs_.public_key());
  ASSERT_TRUE(again.ok());
  EXPECT_NE(*again, *kept);
  EXPECT_TRUE(SameKey(**again, **kept));
}

}  // namespace
}  // namespace worldb::engine
