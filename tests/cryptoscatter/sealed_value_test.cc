// Goal:   what leaves the edge opens to the same bytes for every size, and a scatterer notices
// every
//         change of it.
// Method: full round trips at all boundary sizes; every single-byte flip and every truncation of an
//         encoded sealed value, judged by the checks a home makes.
#include "cryptoscatter/sealed_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cryptoscatter/opener.h"
#include "cryptoscatter/stripe_aead.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;
using testing::ScatteredValue;

class SuiteTest : public ::testing::TestWithParam<Suite> {};
INSTANTIATE_TEST_SUITE_P(Suites, SuiteTest, ::testing::ValuesIn(kAllSuites));

TEST_P(SuiteTest, SealRoundTripsForEverySize) {
  for (const auto& script : {Script::Nested(), Script::Flat()}) {
    ScatterCell cell(21, script, GetParam());
    BatchVerifier verifier;
    for (std::size_t bytes : {0u, 1u, 15u, 16u, 17u, 1023u, 1024u, 1025u, 65503u, 65509u, 65519u,
                              65520u, 65521u, 262143u, 4u << 20}) {
      Bytes value(bytes);
      cell.entropy().Fill(value);
      // 9 name bytes and a length of 2: 65509 makes a plaintext of exactly one nested segment.
      const ScatteredValue scattered = cell.Scatter(AsBytes("round/key"), value);
      const auto decoded = SealedValue::Decode(scattered.sealed.Encode());
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      ASSERT_EQ(*decoded, scattered.sealed);
      GatherDecoder decoder({cell.cell(), decoded->core.Id(), Version(17)}, verifier);
      for (int j : {8, 7, 2, 1, 5}) {
        const auto at = static_cast<std::size_t>(j);
        decoder.Add(scattered.shares[at], scattered.key_shares[at].Duplicate(), "n");
      }
      const auto opened = decoder.Open(AsBytes("round/key"));
      ASSERT_TRUE(opened.ok()) << bytes << ": " << opened.status();
      ASSERT_TRUE(ToBytes(opened->value.ExposeSecret()) == value) << bytes;
      ASSERT_EQ(AsText(opened->key_name), "round/key");
    }
  }
}

TEST(Seal, ATombstoneOpensAsOneAndHasNoValue) {
  ScatterCell cell(25);
  BatchVerifier verifier;
  const ScatteredValue deleted =
      cell.Scatter(AsBytes("gone"), {}, Version(3), ValueKind::kTombstone);
  const ScatteredValue empty = cell.Scatter(AsBytes("gone"), {}, Version(3));
  const auto open = [&](const ScatteredValue& scattered, bool turned) {
    GatherDecoder decoder({cell.cell(), std::nullopt, Version(3)}, verifier);
    for (const std::size_t at : {0u, 1u, 3u, 4u}) {
      Share share = scattered.shares[at];
      if (turned) share.core.kind = ValueKind::kTombstone;
      decoder.Add(std::move(share), scattered.key_shares[at].Duplicate(), "n");
    }
    return decoder.Open(AsBytes("gone"));
  };
  ASSERT_TRUE(open(deleted, false).ok() && open(empty, false).ok());
  EXPECT_EQ(open(deleted, false)->kind, ValueKind::kTombstone);
  EXPECT_EQ(open(deleted, false)->value.size(), 0u);
  EXPECT_EQ(open(empty, false)->kind, ValueKind::kValue);
  EXPECT_FALSE(open(empty, true).ok()) << "the writer signs the kind";
  EXPECT_FALSE(
      Seal(cell.script(),
           {cell.cell(), KeyTag(), OpId(), AsBytes("k"), AsBytes("v"), ValueKind::kTombstone},
           cell.session(), cell.entropy())
          .ok());
}

TEST(Seal, RefusesWhatIsTooLongAndTakesTheLargest) {
  ScatterCell cell(22);
  const Bytes name(kKeyNameBytesMax + 1);
  const Bytes value(kValueBytesMax + 1);
  const auto seal = [&](ByteSpan n, ByteSpan v) {
    return Seal(cell.script(), {cell.cell(), KeyTag(), OpId(), n, v}, cell.session(),
                cell.entropy());
  };
  EXPECT_EQ(seal(name, {}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(seal({}, value).status().code(), absl::StatusCode::kInvalidArgument);
  const auto largest =
      seal(ByteSpan(name).first(kKeyNameBytesMax), ByteSpan(value).first(kValueBytesMax));
  ASSERT_TRUE(largest.ok());
  EXPECT_TRUE(Core::Decode(largest->core.Encode()).ok());
}

TEST(Seal, AnUnknownSuiteIsRefusedAndNothingFallsBack) {
  ScatterCell cell(26);
  SealRequest request{cell.cell(), KeyTag(), OpId(), AsBytes("k"), AsBytes("v")};
  EXPECT_EQ(Seal(cell.script(), request, cell.session(), cell.entropy())->core.suite,
            kDefaultSuite);
  request.suite = static_cast<Suite>(3);
  EXPECT_EQ(Seal(cell.script(), request, cell.session(), cell.entropy()).status().code(),
            absl::StatusCode::kInvalidArgument);
  // The same value under the other suite's id: its fragments no longer have their roots.
  for (Suite suite : kAllSuites) {
    SealedValue sealed = ScatterCell(27, Script::Nested(), suite).Seal(AsBytes("k"), AsBytes("v"));
    ASSERT_TRUE(VerifySealedValue(cell.script(), sealed).ok());
    sealed.core.suite =
        suite == Suite::kXChaCha20Blake2b ? Suite::kAes256GcmSha256 : Suite::kXChaCha20Blake2b;
    EXPECT_FALSE(VerifySealedValue(cell.script(), sealed).ok());
  }
}

TEST(Seal, SameRequestTwiceSharesNothing) {
  ScatterCell cell(23);
  const SealedValue a = cell.Seal(AsBytes("k"), AsBytes("same value"));
  const SealedValue b = cell.Seal(AsBytes("k"), AsBytes("same value"));
  EXPECT_NE(a.core.key_commit, b.core.key_commit);
  EXPECT_NE(a.ciphertext, b.ciphertext);
  for (std::size_t j = 0; j < 9; ++j) EXPECT_NE(a.key_share_hashes[j], b.key_share_hashes[j]);
  EXPECT_EQ(a.core.key_tag, b.core.key_tag);
}

TEST(SealedKeyShare, OpensOnlyForItsNodeCoreAndIndex) {
  ScatterCell cell(24);
  const SealedValue sealed = cell.Seal(AsBytes("k"), AsBytes("v"));
  const CoreId core = sealed.core.Id();
  const auto pairwise = cell.exchange(4).PairwiseKeyAsOpener(sealed.writer_exchange_key);
  const auto open = [&](const CoreId& c, int index, int node) {
    return OpenKeyShare(*pairwise, {c, NodeAt(index), sealed.key_share_hashes[4]}, cell.node(node),
                        sealed.key_shares[4]);
  };
  EXPECT_TRUE(open(core, 4, 4).ok());
  EXPECT_EQ(open(CoreId(), 4, 4).status(), OpenFailure());
  EXPECT_EQ(open(core, 5, 4).status(), OpenFailure());
  EXPECT_EQ(open(core, 4, 5).status(), OpenFailure());
  const auto other = cell.exchange(5).PairwiseKeyAsOpener(sealed.writer_exchange_key);
  const KeyShareRef ref{core, NodeAt(4), sealed.key_share_hashes[4]};
  EXPECT_EQ(OpenKeyShare(*other, ref, cell.node(4), sealed.key_shares[4]).status(), OpenFailure());
  const KeyShareRef other_hash{core, NodeAt(4), sealed.key_share_hashes[5]};
  EXPECT_EQ(OpenKeyShare(*pairwise, other_hash, cell.node(4), sealed.key_shares[4]).status(),
            OpenFailure());
  // Node to reader, with the same functions.
  const ExchangeKeyPair reader = ExchangeKeyPair::Generate(cell.entropy());
  const NodeId reader_id = ReaderIdOf(reader.public_key());
  const KeyShare share = cell.OpenShareOf(sealed, 4);
  const SealedKeyShare for_reader = SealKeyShare(
      *cell.exchange(4).PairwiseKeyAsSealer(reader.public_key()), ref, reader_id, share);
  const auto received = OpenKeyShare(*reader.PairwiseKeyAsOpener(cell.exchange(4).public_key()),
                                     ref, reader_id, for_reader);
  ASSERT_TRUE(received.ok());
  EXPECT_TRUE(EqualConstantTime(received->ExposeSecret(), share.ExposeSecret()));
}

TEST_P(SuiteTest, EveryFlipOfASealedValueIsRefusedOrDetectedBeforeAnythingIsStored) {
  ScatterCell cell(25, Script::Nested(), GetParam());
  const SealedValue sealed = cell.Seal(AsBytes("flip/key"), AsBytes("forty-two"));
  const Bytes encoded = sealed.Encode();
  BatchVerifier verifier;
  // What the home and then the nodes check.
  const auto accepted = [&](ByteSpan bytes) {
    const auto decoded = SealedValue::Decode(bytes);
    if (!decoded.ok() || !CheckSealedValue(cell.script(), *decoded).ok()) return false;
    if (!verifier.VerifyCommit(decoded->proof, cell.cell(), decoded->Commitment()).ok())
      return false;
    const CoreId core = decoded->core.Id();
    for (int j = 0; j < kNodeCount; ++j) {
      const auto at = static_cast<std::size_t>(j);
      if (decoded->node_exchange_keys[at] != cell.exchange(j).public_key()) return false;
      const auto pairwise = cell.exchange(j).PairwiseKeyAsOpener(decoded->writer_exchange_key);
      if (!pairwise.ok()) return false;
      const auto share = OpenKeyShare(*pairwise, {core, NodeAt(j), decoded->key_share_hashes[at]},
                                      cell.node(j), decoded->key_shares[at]);
      if (!share.ok() || KeyShareHash(core, NodeAt(j), *share) != decoded->key_share_hashes[at]) {
        return false;
      }
    }
    return true;
  };
  ASSERT_TRUE(accepted(encoded));
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    Bytes changed = encoded;
    changed[at] ^= 0x01;
    EXPECT_FALSE(accepted(changed)) << at;
    EXPECT_FALSE(SealedValue::Decode(ByteSpan(encoded).first(at)).ok()) << at;
  }
  Bytes longer = encoded;
  longer.push_back(0);
  EXPECT_FALSE(SealedValue::Decode(longer).ok());
}

TEST(CheckSealedValue, NamesWhatDoesNotMatch) {
  ScatterCell cell(26);
  const SealedValue sealed = cell.Seal(AsBytes("k"), AsBytes("v"));
  const auto words = [&](const SealedValue& value) {
    return std::string(CheckSealedValue(cell.script(), value).status().message());
  };
  SealedValue bad = sealed;
  bad.fragment_roots[6] = Hash256();
  EXPECT_THAT(words(bad), ::testing::HasSubstr("fragment 6 does not have the claimed root"));
  bad = sealed;
  bad.script = Script::Flat()->id();
  EXPECT_THAT(words(bad), ::testing::HasSubstr("instead of"));
  bad = sealed;
  bad.ciphertext.push_back(0);
  EXPECT_THAT(words(bad), ::testing::HasSubstr("bytes of ciphertext"));
  bad = sealed;
  bad.core.segment_bytes = Script::Flat()->segment_bytes();
  EXPECT_THAT(words(bad), ::testing::HasSubstr("segments of"));
}

}  // namespace
}  // namespace worldb::cryptoscatter
