// Goal:   a name opens where it was sealed and nowhere else.
// Method: one row, taken to another key, another node, another storage key, and changed.
#include "engine/rows/name_rows.h"

#include <gtest/gtest.h>

#include "tests/support/seeded_entropy.h"

namespace worldb::engine {
namespace {

SecretArray<32> DrawKey(Entropy& entropy) {
  SecretArray<32> key;
  entropy.Fill(key.ExposeSecretMutable());
  return key;
}

TEST(NameRow, OpensUnderItsKeyOnItsNodeAlone) {
  worldb::testing::SeededEntropy entropy(1);
  const SecretArray<32> storage_key = DrawKey(entropy);
  const SecretArray<32> other_storage_key = DrawKey(entropy);
  const NodeId node{entropy.Draw<16>()};
  const NodeId other_node{entropy.Draw<16>()};
  const std::string key = NameRow::Key(KeyTag{entropy.Draw<16>()});
  const std::string other_key = NameRow::Key(KeyTag{entropy.Draw<16>()});
  EXPECT_EQ(key.substr(0, 2), "k/");
  EXPECT_EQ(key.size(), 18u);

  Bytes row = NameRow::Seal(storage_key, node, key, AsBytes("name"), entropy);
  const auto opened = NameRow::Open(storage_key, node, key, row);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(AsText(*opened), "name");
  EXPECT_TRUE(absl::IsDataLoss(NameRow::Open(storage_key, node, other_key, row).status()));
  EXPECT_TRUE(absl::IsDataLoss(NameRow::Open(storage_key, other_node, key, row).status()));
  EXPECT_TRUE(absl::IsDataLoss(NameRow::Open(other_storage_key, node, key, row).status()));
  row.back() ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(NameRow::Open(storage_key, node, key, row).status()));
  EXPECT_FALSE(NameRow::Open(storage_key, node, key, {}).ok());
}

}  // namespace
}  // namespace worldb::engine
