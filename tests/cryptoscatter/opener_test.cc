// Goal:   with one to four liars of any kind the decoder names each of them and still returns the
// right
//         bytes while the honest rest is a reading set; it never returns wrong ones.
// Method: random liars and lies over all nine shares (rapidcheck), fragment and key share damaged
// apart or
//         together, whole shares replaced by another value's; plus single cases with their words.
#include "cryptoscatter/opener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cryptoscatter/stripe_aead.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using ::testing::HasSubstr;
using testing::ScatterCell;
using testing::ScatteredValue;
using ::testing::SizeIs;

enum class Lie {
  kNone,
  kFragmentFlip,
  kFragmentCut,
  kKeyShareFlip,
  kBothFlip,
  kProofFlip,
  kOtherValue,     // a whole share of another core
  kOtherFragment,  // the fragment of another index
  kOtherVersion,
};

const ByteSpan kName = AsBytes("robust/key");

void Damage(Lie lie, int j, const ScatteredValue& other, Share& share, KeyShare& key_share) {
  const auto at = static_cast<std::size_t>(j);
  switch (lie) {
    case Lie::kNone:
      break;
    case Lie::kFragmentFlip:
      share.fragment.back() ^= 4;
      break;
    case Lie::kFragmentCut:
      share.fragment.pop_back();
      break;
    case Lie::kKeyShareFlip:
      key_share.ExposeSecretMutable()[47] ^= 1;
      break;
    case Lie::kBothFlip:
      share.fragment[0] ^= 1;
      key_share.ExposeSecretMutable()[0] ^= 0x80;
      break;
    case Lie::kProofFlip:
      share.path.data_centers[0].bytes[3] ^= 1;
      break;
    case Lie::kOtherValue:
      share = other.shares[at];
      key_share = other.key_shares[at].Duplicate();
      break;
    case Lie::kOtherFragment:
      share.fragment = other.shares[at].fragment;
      break;
    case Lie::kOtherVersion:
      share.version = Version(16);
      break;
  }
}

bool FragmentGood(Lie lie) { return lie == Lie::kNone || lie == Lie::kKeyShareFlip; }
bool KeyShareGood(Lie lie) {
  return lie == Lie::kNone || lie == Lie::kFragmentFlip || lie == Lie::kFragmentCut ||
         lie == Lie::kOtherFragment;
}

RC_GTEST_PROP(GatherDecoder, NamesEveryLiarAndOpensWhileTheRestSuffices, ()) {
  const auto script = *rc::gen::arbitrary<bool>() ? Script::Nested() : Script::Flat();
  const Suite suite = *rc::gen::elementOf(kAllSuites);
  ScatterCell cell(*rc::gen::arbitrary<std::uint64_t>(), script, suite);
  const Bytes value(*rc::gen::element<std::size_t>(0, 1, 500, 90'000), 0x77);
  ScatteredValue scattered = cell.Scatter(kName, value);
  const ScatteredValue other = cell.Scatter(kName, Bytes(value.size(), 0x78));

  std::array<Lie, kNodeCount> lies{};
  const int liars = *rc::gen::inRange(1, 5);
  const auto order = *rc::gen::unique<std::vector<int>>(9, rc::gen::inRange(0, 9));
  for (int i = 0; i < liars; ++i) {
    lies[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] =
        static_cast<Lie>(*rc::gen::inRange(1, 9));
  }
  BatchVerifier verifier;
  GatherDecoder decoder({cell.cell(), scattered.sealed.core.Id(), Version(17)}, verifier);
  NodeSet fragments;
  NodeSet key_shares;
  for (int j : order) {
    const auto at = static_cast<std::size_t>(j);
    Share share = scattered.shares[at];
    KeyShare key_share = scattered.key_shares[at].Duplicate();
    Damage(lies[at], j, other, share, key_share);
    const std::string source = "n" + std::to_string(j);
    const ShareVerdict verdict = decoder.Add(share, std::move(key_share), source);
    RC_ASSERT(verdict.fragment_usable() == FragmentGood(lies[at]));
    RC_ASSERT(verdict.key_share_usable() == KeyShareGood(lies[at]));
    RC_ASSERT(verdict.reason.empty() == (lies[at] == Lie::kNone));
    if (FragmentGood(lies[at])) fragments.Add(NodeAt(j));
    if (KeyShareGood(lies[at])) key_shares.Add(NodeAt(j));
    if (lies[at] != Lie::kNone) {
      RC_ASSERT(decoder.rejected().back().find("on node " + source + ":") != std::string::npos);
    }
  }
  RC_ASSERT(decoder.rejected().size() == static_cast<std::size_t>(liars));
  RC_ASSERT(decoder.good_fragments() == fragments);
  RC_ASSERT(decoder.good_key_shares() == key_shares);
  const bool enough = script->CanRead(key_shares) && script->CanRebuild(fragments);
  RC_ASSERT(decoder.IsReadable() == enough);
  const auto opened = decoder.Open(kName);
  RC_ASSERT(opened.ok() == enough);
  if (enough) RC_ASSERT(ToBytes(opened->value.ExposeSecret()) == value);
}

class OpenerTest : public ::testing::Test {
 protected:
  ScatterCell cell_{43};
  ScatteredValue scattered_ = cell_.Scatter(kName, AsBytes("value"));
  BatchVerifier verifier_;

  void AddAll(GatherDecoder& decoder, const ScatteredValue& scattered, NodeSet set) {
    for (int j = 0; j < kNodeCount; ++j) {
      const auto at = static_cast<std::size_t>(j);
      if (set.Has(j)) {
        decoder.Add(scattered.shares[at], scattered.key_shares[at].Duplicate(), "n");
      }
    }
  }
};

TEST_F(OpenerTest, TooFewSharesSayHowManyAndWhoWasRejected) {
  GatherDecoder decoder({cell_.cell(), std::nullopt, std::nullopt}, verifier_);
  AddAll(decoder, scattered_, NodeSet::FromBits(0b000'000'111));
  Share bad = scattered_.shares[3];
  bad.fragment[0] ^= 1;
  decoder.Add(bad, std::nullopt, "b0");
  const absl::Status status = decoder.Open().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("3 good fragments and 3 good key shares; rejected: share 3 of version 17 on "
                "node b0"));
  EXPECT_FALSE(decoder.ReadableCore().has_value());
}

TEST_F(OpenerTest, FragmentsAndKeySharesMayComeFromDifferentNodes) {
  GatherDecoder decoder({cell_.cell(), std::nullopt, std::nullopt}, verifier_);
  for (int j : {0, 1, 3, 4}) {
    const auto at = static_cast<std::size_t>(j);
    decoder.Add(scattered_.shares[at], std::nullopt, "n");
  }
  EXPECT_FALSE(decoder.IsReadable());
  for (int j : {5, 4, 7, 8}) {
    const auto at = static_cast<std::size_t>(j);
    Share metadata = scattered_.shares[at];
    metadata.fragment.clear();
    decoder.Add(metadata, scattered_.key_shares[at].Duplicate(), "n", /*has_fragment=*/false);
  }
  ASSERT_TRUE(decoder.IsReadable());
  EXPECT_EQ(*decoder.ReadableCore(), scattered_.sealed.core);
  const auto opened = decoder.Open();
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(AsText(opened->value.ExposeSecret()), "value");
  EXPECT_THAT(decoder.rejected(), SizeIs(0));
}

TEST_F(OpenerTest, AnotherKeyNameDoesNotOpen) {
  GatherDecoder decoder({cell_.cell(), std::nullopt, std::nullopt}, verifier_);
  AddAll(decoder, scattered_, NodeSet::All());
  EXPECT_EQ(decoder.Open(AsBytes("other/key!")).status(), OpenFailure());
  EXPECT_TRUE(decoder.Open(kName).ok());
}

TEST_F(OpenerTest, TwoReadableValuesAreNotChosenBetween) {
  const ScatteredValue other = cell_.Scatter(kName, AsBytes("other"));
  GatherDecoder decoder({cell_.cell(), std::nullopt, std::nullopt}, verifier_);
  AddAll(decoder, scattered_, NodeSet::All());
  AddAll(decoder, other, NodeSet::All());
  EXPECT_EQ(decoder.Open().status().code(), absl::StatusCode::kFailedPrecondition);
  GatherDecoder expecting({cell_.cell(), other.sealed.core.Id(), std::nullopt}, verifier_);
  AddAll(expecting, scattered_, NodeSet::All());
  AddAll(expecting, other, NodeSet::All());
  EXPECT_THAT(expecting.rejected(), SizeIs(9));
  EXPECT_EQ(AsText(expecting.Open()->value.ExposeSecret()), "other");
}

TEST_F(OpenerTest, AWriterWhoseKeySharesDoNotMatchItsCommitmentIsCaughtBeforeDecrypting) {
  // Honest in all but the key: the shares of another secret, with matching hashes and signature.
  SealedValue sealed = scattered_.sealed;
  KeySecret wrong;
  cell_.entropy().Fill(wrong.ExposeSecretMutable());
  const KeyShares shares = cell_.script().key_sharing().Split(wrong, cell_.entropy());
  const CoreId core = sealed.core.Id();
  for (int j = 0; j < kNodeCount; ++j) {
    const auto at = static_cast<std::size_t>(j);
    sealed.key_share_hashes[at] = KeyShareHash(core, NodeAt(j), shares[at]);
  }
  const CommitmentId commitment = sealed.Commitment();
  sealed.proof = SignBatch(cell_.writer(), cell_.cell(), {&commitment, 1}).front();
  auto nine = MakeShares(sealed, *CheckSealedValue(cell_.script(), sealed), Slot(1), SlotEpoch(1),
                         Version(1));
  GatherDecoder decoder({cell_.cell(), std::nullopt, std::nullopt}, verifier_);
  for (std::size_t j = 0; j < 9; ++j) {
    EXPECT_TRUE(decoder.Add(nine[j], shares[j].Duplicate(), "n").key_share_usable());
  }
  EXPECT_EQ(decoder.Open().status(), OpenFailure());
}

}  // namespace
}  // namespace worldb::cryptoscatter
