// Goal:   a node takes from a scatterer nothing but the bytes a writer of its cell signed for it.
// Method: trials out of one seed: honest deliveries of values under both scripts, each changed in one of
//         24 ways, into the check that a node's intake is made of; a few hundred of them also to a real
//         node, whose disk must stay as it was. WORLDB_SCATTERER_TRIALS sets their number (3000),
//         WORLDB_SEED the seed. The version is not among the changes: nobody has signed it when a share
//         travels; the accept log binds it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "engine/shares/delivery_check.h"
#include "tests/support/environment.h"
#include "tests/support/key_share_boxes.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using cryptoscatter::Fragments;
using cryptoscatter::KeyShare;
using cryptoscatter::Script;
using cryptoscatter::SealedValue;
using cryptoscatter::Share;
using cryptoscatter::SigningKeyPair;
using cryptoscatter::WriterSession;
using engine::ShareDelivery;

struct Scattered {
  SealedValue sealed;
  std::vector<ShareDelivery> deliveries;
};

class ScattererTrialsTest : public ::testing::Test {
 protected:
  // Nobody else may hand out its shares.
  int HomeNodeOf(const Scattered& value) const {
    const KeyTag& tag = value.sealed.core.key_tag;
    return cell_.cell().HomeOf(cell_.cell().SlotOf(tag)).value() * kNodesPerDataCenter;
  }
  ScattererTrialsTest() : outsider_(SigningKeyPair::Generate(entropy_)) {
    cell_.world().RunFor(absl::Seconds(2));
    session_ =
        std::make_unique<WriterSession>(*WriterSession::Create(cell().SealTargets(), entropy_));
    own_session_ =
        std::make_unique<WriterSession>(*WriterSession::Create(cell().SealTargets(), entropy_));
    for (const auto& script : {Script::Nested(), Script::Flat()}) {
      for (const std::size_t bytes : {0u, 5u, 300u, 5'000u}) {
        values_.push_back(Make(*script, bytes));
      }
    }
  }

  const engine::Cell& cell() const { return cell_.cell(); }
  std::uint32_t Below(std::size_t end) { return static_cast<std::uint32_t>(random_() % end); }

  Scattered Make(const Script& script, std::size_t bytes) {
    const std::string name = absl::StrCat("trial-", values_.size());
    const std::string value(bytes, 'v');
    OpId op;
    op.bytes = entropy_.Draw<16>();
    Scattered out;
    out.sealed = *cryptoscatter::Seal(
        script, {cell().id(), cell().KeyTagOf(AsBytes(name)), op, AsBytes(name), AsBytes(value)},
        *session_, entropy_);
    Sign(out.sealed, cell_.secrets(0).signing);
    out.deliveries = Deliver(out.sealed, *cryptoscatter::CheckSealedValue(script, out.sealed));
    return out;
  }
  void Sign(SealedValue& sealed, const SigningKeyPair& writer) {
    const CommitmentId commitment = sealed.Commitment();
    sealed.proof = cryptoscatter::SignBatch(writer, cell().id(), {&commitment, 1}).front();
  }
  std::vector<ShareDelivery> Deliver(const SealedValue& sealed, Fragments fragments) {
    auto shares =
        cryptoscatter::MakeShares(sealed, std::move(fragments), cell().SlotOf(sealed.core.key_tag),
                                  cell().slot_epoch(), Version(1));
    std::vector<ShareDelivery> out;
    for (std::size_t j = 0; j < shares.size(); ++j) {
      out.push_back({std::move(shares[j]), sealed.key_shares[j], sealed.writer_exchange_key});
    }
    return out;
  }

  absl::Status Check(const ShareDelivery& delivery, NodeIndex node) {
    const auto opener =
        cell_.secrets(node.value()).exchange.PairwiseKeyAsOpener(delivery.writer_exchange_key);
    if (!opener.ok()) return opener.status();
    return engine::CheckDelivery(cell(), node, delivery, *opener, verifier_).status();
  }

  void Flip(MutableByteSpan bytes) {
    bytes[Below(bytes.size())] ^= static_cast<std::uint8_t>(1u << Below(8));
  }
  // A key share of the scatterer's own making, properly sealed to the node.
  void Reseal(ShareDelivery& delivery, std::size_t j, int rows = 1) {
    KeyShare made(rows);
    entropy_.Fill(made.ExposeSecretMutable());
    const NodeIndex node = NodeAt(static_cast<int>(j));
    delivery.key_share =
        cryptoscatter::SealKeyShare(own_session_->pairwise_key(node),
                                    {delivery.share.core.Id(), node, delivery.share.key_share_hash},
                                    cell().node(node).id, made);
    delivery.writer_exchange_key = own_session_->public_key();
  }

  static constexpr int kWays = 24;
  // What a scatterer makes of delivery j; differs from it in something other than the version.
  ShareDelivery Change(int way, const Scattered& value, std::size_t j) {
    const std::size_t k = (j + 1 + Below(kNodeCount - 1)) % kNodeCount;
    const Scattered& other = values_[(static_cast<std::size_t>(&value - values_.data()) + 1 +
                                      Below(values_.size() - 1)) %
                                     values_.size()];
    ShareDelivery out = value.deliveries[j];
    Share& share = out.share;
    switch (way) {
      case 0:
        Flip(share.fragment);
        break;
      case 1:
        share.fragment.resize(Below(share.fragment.size()));
        break;
      case 2:
        share.fragment.resize(share.fragment.size() + 1 + Below(2000));
        break;
      case 3:
        share.fragment = value.deliveries[k].share.fragment;
        if (share.fragment == value.deliveries[j].share.fragment) Flip(share.fragment);
        break;
      case 4:
        share.fragment = other.deliveries[j].share.fragment;
        if (share.fragment == value.deliveries[j].share.fragment) Flip(share.fragment);
        break;
      case 5:
        Reseal(out, j, Below(2) == 0 ? 0 : 2);
        break;
      case 6:
        out.key_share = testing::Flipped(out.key_share, Below(out.key_share.bytes() - 1),
                                         static_cast<std::uint8_t>(1u << Below(8)));
        break;
      case 7:
        out.key_share = value.deliveries[k].key_share;
        break;
      case 8:
        out.key_share = other.deliveries[j].key_share;
        break;
      case 9:
        Flip(out.writer_exchange_key.bytes);
        break;
      case 10:
        Reseal(out, j);
        break;
      case 11: {  // one bit of the record, anywhere but in the version
        Bytes metadata = share.EncodeMetadata();
        std::size_t at = Below(metadata.size());
        while (at >= 147 && at < 155) at = Below(metadata.size());
        metadata[at] ^= static_cast<std::uint8_t>(1u << Below(8));
        auto read = Share::DecodeMetadata(metadata);
        if (!read.ok()) {  // refused before it is a share
          Flip(share.fragment_root.bytes);
          break;
        }
        read->fragment = std::move(share.fragment);
        share = *std::move(read);
        break;
      }
      case 12:
        out = value.deliveries[k];  // somebody else's
        break;
      case 13:
        out = value.deliveries[k];
        share.index = NodeAt(static_cast<int>(j));
        break;
      case 14:
        share.path = other.deliveries[j].share.path;
        break;
      case 15:
        share.proof = other.deliveries[j].share.proof;
        break;
      case 16:
        Flip(share.proof.signature.bytes);
        break;
      case 17:
        share.proof.signer = outsider_.public_key();
        break;
      case 18:
        share.generation = 1 + Below(100);
        break;
      case 19:
        share.core = other.deliveries[j].share.core;
        break;
      case 20:
        Flip(share.key_share_hash.bytes);
        break;
      case 21:
        share.slot = Slot(static_cast<std::uint16_t>(share.slot.value() ^ (1 + Below(4095))));
        break;
      case 22:
        share.slot_epoch = SlotEpoch(share.slot_epoch.value() + 1 + Below(5));
        break;
      case 23: {  // a tree of its own over the same core, signed, and right in itself
        SealedValue own = value.sealed;
        Fragments fragments;
        const CoreId core = own.core.Id();
        for (std::size_t i = 0; i < fragments.size(); ++i) {
          fragments[i] = value.deliveries[i].share.fragment;
          Flip(fragments[i]);
          own.fragment_roots[i] = cryptoscatter::FragmentRoot(
              own.core.suite, core, 0, NodeAt(static_cast<int>(i)), fragments[i]);
        }
        Sign(own, outsider_);
        out = Deliver(own, std::move(fragments))[j];
        break;
      }
      default:
        ADD_FAILURE() << way;
    }
    return out;
  }

  const std::uint64_t seed_ = NumberFromEnvironment("WORLDB_SEED", 20260102);
  const std::uint64_t count_ = NumberFromEnvironment("WORLDB_SCATTERER_TRIALS", 3000);
  std::mt19937_64 random_{seed_};
  SeededEntropy entropy_{seed_};
  SimCell cell_;
  SigningKeyPair outsider_;
  std::unique_ptr<WriterSession> session_;
  std::unique_ptr<WriterSession> own_session_;
  std::vector<Scattered> values_;
  cryptoscatter::BatchVerifier verifier_;
};

TEST_F(ScattererTrialsTest, NothingButWhatAWriterSignedIsAccepted) {
  std::uint64_t accepted = 0;
  std::array<std::uint64_t, kWays> told{};
  for (std::uint64_t trial = 0; trial < count_; ++trial) {
    const Scattered& value = values_[Below(values_.size())];
    const std::size_t j = Below(kNodeCount);
    const NodeIndex node = NodeAt(static_cast<int>(j));
    const int way = static_cast<int>(Below(kWays));
    ++told[static_cast<std::size_t>(way)];
    if (Check(Change(way, value, j), node).ok()) {
      ++accepted;
      ADD_FAILURE() << "WORLDB_SEED=" << seed_ << ", trial " << trial << ", way " << way;
    }
    if (trial % 16 == 0) ASSERT_TRUE(Check(value.deliveries[j], node).ok());
  }
  EXPECT_EQ(accepted, 0u);
  std::printf("%llu deliveries that differ from what was signed, %llu accepted\n",
              static_cast<unsigned long long>(count_), static_cast<unsigned long long>(accepted));
}

TEST_F(ScattererTrialsTest, ARunningNodeStoresNoneOfThemAndThenTheRightOne) {
  for (const Scattered& value : values_) {
    for (int way = 0; way < kWays; ++way) {
      cell_.Send(HomeNodeOf(value), 4,
                 engine::PutShares{static_cast<engine::RequestId>(way + 1),
                                   {std::make_shared<const ShareDelivery>(Change(way, value, 4))}});
    }
  }
  cell_.world().RunFor(absl::Seconds(2));
  const auto share_rows = [&] {
    std::size_t count = 0;
    for (const engine::StoreRow& row : cell_.disk(4).Rows(engine::RowFamily::kRows)) {
      if (engine::ShareRow::ParseKey(row.key)) ++count;
    }
    return count;
  };
  EXPECT_EQ(share_rows(), 0u);
  for (const Scattered& value : values_) {
    cell_.Send(HomeNodeOf(value), 4,
               engine::PutShares{1, {std::make_shared<const ShareDelivery>(value.deliveries[4])}});
  }
  cell_.world().RunFor(absl::Seconds(2));
  EXPECT_EQ(share_rows(), values_.size());
}

}  // namespace
}  // namespace worldb::testing
