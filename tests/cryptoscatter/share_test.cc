// Goal:   every altered share or stored key share is refused or detected, and the
// verdict names
//         the part at fault and no other.
// Method: every single-byte flip and every truncation; each kind of damage against its verdict.
#include "cryptoscatter/share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cryptoscatter/stripe_aead.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using ::testing::HasSubstr;
using testing::ScatterCell;
using testing::ScatteredValue;

Bytes Encoded(const StoredKeyShare& stored) {
  ByteWriter out;
  stored.AppendTo(out);
  return std::move(out).Take();
}

absl::StatusOr<StoredKeyShare> Decoded(ByteSpan bytes) {
  ByteReader in(bytes);
  StoredKeyShare stored = StoredKeyShare::ReadFrom(in);
  if (const absl::Status status = in.Finish("stored key share"); !status.ok()) return status;
  return stored;
}

// What node `index` is to get of a value, field by field.
Share ShareOfNode(const SealedValue& sealed, const Bytes& fragment, NodeIndex index) {
  Share share;
  share.core = sealed.core;
  share.script = sealed.script;
  share.index = index;
  share.slot = Slot(7);
  share.slot_epoch = SlotEpoch(3);
  share.version = Version(17);
  share.fragment_root = sealed.fragment_roots[index.value()];
  share.key_share_hash = sealed.key_share_hashes[index.value()];
  share.path = sealed.Leaves(sealed.core.Id()).PathOf(index);
  share.proof = sealed.proof;
  share.fragment = fragment;
  return share;
}

class ShareTest : public ::testing::Test {
 protected:
  ScatterCell cell_{31};
  ScatteredValue scattered_ = cell_.Scatter(AsBytes("share/key"), AsBytes("a value of some bytes"));
  const Share& share_ = scattered_.shares[4];
  const KeyShare& key_share_ = scattered_.key_shares[4];
  BatchVerifier verifier_;

  ShareVerdict Judge(const Share& share) {
    return VerifyShare(share, cell_.cell(), verifier_, &key_share_, "b2");
  }
};

TEST_F(ShareTest, GoodOnesPassAndHoldWhatTheValueSays) {
  for (std::size_t j = 0; j < 9; ++j) {
    const Share& share = scattered_.shares[j];
    const ShareVerdict verdict =
        VerifyShare(share, cell_.cell(), verifier_, &scattered_.key_shares[j]);
    EXPECT_TRUE(verdict.proof_ok && verdict.fragment_ok && verdict.key_share_ok) << verdict.reason;
    EXPECT_TRUE(ToStatus(verdict).ok());
    EXPECT_EQ(share, ShareOfNode(scattered_.sealed, share.fragment, NodeAt(static_cast<int>(j))));
    EXPECT_EQ(share.Commitment(), scattered_.sealed.Commitment());
    EXPECT_EQ(*Share::Decode(share.Encode()), share);
    Share metadata = share;
    metadata.fragment.clear();
    EXPECT_EQ(*Share::DecodeMetadata(share.EncodeMetadata()), metadata);
  }
}

TEST_F(ShareTest, FragmentAndKeyShareStandOrFallApart) {
  Share share = share_;
  share.fragment[0] ^= 1;
  ShareVerdict verdict = Judge(share);
  EXPECT_TRUE(verdict.proof_ok && verdict.key_share_ok);
  EXPECT_FALSE(verdict.fragment_ok);
  EXPECT_EQ(
      verdict.reason,
      "share 4 of version 17 on node b2: its fragment does not have the fragment root of its leaf");
  EXPECT_EQ(ToStatus(verdict).code(), absl::StatusCode::kInvalidArgument);

  verdict = VerifyShare(share_, cell_.cell(), verifier_, &scattered_.key_shares[3], "b2");
  EXPECT_TRUE(verdict.proof_ok && verdict.fragment_ok);
  EXPECT_FALSE(verdict.key_share_ok);
  EXPECT_THAT(verdict.reason, HasSubstr("key share does not have the hash"));

  share = share_;
  share.fragment.pop_back();
  EXPECT_THAT(Judge(share).reason, HasSubstr("bytes, not"));
  share = share_;
  share.path.leaves[1] = Hash256();
  verdict = Judge(share);
  EXPECT_FALSE(verdict.proof_ok);
  EXPECT_FALSE(verdict.fragment_usable() || verdict.key_share_usable());
  EXPECT_THAT(verdict.reason, HasSubstr("do not lead to what the writer signed"));
  share = share_;
  share.core.cell = CellId();
  EXPECT_THAT(Judge(share).reason, HasSubstr("another cell"));
  share = share_;
  share.generation = 1;
  EXPECT_THAT(Judge(share).reason, HasSubstr("generation 1"));
  share = share_;
  share.script = ScriptId();
  EXPECT_THAT(Judge(share).reason, HasSubstr("no script"));
  // Metadata alone: nothing is said of the fragment.
  share = share_;
  share.fragment.clear();
  verdict = VerifyShare(share, cell_.cell(), verifier_, &key_share_, "b2", /*has_fragment=*/false);
  EXPECT_TRUE(verdict.proof_ok && verdict.key_share_ok && !verdict.fragment_ok);
  EXPECT_TRUE(verdict.reason.empty());
}

TEST_F(ShareTest, EveryFlipIsRefusedOrDetected) {
  const Bytes encoded = share_.Encode();
  const Receipt receipt = [&] {
    const ReceiptClaim claim = share_.Claim();
    return SignReceipts(cell_.node_key(4), cell_.cell(), {&claim, 1}).front();
  }();
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    for (std::uint8_t flip : {0x01, 0x80}) {
      Bytes changed = encoded;
      changed[at] ^= flip;
      const auto share = Share::Decode(changed);
      if (!share.ok()) continue;
      const ShareVerdict verdict = Judge(*share);
      if (verdict.proof_ok && verdict.fragment_ok && verdict.key_share_ok) {
        // Only slot, slot epoch and version are left: the receipt binds those.
        Receipt moved = receipt;
        moved.claim = share->Claim();
        EXPECT_NE(moved.claim, receipt.claim) << at;
        EXPECT_FALSE(verifier_.VerifyReceipt(moved, cell_.cell()).ok()) << at;
        EXPECT_TRUE(share->slot != share_.slot || share->slot_epoch != share_.slot_epoch ||
                    share->version != share_.version)
            << at;
      }
    }
  }
}

TEST_F(ShareTest, DecodersRefuseEveryOtherLength) {
  const auto expect_exact = [](const Bytes& encoded, auto decode) {
    for (std::size_t bytes = 0; bytes < encoded.size(); ++bytes) {
      EXPECT_FALSE(decode(ByteSpan(encoded).first(bytes)).ok()) << bytes;
    }
    Bytes longer = encoded;
    longer.push_back(0);
    EXPECT_FALSE(decode(longer).ok());
  };
  expect_exact(share_.Encode(), [](ByteSpan b) { return Share::Decode(b); });
  expect_exact(share_.EncodeMetadata(), [](ByteSpan b) { return Share::DecodeMetadata(b); });
  for (int rows = 0; rows <= kKeyRowsMax; ++rows) {
    const KeySharePlace place{share_.core.Id(), 0, NodeAt(4), cell_.node(4), Hash256()};
    const StoredKeyShare stored = WrapKeyShare(StorageKey(), place, KeyShare(rows));
    const Bytes encoded = Encoded(stored);
    EXPECT_EQ(encoded.size(), 17u + 48 * static_cast<std::size_t>(rows));
    EXPECT_EQ(encoded.size(), stored.bytes());
    EXPECT_EQ(*Decoded(encoded), stored);
    expect_exact(encoded, Decoded);
  }
  Bytes nine_rows(17 + 9 * 48);
  nine_rows[0] = 9;
  EXPECT_FALSE(Decoded(nine_rows).ok());
}

TEST_F(ShareTest, AKeyShareOfTheSignedHashWithTheWrongNumberOfRowsIsRefused) {
  // A writer that signs the hash of two rows where its script has one.
  ScatterCell cell(29);
  SealedValue sealed = cell.Seal(AsBytes("k"), AsBytes("v"));
  KeyShare two(2);
  sealed.key_share_hashes[4] = KeyShareHash(sealed.core.Id(), NodeAt(4), two);
  const CommitmentId commitment = sealed.Commitment();
  sealed.proof = SignBatch(cell.writer(), cell.cell(), {&commitment, 1}).front();
  auto fragments = CheckSealedValue(cell.script(), sealed);
  ASSERT_TRUE(fragments.ok());
  const auto shares = MakeShares(sealed, *std::move(fragments), Slot(7), SlotEpoch(3), Version(1));
  const ShareVerdict verdict = VerifyShare(shares[4], cell.cell(), verifier_, &two);
  EXPECT_TRUE(verdict.fragment_usable());
  EXPECT_FALSE(verdict.key_share_usable());
  EXPECT_EQ(verdict.key_share_fault, ShareFault::kKeyShareBytes);
  EXPECT_THAT(verdict.reason, HasSubstr("its key share has 2 rows, not 1"));
}

TEST_F(ShareTest, StoredKeyShareOpensOnlyInItsPlace) {
  StorageKey storage_key;
  cell_.entropy().Fill(storage_key.ExposeSecretMutable());
  const Hash256& hash = share_.key_share_hash;
  const KeySharePlace place{share_.core.Id(), 0, NodeAt(4), cell_.node(4), hash};
  const StoredKeyShare stored = WrapKeyShare(storage_key, place, key_share_);
  const auto again = UnwrapKeyShare(storage_key, place, *Decoded(Encoded(stored)));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(EqualConstantTime(again->ExposeSecret(), key_share_.ExposeSecret()));
  for (KeySharePlace other :
       {KeySharePlace{CoreId(), 0, NodeAt(4), cell_.node(4), hash},
        KeySharePlace{place.core, 1, NodeAt(4), cell_.node(4), hash},
        KeySharePlace{place.core, 0, NodeAt(3), cell_.node(4), hash},
        KeySharePlace{place.core, 0, NodeAt(4), cell_.node(3), hash},
        KeySharePlace{place.core, 0, NodeAt(4), cell_.node(4), share_.fragment_root}}) {
    EXPECT_EQ(UnwrapKeyShare(storage_key, other, stored).status(), OpenFailure());
  }
  EXPECT_EQ(UnwrapKeyShare(StorageKey(), place, stored).status(), OpenFailure());
}

}  // namespace
}  // namespace worldb::cryptoscatter
