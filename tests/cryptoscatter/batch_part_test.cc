// Goal:   a part of a batch gives back each proof that was added to it, byte for byte; its encoding is
//         one, and minimal; a proof that contradicts it changes nothing.
// Method: all counts to 17 and 256; all small subsets of members in several orders, and random large
//         ones; the encoding of the size that a plain count of subtrees gives.
#include "cryptoscatter/batch_part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

using Members = std::vector<std::uint32_t>;

struct Batch {
  explicit Batch(std::uint32_t count, std::uint64_t seed = 1) {
    testing::SeededEntropy entropy(seed);
    const SigningKeyPair writer = SigningKeyPair::Generate(entropy);
    cell.bytes = entropy.Draw<16>();
    for (std::uint32_t i = 0; i < count; ++i) {
      commitments.push_back(CommitmentId{entropy.Draw<32>()});
    }
    proofs = SignBatch(writer, cell, commitments);
  }
  std::uint32_t count() const { return static_cast<std::uint32_t>(commitments.size()); }
  BatchPart Of(const Members& members) const {
    BatchPart part = BatchPart::Of(cell, proofs[members[0]], commitments[members[0]]);
    for (const std::uint32_t i : members) {
      EXPECT_TRUE(part.Add(cell, proofs[i], commitments[i]).ok()) << i;
    }
    return part;
  }

  CellId cell;
  std::vector<CommitmentId> commitments;
  std::vector<CommitProof> proofs;
};

// Members, and subtrees without a held one whose parent has one, at the members [begin, end) of a tree
// that is `width` wide.
std::size_t HashesWritten(const Members& held, std::uint32_t begin, std::uint32_t width,
                          std::uint32_t count) {
  if (begin >= count) return 0;
  const bool any = std::any_of(held.begin(), held.end(),
                               [&](std::uint32_t i) { return i >= begin && i < begin + width; });
  if (width == 1 || !any) return 1;
  return HashesWritten(held, begin, width / 2, count) +
         HashesWritten(held, begin + width / 2, width / 2, count);
}

void ExpectWhole(const Batch& batch, const Members& members) {
  const BatchPart part = batch.Of(members);
  EXPECT_EQ(part.count(), batch.count());
  EXPECT_EQ(part.first_held(), *std::min_element(members.begin(), members.end()));
  EXPECT_EQ(part.ref(), BatchRefOf(batch.cell, batch.proofs[0], batch.commitments[0]));
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    ASSERT_EQ(part.Holds(i), std::count(members.begin(), members.end(), i) != 0);
    if (!part.Holds(i)) continue;
    ASSERT_EQ(part.ProofOf(i), batch.proofs[i]);
    ASSERT_EQ(part.Member(i), batch.commitments[i]);
  }
  const Bytes bytes = part.Encode();
  std::uint32_t width = 1;
  while (width < batch.count()) width *= 2;
  EXPECT_EQ(bytes.size(), 16 + 32 + 64 + 2 + (batch.count() + 7) / 8 +
                              32 * HashesWritten(members, 0, width, batch.count()));
  const auto again = BatchPart::Decode(bytes);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(*again == part);
  Members backwards(members.rbegin(), members.rend());
  EXPECT_TRUE(batch.Of(backwards) == part);
}

TEST(BatchPartTest, AllSubsetsOfSmallBatches) {
  for (std::uint32_t count = 1; count <= 10; ++count) {
    const Batch batch(count);
    for (std::uint32_t bits = 1; bits < 1u << count; ++bits) {
      Members members;
      for (std::uint32_t i = 0; i < count; ++i) {
        if ((bits >> i & 1) != 0) members.push_back(i);
      }
      ExpectWhole(batch, members);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(BatchPartTest, UpToThreeMembersOfLargerOnesAndRandomSubsets) {
  std::mt19937_64 random(1);
  for (std::uint32_t count = 11; count <= 17; ++count) {
    const Batch batch(count);
    for (std::uint32_t a = 0; a < count; ++a) {
      for (std::uint32_t b = a; b < count; ++b) {
        for (std::uint32_t c = b; c < count; ++c) {
          Members members = {c, a, b};
          std::sort(members.begin(), members.end());
          members.erase(std::unique(members.begin(), members.end()), members.end());
          ExpectWhole(batch, members);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
  for (const std::uint32_t count : {129u, 255u, 256u}) {
    const Batch batch(count);
    Members members(count);
    for (std::uint32_t i = 0; i < count; ++i) members[i] = i;
    ExpectWhole(batch, members);
    for (int round = 0; round < 40; ++round) {
      std::shuffle(members.begin(), members.end(), random);
      ExpectWhole(batch, Members(members.begin(), members.begin() + 1 + random() % (count / 2)));
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_EQ(Batch(256).Of({7}).Encode().size(), 114 + 32 + 32 * 9u);
}

TEST(BatchPartTest, WhatContradictsItChangesNothing) {
  for (const std::uint32_t count : {1u, 2u, 7u, 16u}) {
    const Batch batch(count);
    const Batch other(count, 2);
    const Members held = count < 7 ? Members{0} : Members{1, 4};
    const BatchPart before = batch.Of(held);
    BatchPart part = before;
    for (std::uint32_t i = 0; i < count; ++i) {
      const CommitProof& proof = batch.proofs[i];
      const CommitmentId& commitment = batch.commitments[i];
      const auto refused = [&](const CellId& cell, const CommitProof& bad, const CommitmentId& id) {
        EXPECT_FALSE(part.Add(cell, bad, id).ok());
        EXPECT_TRUE(part == before);
      };
      refused(other.cell, proof, commitment);
      refused(batch.cell, other.proofs[i], other.commitments[i]);
      refused(batch.cell, proof, other.commitments[i]);
      CommitProof bad = proof;
      bad.signature.bytes[0] ^= 1;
      refused(batch.cell, bad, commitment);
      bad = proof;
      bad.signer.bytes[0] ^= 1;
      refused(batch.cell, bad, commitment);
      for (std::size_t at = 0; at < proof.path.size(); ++at) {
        bad = proof;
        bad.path[at].bytes[31] ^= 1;
        refused(batch.cell, bad, commitment);
      }
    }
  }
}

TEST(BatchPartTest, OtherBytesDoNotDecodeOrAreOfAnotherBatch) {
  const Batch batch(11);
  const BatchPart part = batch.Of({2, 9});
  const Bytes good = part.Encode();
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_FALSE(BatchPart::Decode(ByteSpan(good).first(bytes)).ok()) << bytes;
  }
  Bytes grown = good;
  grown.push_back(0);
  EXPECT_FALSE(BatchPart::Decode(grown).ok());
  constexpr std::size_t kSignatureAt = 16 + 32;
  constexpr std::size_t kHeldAt = kSignatureAt + 64 + 2;
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const auto decoded = BatchPart::Decode(bad);
    if (!decoded.ok()) continue;
    EXPECT_EQ(decoded->Encode(), bad);
    // The signature is not under the digest; and a member beside a held one may as well be held.
    const bool in_signature = bit / 8 >= kSignatureAt && bit / 8 < kSignatureAt + 64;
    const bool in_held = bit / 8 == kHeldAt || bit / 8 == kHeldAt + 1;
    EXPECT_EQ(decoded->ref() == part.ref(), in_signature || in_held) << bit;
  }
  for (const std::uint16_t count : {0, 257, 65535}) {
    Bytes bad = good;
    bad[112] = static_cast<std::uint8_t>(count);
    bad[113] = static_cast<std::uint8_t>(count >> 8);
    EXPECT_FALSE(BatchPart::Decode(bad).ok());
  }
}

}  // namespace
}  // namespace worldb::cryptoscatter
