// Goal:   the bit-sliced sharing is the linear sharing the format page describes, and tells an
//         unqualified set nothing.
// Method: a plain table-based second implementation as judge, on random secrets and coefficients;
// an
//         exact count over all values of one byte for secrecy.
#include "cryptoscatter/key_sharing.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "cryptoscatter/script.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/several_rows_script.h"

namespace worldb::cryptoscatter {
namespace {

using Plain = std::array<std::uint8_t, kKeyRowBytes>;

Plain PlainRow(const gf256::Matrix& matrix, int row, const Plain& secret,
               const std::vector<Plain>& coefficients) {
  Plain out{};
  for (std::size_t b = 0; b < out.size(); ++b) {
    out[b] = gf256::Multiply(matrix.at(row, 0), secret[b]);
    for (int c = 1; c < matrix.columns(); ++c) {
      out[b] ^=
          gf256::Multiply(matrix.at(row, c), coefficients[static_cast<std::size_t>(c - 1)][b]);
    }
  }
  return out;
}

// Gives out what it was told to.
class ScriptedEntropy final : public Entropy {
 public:
  explicit ScriptedEntropy(Bytes bytes) : bytes_(std::move(bytes)) {}
  void Fill(MutableByteSpan out) override {
    for (std::uint8_t& byte : out) byte = bytes_[at_++ % bytes_.size()];
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

KeySecret SecretOf(const Plain& plain) {
  KeySecret secret;
  std::copy(plain.begin(), plain.end(), secret.ExposeSecretMutable().begin());
  return secret;
}

Plain PlainOf(ByteSpan row) {
  Plain out;
  WORLDB_CHECK(row.size() == out.size());
  std::copy(row.begin(), row.end(), out.begin());
  return out;
}

RC_GTEST_PROP(KeySharing, SplitAgreesWithTablesAndEveryReadingSetCombines, ()) {
  const auto script =
      *rc::gen::element(Script::Nested(), Script::Flat(), testing::SeveralRowsScript());
  const KeySharing& sharing = script->key_sharing();
  testing::SeededEntropy entropy(*rc::gen::arbitrary<std::uint64_t>());
  const Plain secret = entropy.Draw<kKeyRowBytes>();
  std::vector<Plain> coefficients;
  Bytes drawn;
  for (int c = 1; c < sharing.matrix().columns(); ++c) {
    coefficients.push_back(entropy.Draw<kKeyRowBytes>());
    drawn.insert(drawn.end(), coefficients.back().begin(), coefficients.back().end());
  }
  ScriptedEntropy scripted(drawn);
  const KeyShares shares = sharing.Split(SecretOf(secret), scripted);
  int row = 0;
  for (int j = 0; j < kNodeCount; ++j) {
    const KeyShare& share = shares[static_cast<std::size_t>(j)];
    RC_ASSERT(share.rows() == sharing.RowCount(NodeAt(j)));
    for (int r = 0; r < share.rows(); ++r) {
      RC_ASSERT(PlainOf(share.ExposeRow(r)) ==
                PlainRow(sharing.matrix(), row++, secret, coefficients));
    }
  }
  RC_ASSERT(row == sharing.matrix().rows());
  const NodeSet set = NodeSet::FromBits(*rc::gen::inRange<std::uint32_t>(0, NodeSet::kSubsetCount));
  std::vector<IndexedKeyShare> present;
  for (int j = kNodeCount - 1; j >= 0; --j) {  // the order must not matter
    if (set.Has(j)) present.push_back({NodeAt(j), shares[static_cast<std::size_t>(j)].Duplicate()});
  }
  const auto combined = sharing.Combine(present);
  RC_ASSERT(combined.ok() == script->CanRead(set));
  if (combined.ok()) RC_ASSERT(PlainOf(combined->ExposeSecret()) == secret);
}

TEST(KeySharing, BlindSetSeesEachShareEquallyOftenWhateverTheSecret) {
  // Two shares of one data center, over all values of the two coefficients they depend on: with
  // uniform coefficients, zero included, each pair comes up exactly once for every secret.
  const KeySharing& sharing = Script::Nested()->key_sharing();
  for (std::uint8_t secret_byte : {0, 1, 0x80, 0xff}) {
    Plain secret{};
    secret.fill(secret_byte);
    std::map<std::pair<int, int>, int> seen;
    for (int a = 0; a < 256; ++a) {
      for (int b0 = 0; b0 < 256; b0 += 48) {
        Bytes drawn(4 * kKeyRowBytes, 0);
        const int count = std::min(48, 256 - b0);
        for (int i = 0; i < 48; ++i) {
          drawn[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(a);
          drawn[kKeyRowBytes + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(b0 + i);
        }
        ScriptedEntropy scripted(drawn);
        const KeyShares shares = sharing.Split(SecretOf(secret), scripted);
        for (int i = 0; i < count; ++i) {
          const auto at = static_cast<std::size_t>(i);
          ++seen[{shares[0].ExposeSecret()[at], shares[1].ExposeSecret()[at]}];
        }
      }
    }
    ASSERT_EQ(seen.size(), 65536u);
  }
}

TEST(KeySharing, RefusesUnqualifiedTwiceAndOutOfRange) {
  testing::SeededEntropy entropy(3);
  const KeySharing& sharing = Script::Nested()->key_sharing();
  const KeyShares shares = sharing.Split(KeySecret(), entropy);
  std::vector<IndexedKeyShare> set;
  for (int j : {0, 1, 2, 3})
    set.push_back({NodeAt(j), shares[static_cast<std::size_t>(j)].Duplicate()});
  EXPECT_EQ(sharing.Combine(set).status().code(), absl::StatusCode::kFailedPrecondition);
  set.push_back({NodeAt(3), shares[3].Duplicate()});
  EXPECT_EQ(sharing.Combine(set).status().code(), absl::StatusCode::kInvalidArgument);
  set.back().index = NodeAt(9);
  EXPECT_EQ(sharing.Combine(set).status().code(), absl::StatusCode::kInvalidArgument);
  set.back().index = NodeAt(4);
  set.back().share = shares[4].Duplicate();
  EXPECT_TRUE(sharing.Combine(set).ok());
  for (const int rows : {0, 2, kKeyRowsMax}) {
    set.back().share = KeyShare(rows);
    EXPECT_EQ(sharing.Combine(set).status().code(), absl::StatusCode::kInvalidArgument) << rows;
  }
}

TEST(KeySharing, ANodeHasARowForEachPlaceAndTheMostThereCanBeStillShare) {
  const auto script = testing::SeveralRowsScript();
  const KeySharing& sharing = script->key_sharing();
  const std::array<int, kNodeCount> rows = {3, 1, 0, 2, 2, 1, 2, 1, 0};
  for (int j = 0; j < kNodeCount; ++j) {
    EXPECT_EQ(sharing.RowCount(NodeAt(j)), rows[static_cast<std::size_t>(j)]);
  }
  EXPECT_EQ(sharing.matrix().rows(), 12);
  // Node 0 stands at x = 1 and 2 of the gate at x = 1, and at x = 1 of the gate of three.
  const auto row = [&](int r) { return ToBytes(sharing.matrix().row(r)); };
  EXPECT_EQ(row(0), (Bytes{1, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(row(1), (Bytes{1, 1, 2, 0, 0, 0, 0}));
  EXPECT_EQ(row(2), (Bytes{1, 0, 0, 0, 0, 1, 1}));

  // 72 places, and all of them are needed.
  std::vector<KeyPolicy> places;
  for (int p = 0; p < kKeyPlacesMax; ++p) places.push_back(KeyPolicy::Leaf(NodeAt(p % kNodeCount)));
  const KeySharing most(KeyPolicy::Gate(kKeyPlacesMax, places));
  EXPECT_EQ(most.matrix().columns(), kKeyPlacesMax);
  testing::SeededEntropy entropy(4);
  KeySecret secret;
  entropy.Fill(secret.ExposeSecretMutable());
  const KeyShares shares = most.Split(secret, entropy);
  std::vector<IndexedKeyShare> all;
  for (int j = 0; j < kNodeCount; ++j) {
    EXPECT_EQ(shares[static_cast<std::size_t>(j)].rows(), kKeyRowsMax);
    EXPECT_FALSE(most.CanRead(NodeSet::All().Minus(NodeSet::FromBits(1u << j))));
    all.push_back({NodeAt(j), shares[static_cast<std::size_t>(j)].Duplicate()});
  }
  const auto combined = most.Combine(all);
  ASSERT_TRUE(combined.ok());
  EXPECT_TRUE(EqualConstantTime(combined->ExposeSecret(), secret.ExposeSecret()));
}

}  // namespace
}  // namespace worldb::cryptoscatter
