// Key exports and recovery keys.
//
// Goal:   what was exported comes out for the right recovery key alone, whole or not at all; each text
//         and file has one form.
// Method: round trips; every byte of an export and of a key file changed, every length cut.
#include "cryptoscatter/key_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

using ::testing::HasSubstr;

class KeyExportTest : public ::testing::Test {
 protected:
  SecretArray<32> Draw() {
    SecretArray<32> secret;
    entropy_.Fill(secret.ExposeSecretMutable());
    return secret;
  }
  KeyExport Make(const std::vector<int>& indices) {
    KeyExport keys;
    keys.cell.bytes = entropy_.Draw<16>();
    for (const int index : indices) {
      keys.nodes.push_back({NodeAt(index), NodeId{entropy_.Draw<16>()},
                            absl::StrCat("tokyo-", index), Draw(), Draw()});
    }
    return keys;
  }

  testing::SeededEntropy entropy_{7};
  ExchangeKeyPair recovery_ = ExchangeKeyPair::Generate(entropy_);
};

TEST_F(KeyExportTest, OpensForItsRecoveryKeyAlone) {
  for (const std::vector<int>& indices : {std::vector<int>{8}, {0, 1, 2, 3, 4, 5, 6, 7, 8}}) {
    const KeyExport keys = Make(indices);
    const auto sealed = SealKeyExport(keys, recovery_.public_key(), entropy_);
    ASSERT_TRUE(sealed.ok());
    const auto opened = OpenKeyExport(*sealed, recovery_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->cell, keys.cell);
    ASSERT_EQ(opened->nodes.size(), keys.nodes.size());
    for (std::size_t i = 0; i < keys.nodes.size(); ++i) {
      EXPECT_EQ(opened->nodes[i].id, keys.nodes[i].id);
      EXPECT_EQ(opened->nodes[i].name, keys.nodes[i].name);
    }
    EXPECT_EQ(HexEncode(EncodeExportedNodes(opened->nodes).ExposeSecret()),
              HexEncode(EncodeExportedNodes(keys.nodes).ExposeSecret()));
    const auto other = OpenKeyExport(*sealed, ExchangeKeyPair::Generate(entropy_));
    EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(other.status().message()),
                HasSubstr(FormatRecoveryPublicKey(recovery_.public_key())));
  }
}

TEST_F(KeyExportTest, AnyChangedOrMissingByteIsRefused) {
  const auto sealed = SealKeyExport(Make({3, 5}), recovery_.public_key(), entropy_);
  ASSERT_TRUE(sealed.ok());
  for (std::size_t at = 0; at < sealed->size(); ++at) {
    Bytes changed = *sealed;
    changed[at] ^= 0x40;
    EXPECT_FALSE(OpenKeyExport(changed, recovery_).ok()) << at;
    EXPECT_FALSE(OpenKeyExport(ByteSpan(*sealed).first(at), recovery_).ok()) << at;
  }
  Bytes longer = *sealed;
  longer.push_back(0);
  EXPECT_FALSE(OpenKeyExport(longer, recovery_).ok());
}

TEST_F(KeyExportTest, NodesAreInOrderAndOnce) {
  KeyExport keys = Make({2, 4});
  std::swap(keys.nodes[0], keys.nodes[1]);
  EXPECT_FALSE(DecodeExportedNodes(EncodeExportedNodes(keys.nodes).ExposeSecret()).ok());
  keys.nodes[1].index = keys.nodes[0].index;
  EXPECT_FALSE(DecodeExportedNodes(EncodeExportedNodes(keys.nodes).ExposeSecret()).ok());
  EXPECT_FALSE(DecodeExportedNodes(EncodeExportedNodes({}).ExposeSecret()).ok());
}

TEST_F(KeyExportTest, RecoveryKeyTextsHaveOneForm) {
  const std::string text = FormatRecoveryPublicKey(recovery_.public_key());
  EXPECT_EQ(text.size(), 53u);
  const auto parsed = ParseRecoveryPublicKey(text);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, recovery_.public_key());
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ParseRecoveryPublicKey(changed).ok()) << at;
  }
  EXPECT_FALSE(ParseRecoveryPublicKey(text + "=").ok());

  const SecretBytes file = EncodeRecoveryKeyFile(recovery_);
  const auto again = DecodeRecoveryKeyFile(file.ExposeSecret());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->public_key(), recovery_.public_key());
  for (std::size_t at = 0; at < file.size(); ++at) {
    Bytes changed = ToBytes(file.ExposeSecret());
    changed[at] ^= 1;
    EXPECT_FALSE(DecodeRecoveryKeyFile(changed).ok()) << at;
    EXPECT_FALSE(DecodeRecoveryKeyFile(file.ExposeSecret().first(at)).ok()) << at;
  }
}

}  // namespace
}  // namespace worldb::cryptoscatter
