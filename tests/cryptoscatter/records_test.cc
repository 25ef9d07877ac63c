// Goal:   records have one encoding, and every altered, cut or lengthened one is refused or
// detected. Method: round trips, every single-byte flip, every truncation; batches of several
// sizes.
#include "cryptoscatter/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cryptoscatter/script.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

using ::testing::HasSubstr;

Core SomeCore() {
  testing::SeededEntropy entropy(9);
  Core core;
  core.cell.bytes = entropy.Draw<16>();
  core.key_tag.bytes = entropy.Draw<16>();
  core.op_id.bytes = entropy.Draw<16>();
  core.segment_bytes = Script::Nested()->segment_bytes();
  core.plaintext_bytes = 300;
  core.key_commit.bytes = entropy.Draw<32>();
  return core;
}

std::vector<CommitmentId> Commitments(std::size_t count) {
  testing::SeededEntropy entropy(count);
  std::vector<CommitmentId> out(count);
  for (CommitmentId& id : out) id.bytes = entropy.Draw<32>();
  return out;
}

// `decode` refuses every truncation and every trailing byte.
template <typename Decode>
void ExpectExactLength(const Bytes& encoded, Decode decode) {
  EXPECT_TRUE(decode(encoded).ok());
  for (std::size_t bytes = 0; bytes < encoded.size(); ++bytes) {
    EXPECT_FALSE(decode(ByteSpan(encoded).first(bytes)).ok()) << bytes;
  }
  Bytes longer = encoded;
  longer.push_back(0);
  EXPECT_FALSE(decode(longer).ok());
}

TEST(Core, RoundTripsAndEveryFlipIsRefusedOrIsAnotherCore) {
  const Core core = SomeCore();
  const auto array = core.Encode();
  const Bytes encoded = ToBytes(array);
  ASSERT_EQ(encoded.size(), 102u);
  EXPECT_EQ(*Core::Decode(encoded), core);
  ExpectExactLength(encoded, [](ByteSpan bytes) { return Core::Decode(bytes); });
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    Bytes changed = encoded;
    changed[at] ^= 0x40;
    const auto decoded = Core::Decode(changed);
    if (decoded.ok()) {
      EXPECT_NE(decoded->Id(), core.Id()) << at;
      EXPECT_EQ(ToBytes(decoded->Encode()), changed) << at;
    }
  }
}

TEST(Core, UnknownSuitesAndAbsurdSizesAreRefusedByName) {
  const auto expect = [](const Core& core, absl::StatusCode code, const char* words) {
    const auto decoded = Core::Decode(core.Encode());
    EXPECT_EQ(decoded.status().code(), code);
    EXPECT_THAT(std::string(decoded.status().message()), HasSubstr(words));
  };
  Core core = SomeCore();
  for (Suite suite : kAllSuites) {
    core.suite = suite;
    EXPECT_EQ(Core::Decode(core.Encode())->suite, suite);
  }
  core.suite = static_cast<Suite>(0);
  expect(core, absl::StatusCode::kInvalidArgument, "core: unknown suite 0");
  core.suite = static_cast<Suite>(3);
  expect(core, absl::StatusCode::kInvalidArgument, "core: unknown suite 3");
  core = SomeCore();
  core.segment_bytes = 1000;
  expect(core, absl::StatusCode::kInvalidArgument, "not a segment size");
  core.segment_bytes = 0xfffffff0;
  expect(core, absl::StatusCode::kInvalidArgument, "not a segment size");
  core = SomeCore();
  core.plaintext_bytes = kSealedPlaintextBytesMax + 1;
  expect(core, absl::StatusCode::kInvalidArgument, "plaintext bytes");
  core.plaintext_bytes = 1;
  expect(core, absl::StatusCode::kInvalidArgument, "plaintext bytes");
}

TEST(Core, AFileMayBeLarge) {
  Core core = SomeCore();
  core.kind = ValueKind::kFile;
  core.plaintext_bytes = kFilePlaintextBytesMax;
  EXPECT_EQ(*Core::Decode(core.Encode()), core);
  ++core.plaintext_bytes;
  EXPECT_FALSE(Core::Decode(core.Encode()).ok());
}

TEST(Core, AnUnknownKindIsRefusedAndATombstoneHasRoomForANameOnly) {
  Core core = SomeCore();
  const CoreId value = core.Id();
  core.kind = ValueKind::kTombstone;
  EXPECT_NE(core.Id(), value);
  EXPECT_EQ(*Core::Decode(core.Encode()), core);
  core.plaintext_bytes = 2 + kKeyNameBytesMax + 1;
  EXPECT_FALSE(Core::Decode(core.Encode()).ok());
  auto encoded = SomeCore().Encode();
  encoded[8] = 3;
  EXPECT_THAT(std::string(Core::Decode(encoded).status().message()), HasSubstr("unknown kind"));
}

TEST(CommitBatch, EveryMemberVerifiesAndOneSignatureIsCheckedOnce) {
  testing::SeededEntropy entropy(4);
  const SigningKeyPair writer = SigningKeyPair::Generate(entropy);
  const CellId cell = SomeCore().cell;
  for (std::size_t count : {1u, 2u, 3u, 255u, 256u, 257u, 600u}) {
    const std::vector<CommitmentId> commitments = Commitments(count);
    const std::vector<CommitProof> proofs = SignBatch(writer, cell, commitments);
    ASSERT_EQ(proofs.size(), count);
    BatchVerifier verifier;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(verifier.VerifyCommit(proofs[i], cell, commitments[i]).ok());
      ASSERT_EQ(*CommitProof::Decode(proofs[i].Encode()), proofs[i]);
    }
    EXPECT_EQ(verifier.signature_checks(), (count + 255) / 256);
    EXPECT_FALSE(verifier.VerifyCommit(proofs[0], CellId(), commitments[0]).ok());
    EXPECT_FALSE(verifier.VerifyCommit(proofs[0], cell, CommitmentId()).ok());
  }
  EXPECT_TRUE(SignBatch(writer, cell, {}).empty());
}

TEST(CommitBatch, EveryFlipOfAProofIsRefused) {
  testing::SeededEntropy entropy(5);
  const SigningKeyPair writer = SigningKeyPair::Generate(entropy);
  const CellId cell = SomeCore().cell;
  const std::vector<CommitmentId> commitments = Commitments(11);
  const Bytes encoded = SignBatch(writer, cell, commitments)[6].Encode();
  ExpectExactLength(encoded, [](ByteSpan bytes) { return CommitProof::Decode(bytes); });
  BatchVerifier verifier;
  ASSERT_TRUE(verifier.VerifyCommit(*CommitProof::Decode(encoded), cell, commitments[6]).ok());
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    for (std::uint8_t flip : {0x01, 0x80}) {
      Bytes changed = encoded;
      changed[at] ^= flip;
      const auto proof = CommitProof::Decode(changed);
      EXPECT_FALSE(proof.ok() && verifier.VerifyCommit(*proof, cell, commitments[6]).ok()) << at;
    }
  }
}

TEST(BatchVerifier, ForgetsTheOldestAndChecksItAgain) {
  testing::SeededEntropy entropy(6);
  const SigningKeyPair writer = SigningKeyPair::Generate(entropy);
  const CellId cell;
  BatchVerifier verifier(2);
  const std::vector<CommitmentId> ids = Commitments(3);
  std::vector<CommitProof> proofs;
  for (const CommitmentId& id : ids) proofs.push_back(SignBatch(writer, cell, {&id, 1}).front());
  for (int i : {0, 1, 1, 0, 2, 1, 2, 0}) {  // 2 drives out 0, the last 0 drives out 1
    const auto at = static_cast<std::size_t>(i);
    EXPECT_TRUE(verifier.VerifyCommit(proofs[at], cell, ids[at]).ok());
  }
  EXPECT_EQ(verifier.signature_checks(), 4u);
}

TEST(Receipt, RoundTripsAndEveryFlipIsRefused) {
  testing::SeededEntropy entropy(7);
  const SigningKeyPair node = SigningKeyPair::Generate(entropy);
  const CellId cell = SomeCore().cell;
  std::vector<ReceiptClaim> claims;
  for (int i = 0; i < 5; ++i) {
    claims.push_back({Slot(static_cast<std::uint16_t>(700 + i)), SlotEpoch(2), Version(99),
                      SomeCore().Id(), 0, NodeAt(4)});
  }
  const std::vector<Receipt> receipts = SignReceipts(node, cell, claims);
  BatchVerifier verifier;
  for (const Receipt& receipt : receipts) {
    EXPECT_TRUE(verifier.VerifyReceipt(receipt, cell).ok());
    EXPECT_FALSE(verifier.VerifyReceipt(receipt, CellId()).ok());
  }
  const Bytes encoded = receipts[2].Encode();
  EXPECT_EQ(*Receipt::Decode(encoded), receipts[2]);
  ExpectExactLength(encoded, [](ByteSpan bytes) { return Receipt::Decode(bytes); });
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    Bytes changed = encoded;
    changed[at] ^= 0x10;
    const auto receipt = Receipt::Decode(changed);
    EXPECT_FALSE(receipt.ok() && verifier.VerifyReceipt(*receipt, cell).ok()) << at;
  }
  // A receipt never passes as a commit proof.
  EXPECT_FALSE(
      verifier.VerifyCommit(receipts[2].proof, cell, CommitmentId{receipts[2].claim.Leaf().bytes})
          .ok());
}

// Whoever knows the claims has the receipts with the signatures alone.
TEST(Receipt, SignaturesAloneStandForTheReceiptsOfKnownClaims) {
  testing::SeededEntropy entropy(8);
  const SigningKeyPair node = SigningKeyPair::Generate(entropy);
  const CellId cell = SomeCore().cell;
  for (const std::size_t count : {0, 1, 2, 255, 256, 257, 600}) {
    std::vector<ReceiptClaim> claims;
    for (std::size_t i = 0; i < count; ++i) {
      claims.push_back({Slot(1), SlotEpoch(2), Version(i), SomeCore().Id(), 0, NodeAt(4)});
    }
    const std::vector<Signature> signatures = SignClaims(node, cell, claims);
    const std::vector<Receipt> receipts = SignReceipts(node, cell, claims);
    ASSERT_EQ(signatures.size(), (count + 255) / 256);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(receipts[i].proof.signature, signatures[i / 256]) << i;
    }
    const auto good = [&](const std::vector<ReceiptClaim>& of, const CellId& where,
                          const std::vector<Signature>& by) {
      return VerifyClaims(node.public_key(), where, of, by).ok();
    };
    EXPECT_TRUE(good(claims, cell, signatures));
    if (count == 0) continue;
    EXPECT_FALSE(good(claims, CellId(), signatures));
    EXPECT_FALSE(good({claims.begin() + 1, claims.end()}, cell, signatures));
    std::vector<ReceiptClaim> changed = claims;
    changed.back().version = Version(9999);
    EXPECT_FALSE(good(changed, cell, signatures));
    std::vector<Signature> forged = signatures;
    forged.back().bytes[3] ^= 1;
    EXPECT_FALSE(good(claims, cell, forged));
    forged = signatures;
    forged.push_back(signatures.back());
    EXPECT_FALSE(good(claims, cell, forged));
    const SigningKeyPair other = SigningKeyPair::Generate(entropy);
    EXPECT_FALSE(VerifyClaims(other.public_key(), cell, claims, signatures).ok());
  }
}

}  // namespace
}  // namespace worldb::cryptoscatter
