// Goal:   whatever happens to one node's stored share, readers get the right bytes and are told which
//         share is bad, and the node makes it whole again without anybody seeing a key share.
// Method: nine real nodes in virtual time; rows of the fake disks are altered behind their backs. A
//         mended share is judged here from the raw rows with the node's storage key, and by a read
//         that cannot do without that node. Helpers that lie or fall silent are played by the test.
#include "engine/repair/repairer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/key_repair.h"
#include "engine/shares/share_store.h"
#include "tests/support/key_share_boxes.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using cryptoscatter::KeyShare;
using cryptoscatter::Script;
using cryptoscatter::Share;
using engine::PeerMessage;
using engine::ReadMode;
using engine::RowFamily;
using engine::ShareDelivery;
using engine::ShareRow;
using engine::VersionRef;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SimCell::Options Options(std::size_t scrub_rows) {
  SimCell::Options options;
  options.node.scrub.page_rows = scrub_rows;
  options.node.scrub.page_every = absl::Milliseconds(100);
  options.node.scrub.rest = absl::Seconds(1);
  return options;
}

std::string ValueOf(std::size_t bytes, char salt) {
  std::string value(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i)
    value[i] = static_cast<char>((i * 2654435761u >> 11) + salt);
  return value;
}
// The fragment of the first lies in the row, that of the second apart and past the pool's threshold.
constexpr std::size_t kSmall = 300;
constexpr std::size_t kLarge = 300'000;

class RepairTest : public ::testing::Test {
 protected:
  explicit RepairTest(std::size_t scrub_rows = 0) : cell_(Options(scrub_rows)) {
    cell_.world().RunFor(absl::Seconds(2));
  }

  VersionRef RefOf(absl::string_view key, std::uint64_t version = 1) const {
    return {cell_.cell().KeyTagOf(AsBytes(key)), cell_.cell().slot_epoch(), Version(version)};
  }
  std::optional<Bytes> RowOf(int node, RowFamily family, const VersionRef& ref) {
    for (const engine::StoreRow& row : cell_.disk(node).Rows(family)) {
      if (row.key == ShareRow::Key(ref)) return row.value;
    }
    return std::nullopt;
  }
  void Put(int node, RowFamily family, const VersionRef& ref, std::optional<Bytes> value) {
    cell_.disk(node).Tamper(family, ShareRow::Key(ref),
                            value ? std::make_shared<const Bytes>(*std::move(value)) : nullptr);
  }
  void Flip(int node, RowFamily family, const VersionRef& ref, std::size_t at) {
    std::optional<Bytes> bytes = RowOf(node, family, ref);
    ASSERT_TRUE(bytes.has_value());
    ASSERT_LT(at, bytes->size());
    (*bytes)[at] ^= 0x10;
    Put(node, family, ref, std::move(bytes));
  }
  // Where the parts of a row lie whose value was signed alone (docs/share-format.md section 16).
  static constexpr std::size_t kSlotAt = 4;
  static constexpr std::size_t kKeyCommitAt = 34;
  static constexpr std::size_t kKeyShareHashAt = 66;
  static std::size_t ProofAt(const Bytes& row) { return 226 + ((row[1] & 1) != 0 ? 32 : 0); }
  static std::size_t KeyShareAt(const Bytes& row) { return ProofAt(row) + 16 + 32 + 64; }

  void Lose(int node, const VersionRef& ref) {
    Put(node, RowFamily::kRows, ref, std::nullopt);
    Put(node, RowFamily::kBlobs, ref, std::nullopt);
  }

  // Empty when the rows of the node's disk are its whole, verified share of the version.
  std::string WrongWith(int node, const VersionRef& ref) {
    const auto found = cell_.StoredShare(node, ref);
    if (absl::IsNotFound(found.status())) return "no row";
    if (!found.ok()) return std::string(found.status().message());
    const Share& share = found->share;
    if (share.index != NodeAt(node) || share.slot != cell_.cell().SlotOf(ref.key_tag)) {
      return "another share";
    }
    const auto key_share =
        cryptoscatter::UnwrapKeyShare(cell_.secrets(node).storage_key,
                                      {share.core.Id(), 0, NodeAt(node),
                                       cell_.cell().node(NodeAt(node)).id, share.key_share_hash},
                                      *found->key_share);
    if (!key_share.ok()) return "the key share does not unwrap";
    cryptoscatter::BatchVerifier verifier;
    return cryptoscatter::VerifyShare(share, cell_.cell().id(), verifier, &*key_share).reason;
  }
  bool RunUntilWhole(int node, const VersionRef& ref, absl::Duration limit = absl::Seconds(20)) {
    return cell_.world().RunUntil([&] { return WrongWith(node, ref).empty(); }, limit);
  }
  engine::RepairStatus Repairs(int node) { return cell_.Status(node).repair; }
  std::string Name(int node) const { return cell_.cell().node(NodeAt(node)).name; }

  SimCell cell_;
};

class DamageTest : public RepairTest,
                   public ::testing::WithParamInterface<std::tuple<const char*, bool>> {
 protected:
  void Apply(absl::string_view what, int node, const VersionRef& one, const VersionRef& two) {
    const Bytes row = *RowOf(node, RowFamily::kRows, one);
    if (what == "FragmentByte") {
      const bool apart = RowOf(node, RowFamily::kBlobs, one).has_value();
      if (apart) return Flip(node, RowFamily::kBlobs, one, 20'000);
      return Flip(node, RowFamily::kRows, one, row.size() - 3);
    }
    if (what == "KeyShareByte") return Flip(node, RowFamily::kRows, one, KeyShareAt(row) + 40);
    if (what == "CoreByte") return Flip(node, RowFamily::kRows, one, kKeyCommitAt + 5);
    if (what == "SlotByte") return Flip(node, RowFamily::kRows, one, kSlotAt);
    if (what == "LeafByte") return Flip(node, RowFamily::kRows, one, kKeyShareHashAt + 5);
    if (what == "CellByte") return Flip(node, RowFamily::kRows, one, ProofAt(row) + 5);
    if (what == "ProofByte") return Flip(node, RowFamily::kRows, one, ProofAt(row) + 60);
    if (what == "FormatByte") return Flip(node, RowFamily::kRows, one, 0);
    if (what == "Truncated") {
      return Put(node, RowFamily::kRows, one, Bytes(row.begin(), row.begin() + 200));
    }
    if (what == "BadSector") {
      // The disk refuses to read it; what it would give is not the share either.
      Flip(node, RowFamily::kRows, one, 0);
      ASSERT_TRUE(cell_.disk(node).Corrupt(RowFamily::kRows, ShareRow::Key(one)).ok());
      return;
    }
    if (what == "RowGone") return Put(node, RowFamily::kRows, one, std::nullopt);
    if (what == "AllGone") return Lose(node, one);
    if (what == "FragmentGone") return Put(node, RowFamily::kBlobs, one, std::nullopt);
    ASSERT_EQ(what, "Swapped");
    for (const RowFamily family : {RowFamily::kRows, RowFamily::kBlobs}) {
      const auto first = RowOf(node, family, one);
      const auto second = RowOf(node, family, two);
      if (!first.has_value()) continue;
      Put(node, family, one, second);
      Put(node, family, two, first);
    }
  }
};

TEST_P(DamageTest, ReadIsRightNamesTheShareAndTheNodeMendsIt) {
  const auto [what, large] = GetParam();
  const std::size_t bytes = large ? kLarge : kSmall;
  const std::string key = cell_.KeyAt(0);
  for (const char salt : {'1', '2'}) {
    ASSERT_EQ(cell_.SetAndWait(4, key, ValueOf(bytes, salt), Level::kFull)->level(), Level::kFull);
  }
  const VersionRef one = RefOf(key, 1);
  const VersionRef two = RefOf(key, 2);
  constexpr int kBad =
      1;  // read by its neighbour, which hears nothing of the other one, and asks it first
  Apply(what, kBad, one, two);
  ASSERT_NE(WrongWith(kBad, one), "");
  const auto set_heard = [&](bool heard) {
    cell_.network().SetLinkUp(NodeAt(2), NodeAt(0), heard);
    cell_.world().RunFor(absl::Seconds(2));
  };
  set_heard(false);

  const auto reply = cell_.Get(0, key, ReadMode::kVersion, Version(1));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(ToString(reply->value.ExposeSecret()) == ValueOf(bytes, '1'));
  EXPECT_THAT(reply->rejected,
              Contains(HasSubstr(absl::StrCat("share 1 of version 1 on node ", Name(kBad)))));

  set_heard(true);
  EXPECT_TRUE(RunUntilWhole(kBad, one)) << WrongWith(kBad, one);
  cell_.world().RunFor(absl::Seconds(5));
  engine::RepairStatus repairs = Repairs(kBad);
  EXPECT_EQ(repairs.waiting, 0u);
  EXPECT_EQ(repairs.given_up, 0u);
  EXPECT_EQ(repairs.core_conflicts, 0u);
  EXPECT_EQ(repairs.shares_repaired, 1u);
  EXPECT_EQ(repairs.bad_shares_found, 1u);
  EXPECT_EQ(repairs.fragment_bytes_wan, 0u) << "two neighbours suffice";
  if (absl::string_view(what) == "KeyShareByte") {
    EXPECT_EQ(repairs.fragments_repaired, 0u);
    EXPECT_EQ(repairs.key_shares_repaired, 1u);
  }
  if (absl::string_view(what) == "FragmentByte") {
    EXPECT_EQ(repairs.fragments_repaired, 1u);
    EXPECT_EQ(repairs.key_shares_repaired, 0u);
  }
  // Of the swapped pair the other one is met by a reader of its own.
  if (absl::string_view(what) == "Swapped") {
    EXPECT_TRUE(cell_.Get(0, key).ok());
    EXPECT_TRUE(RunUntilWhole(kBad, two));
  }
  for (int node = 0; node < kNodeCount; ++node) EXPECT_EQ(WrongWith(node, one), "") << node;

  // No two data centers read without it now.
  for (const int node : {2, 5, 6, 7, 8}) cell_.StopNode(node);
  cell_.world().RunFor(absl::Seconds(2));
  const auto again = cell_.Get(3, key, ReadMode::kVersion, Version(1));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->read_from.Has(NodeAt(kBad)));
  EXPECT_THAT(again->rejected, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DamageTest,
    ::testing::Combine(::testing::Values("FragmentByte", "KeyShareByte", "CoreByte", "SlotByte",
                                         "LeafByte", "CellByte", "ProofByte", "FormatByte",
                                         "Truncated", "BadSector", "RowGone", "AllGone", "Swapped"),
                       ::testing::Bool()),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param), std::get<1>(info.param) ? "Large" : "Small");
    });
INSTANTIATE_TEST_SUITE_P(FragmentApart, DamageTest,
                         ::testing::Values(std::make_tuple("FragmentGone", true)),
                         [](const auto&) { return "FragmentGone"; });

TEST_F(RepairTest, ADoubtWithoutReasonChangesNothing) {
  const std::string key = cell_.KeyAt(1);
  cell_.SetAndWait(0, key, "value", Level::kFull);
  const Bytes before = *RowOf(2, RowFamily::kRows, RefOf(key));
  cell_.Send(5, 2, engine::ShareDoubt{RefOf(key)});
  cell_.Send(5, 2, engine::ShareDoubt{RefOf(key, 9)});  // no such version
  cell_.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(*RowOf(2, RowFamily::kRows, RefOf(key)), before);
  EXPECT_FALSE(RowOf(2, RowFamily::kRows, RefOf(key, 9)).has_value());
  EXPECT_EQ(Repairs(2).waiting, 0u);
  EXPECT_EQ(Repairs(2).bad_shares_found, 0u);
  EXPECT_EQ(Repairs(2).given_up, 1u);
}

TEST_F(RepairTest, TwoBadSharesOfOneDataCenterMendEachOther) {
  const std::string key = cell_.KeyAt(0);
  cell_.SetAndWait(4, key, ValueOf(kLarge, 'x'), Level::kFull);
  Lose(0, RefOf(key));
  Lose(1, RefOf(key));
  cell_.Send(5, 0, engine::ShareDoubt{RefOf(key)});
  cell_.Send(5, 1, engine::ShareDoubt{RefOf(key)});
  EXPECT_TRUE(RunUntilWhole(0, RefOf(key)));
  EXPECT_TRUE(RunUntilWhole(1, RefOf(key)));
  // The first of them had one neighbour and took the rest from afar.
  EXPECT_GT(Repairs(0).fragment_bytes_wan + Repairs(1).fragment_bytes_wan, 0u);
}

TEST_F(RepairTest, WaitsForItsHelpersAndTakesThemWhenTheyReturn) {
  const std::string key = cell_.KeyAt(0);
  cell_.SetAndWait(4, key, "value", Level::kFull);
  Flip(0, RowFamily::kRows, RefOf(key), 50);
  cell_.StopNode(1);
  cell_.StopNode(2);
  cell_.world().RunFor(absl::Seconds(2));
  cell_.Send(5, 0, engine::ShareDoubt{RefOf(key)});
  EXPECT_FALSE(RunUntilWhole(0, RefOf(key), absl::Seconds(40)));
  EXPECT_EQ(Repairs(0).waiting, 1u);
  cell_.StartNode(2);
  EXPECT_TRUE(RunUntilWhole(0, RefOf(key), absl::Seconds(5))) << WrongWith(0, RefOf(key));
}

// Plays a stopped node with the secrets of that node.
class FakeNode {
 public:
  using Handler = std::function<std::optional<PeerMessage>(NodeIndex from, PeerMessage& message)>;
  FakeNode(SimCell& cell, int index, Handler handler) : executor_(cell.world()) {
    network_ = cell.network().Attach(NodeAt(index), executor_);
    network_->SetHandler([this, handler = std::move(handler)](NodeIndex from, PeerMessage message) {
      if (auto* beat = std::get_if<engine::Heartbeat>(&message)) {
        network_->Send(from, engine::HeartbeatReply{beat->sent});
      } else if (auto answer = handler(from, message)) {
        network_->Send(from, *std::move(answer));
      }
    });
  }
  void Send(int to, PeerMessage message) { network_->Send(NodeAt(to), std::move(message)); }

 private:
  SimExecutor executor_;
  std::unique_ptr<engine::PeerNetwork> network_;
};

TEST_F(RepairTest, AHelperThatLiesIsLeftOut) {
  const std::string key = cell_.KeyAt(0);
  cell_.SetAndWait(4, key, "value", Level::kFull);
  const VersionRef ref = RefOf(key);
  const Bytes intact = *RowOf(0, RowFamily::kRows, ref);
  // The wrapped key share goes; then the row altogether.
  for (const bool whole_row : {false, true}) {
    if (whole_row) {
      Lose(0, ref);
    } else {
      Flip(0, RowFamily::kRows, ref, KeyShareAt(intact) + 40);
    }
    ASSERT_NE(WrongWith(0, ref), "");
    cell_.StopNode(1);
    int lies = 0;
    const auto lie = [&](NodeIndex from, PeerMessage& message) -> std::optional<PeerMessage> {
      const auto* request = std::get_if<engine::RepairKeyShare>(&message);
      if (request == nullptr) return std::nullopt;
      ++lies;
      SeededEntropy entropy(7);
      const cryptoscatter::KeyRepair repair{request->commitment, 0, from, request->helpers};
      const auto sealer =
          cell_.secrets(1).exchange.PairwiseKeyAsSealer(cell_.cell().node(from).exchange_key);
      return engine::RepairKeyShareReply{
          request->id, absl::OkStatus(),
          cryptoscatter::SealContribution(*sealer, repair, NodeAt(1), KeyShare(1), entropy)};
    };
    {
      FakeNode liar(cell_, 1, lie);
      cell_.world().RunFor(absl::Seconds(2));
      liar.Send(0, engine::ShareDoubt{ref});
      EXPECT_TRUE(RunUntilWhole(0, ref, absl::Seconds(20))) << WrongWith(0, ref);
      EXPECT_GT(lies, 0);
    }
    cell_.StartNode(1);
    cell_.world().RunFor(absl::Seconds(2));
  }
}

// Whom one kind of thing was asked of is not heard with another, under whatever id.
TEST_F(RepairTest, AnAnswerOfAnotherKindIsNone) {
  const std::string key = cell_.KeyAt(0);
  cell_.SetAndWait(4, key, "value", Level::kFull);
  const VersionRef ref = RefOf(key);
  Lose(0, ref);
  cell_.StopNode(1);
  int answered = 0;
  FakeNode liar(cell_, 1, [&](NodeIndex, PeerMessage& message) -> std::optional<PeerMessage> {
    if (const auto* fragment = std::get_if<engine::FetchFragment>(&message)) {
      ++answered;
      return engine::RepairKeyShareReply{fragment->id, absl::OkStatus(),
                                         cryptoscatter::SealedContribution()};
    }
    if (const auto* contribution = std::get_if<engine::RepairKeyShare>(&message)) {
      ++answered;
      return engine::FetchFragmentReply{contribution->id, absl::OkStatus(), nullptr};
    }
    return std::nullopt;
  });
  cell_.world().RunFor(absl::Seconds(2));
  liar.Send(0, engine::ShareDoubt{ref});
  EXPECT_TRUE(RunUntilWhole(0, ref)) << WrongWith(0, ref);
  EXPECT_GT(answered, 0);
}

TEST_F(RepairTest, ANodeIsHelpedWithItsOwnShareOnlyAndNeverWithAnOpenOne) {
  const std::string key = cell_.KeyAt(0);
  cell_.SetAndWait(4, key, "value", Level::kFull);
  const auto row = cell_.StoredShare(3, RefOf(key));
  ASSERT_TRUE(row.ok());
  cell_.StopNode(3);
  std::vector<PeerMessage> answers;
  FakeNode asker(cell_, 3, [&](NodeIndex, PeerMessage& message) -> std::optional<PeerMessage> {
    answers.push_back(std::move(message));
    return std::nullopt;
  });
  // Node 3 would like share 1: helpers 0 and 2 are not a helper set of 3.
  for (const int helper : {0, 2}) {
    asker.Send(helper, engine::RepairKeyShare{1, RefOf(key), row->share.Commitment(),
                                              NodeSet::FromBits(0b101)});
  }
  // Nor is a set of one, and for another commitment there is nothing either.
  asker.Send(4, engine::RepairKeyShare{2, RefOf(key), row->share.Commitment(),
                                       NodeSet::FromBits(0b10000)});
  asker.Send(4, engine::RepairKeyShare{3, RefOf(key), CommitmentId(), NodeSet::FromBits(0b110000)});
  cell_.world().RunFor(absl::Seconds(2));
  int refused = 0;
  for (const PeerMessage& answer : answers) {
    if (const auto* reply = std::get_if<engine::RepairKeyShareReply>(&answer)) {
      EXPECT_FALSE(reply->status.ok());
      EXPECT_EQ(reply->contribution, cryptoscatter::SealedContribution());
      ++refused;
    }
  }
  EXPECT_EQ(refused, 4);
}

class ScrubTest : public RepairTest {
 protected:
  ScrubTest() : RepairTest(4) {}
};

TEST_F(ScrubTest, FindsAndMendsWhatNoReaderMet) {
  std::vector<VersionRef> refs;
  for (int i = 0; i < 12; ++i) {
    const std::string key = absl::StrCat("key-", i);
    cell_.SetAndWait(i % kNodeCount, key, ValueOf(i % 3 == 0 ? kLarge : kSmall, 's'), Level::kFull);
    refs.push_back(RefOf(key));
  }
  cell_.world().RunFor(absl::Seconds(10));
  for (int node = 0; node < kNodeCount; ++node) {
    EXPECT_EQ(Repairs(node).bad_shares_found, 0u) << node;
  }
  Flip(7, RowFamily::kBlobs, refs[0], 9);
  Flip(7, RowFamily::kRows, refs[1], 300);
  Flip(7, RowFamily::kRows, refs[2], 60);
  Put(7, RowFamily::kBlobs, refs[3], std::nullopt);
  ASSERT_TRUE(cell_.disk(7).Corrupt(RowFamily::kBlobs, ShareRow::Key(refs[6])).ok());
  for (const int i : {0, 1, 2, 3, 6}) {
    EXPECT_TRUE(RunUntilWhole(7, refs[static_cast<std::size_t>(i)], absl::Seconds(20))) << i;
  }
  EXPECT_EQ(Repairs(7).bad_shares_found, 5u);
  EXPECT_EQ(Repairs(7).fragment_bytes_wan, 0u);
}

TEST_F(ScrubTest, AnUnreadableRowDoesNotStopIt) {
  std::vector<VersionRef> refs;
  for (int i = 0; i < 12; ++i) {
    const std::string key = absl::StrCat("key-", i);
    cell_.SetAndWait(0, key, ValueOf(kSmall, 's'), Level::kFull);
    refs.push_back(RefOf(key));
  }
  std::sort(refs.begin(), refs.end());
  ASSERT_TRUE(cell_.disk(3).Corrupt(RowFamily::kRows, ShareRow::Key(refs[2])).ok());
  Flip(3, RowFamily::kRows, refs[1], 300);
  Flip(3, RowFamily::kRows, refs[11], 300);
  EXPECT_TRUE(RunUntilWhole(3, refs[1], absl::Seconds(20)));
  EXPECT_TRUE(RunUntilWhole(3, refs[11], absl::Seconds(20)));
}

// Values scattered by the test itself, so that it may choose the script and keep things back.
class OwedTest : public RepairTest, public ::testing::WithParamInterface<bool> {
 protected:
  std::shared_ptr<const Script> script() const {
    return GetParam() ? Script::Nested() : Script::Flat();
  }
  std::vector<std::shared_ptr<const ShareDelivery>> Deliveries(absl::string_view key,
                                                               absl::string_view value) {
    const auto session = cryptoscatter::WriterSession::Create(cell_.cell().SealTargets(), entropy_);
    return Scattered(Sealed(key, value, *session), 0);
  }
  cryptoscatter::SealedValue Sealed(absl::string_view key, absl::string_view value,
                                    const cryptoscatter::WriterSession& session) {
    OpId op;
    op.bytes = entropy_.Draw<16>();
    return *cryptoscatter::Seal(
        *script(),
        {cell_.cell().id(), cell_.cell().KeyTagOf(AsBytes(key)), op, AsBytes(key), AsBytes(value)},
        session, entropy_);
  }
  std::vector<std::shared_ptr<const ShareDelivery>> Scattered(cryptoscatter::SealedValue sealed,
                                                              int writer) {
    const KeyTag tag = sealed.core.key_tag;
    const CommitmentId commitment = sealed.Commitment();
    sealed.proof =
        cryptoscatter::SignBatch(cell_.secrets(writer).signing, cell_.cell().id(), {&commitment, 1})
            .front();
    auto fragments = *cryptoscatter::CheckSealedValue(*script(), sealed);
    auto shares = cryptoscatter::MakeShares(sealed, std::move(fragments), cell_.cell().SlotOf(tag),
                                            cell_.cell().slot_epoch(), Version(1));
    std::vector<std::shared_ptr<const ShareDelivery>> out;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      out.push_back(std::make_shared<const ShareDelivery>(
          ShareDelivery{std::move(shares[i]), sealed.key_shares[i], sealed.writer_exchange_key}));
    }
    return out;
  }
  void Hand(int to, std::shared_ptr<const ShareDelivery> delivery) {
    const engine::Cell& cell = cell_.cell();
    const DataCenterIndex home = cell.HomeOf(cell.SlotOf(delivery->share.core.key_tag));
    cell_.Send(home.value() * kNodesPerDataCenter, to, engine::PutShares{1, {std::move(delivery)}});
  }
  static std::shared_ptr<const ShareDelivery> WithoutFragment(const ShareDelivery& delivery) {
    ShareDelivery owed = delivery;
    owed.share.fragment.clear();
    return std::make_shared<const ShareDelivery>(std::move(owed));
  }

  SeededEntropy entropy_{77};
};

TEST_P(OwedTest, AnOwedShareIsMadeOutOfItsKeyShareAndOthersFragments) {
  for (const std::size_t bytes : {kSmall, kLarge}) {
    const std::string key = absl::StrCat("owed-", bytes);
    const auto deliveries = Deliveries(key, ValueOf(bytes, 'o'));
    for (int node = 0; node < kNodeCount; ++node) {
      if (node != 4) Hand(node, deliveries[static_cast<std::size_t>(node)]);
    }
    cell_.world().RunFor(absl::Seconds(2));
    ASSERT_EQ(WrongWith(4, RefOf(key)), "no row");
    cell_.StopNode(8);
    {
      std::vector<engine::PutSharesReply> replies;
      FakeNode scatterer(cell_, 8,
                         [&](NodeIndex, PeerMessage& message) -> std::optional<PeerMessage> {
                           if (auto* reply = std::get_if<engine::PutSharesReply>(&message)) {
                             replies.push_back(std::move(*reply));
                           }
                           return std::nullopt;
                         });
      // A sealed key share that is not this value's is refused outright.
      ShareDelivery wrong = *deliveries[4];
      wrong.share.fragment.clear();
      wrong.key_share = testing::Flipped(wrong.key_share, 5);
      scatterer.Send(4, engine::OwedShare{1, std::make_shared<const ShareDelivery>(wrong)});
      scatterer.Send(4, engine::OwedShare{2, WithoutFragment(*deliveries[5])});
      cell_.world().RunFor(absl::Seconds(1));
      ASSERT_EQ(replies.size(), 2u);
      for (const auto& reply : replies) EXPECT_EQ(reply.refusals.size(), 1u);
      EXPECT_EQ(WrongWith(4, RefOf(key)), "no row");

      for (const engine::RequestId id : {3, 4}) {
        scatterer.Send(4, engine::OwedShare{id, WithoutFragment(*deliveries[4])});
      }
      EXPECT_TRUE(RunUntilWhole(4, RefOf(key)));
      cell_.world().RunFor(absl::Seconds(2));
      ASSERT_EQ(replies.size(), 4u);
      const cryptoscatter::ReceiptClaim claim = deliveries[4]->share.Claim();
      for (std::size_t i = 2; i < 4; ++i) {
        EXPECT_EQ(replies[i].id, i + 1);
        EXPECT_TRUE(cryptoscatter::VerifyClaims(cell_.cell().node(NodeAt(4)).signing_key,
                                                cell_.cell().id(), {&claim, 1}, replies[i].receipts)
                        .ok());
      }
    }
    cell_.StartNode(8);
    cell_.world().RunFor(absl::Seconds(2));
    EXPECT_EQ(Repairs(4).key_shares_repaired, 0u);
    EXPECT_EQ(Repairs(4).bad_shares_found, 0u);
    if (GetParam()) EXPECT_EQ(Repairs(4).fragment_bytes_wan, 0u);
  }
}

TEST_P(OwedTest, ADataCenterThatMissedItAllFetchesNothingTwice) {
  const auto deliveries = Deliveries("missed", ValueOf(kLarge, 'm'));
  for (int node = 0; node < 6; ++node) Hand(node, deliveries[static_cast<std::size_t>(node)]);
  cell_.world().RunFor(absl::Seconds(2));
  for (int node = 6; node < kNodeCount; ++node) {
    cell_.Send(0, node,
               engine::OwedShare{1, WithoutFragment(*deliveries[static_cast<std::size_t>(node)])});
    EXPECT_TRUE(RunUntilWhole(node, RefOf("missed"))) << WrongWith(node, RefOf("missed"));
  }
  const std::uint64_t fragment = deliveries[0]->share.fragment.size();
  const std::uint64_t needed = GetParam() ? 4 : 5;
  EXPECT_EQ(Repairs(6).fragment_bytes_wan, needed * fragment);
  EXPECT_EQ(Repairs(7).fragment_bytes_wan, GetParam() ? 3 * fragment : 4 * fragment);
  EXPECT_EQ(Repairs(8).fragment_bytes_wan, GetParam() ? 0 : 3 * fragment);
}

TEST_P(OwedTest, ALostShareComesBackUnderEitherScript) {
  const auto deliveries = Deliveries("lost", ValueOf(kLarge, 'l'));
  for (int node = 0; node < kNodeCount; ++node) {
    Hand(node, deliveries[static_cast<std::size_t>(node)]);
  }
  cell_.world().RunFor(absl::Seconds(2));
  for (int node = 0; node < kNodeCount; ++node) {
    const auto before = cell_.StoredShare(node, RefOf("lost"));
    Lose(node, RefOf("lost"));
    cell_.Send((node + 1) % kNodeCount, node, engine::ShareDoubt{RefOf("lost")});
    ASSERT_TRUE(RunUntilWhole(node, RefOf("lost"))) << WrongWith(node, RefOf("lost"));
    const auto after = cell_.StoredShare(node, RefOf("lost"));
    EXPECT_EQ(before->share, after->share);
    EXPECT_EQ(Repairs(node).key_shares_repaired, 1u);
    EXPECT_EQ(Repairs(node).fragment_bytes_wan == 0, GetParam());
  }
}

TEST_P(OwedTest, TwoValuesUnderOneVersionAreAnAlarmAndRepairNothing) {
  const auto one = Deliveries("torn", "one");
  const auto two = Deliveries("torn", "two");
  for (int node = 0; node < kNodeCount; ++node) {
    Hand(node, (node == 7 ? two : one)[static_cast<std::size_t>(node)]);
  }
  cell_.world().RunFor(absl::Seconds(2));
  // Node 7 holds a good share of another value: it will not have it replaced.
  cell_.Send(8, 7, engine::OwedShare{5, WithoutFragment(*one[7])});
  cell_.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(Repairs(7).core_conflicts, 1u);
  EXPECT_EQ(cell_.StoredShare(7, RefOf("torn"))->share.core, two[7]->share.core);
  // And its neighbour, who lost its share, will not choose between the two.
  Lose(6, RefOf("torn"));
  cell_.Send(0, 6, engine::ShareDoubt{RefOf("torn")});
  cell_.world().RunFor(absl::Seconds(20));
  EXPECT_EQ(WrongWith(6, RefOf("torn")), "no row");
  EXPECT_EQ(Repairs(6).core_conflicts, 1u);
}

TEST_P(OwedTest, MoreRepairsThanTheBoundAreNotBegunAndAnOwedShareIsToComeAgain) {
  const auto deliveries = Deliveries("owed", "value");
  cell_.StopNode(8);
  std::vector<engine::PutSharesReply> replies;
  FakeNode scatterer(cell_, 8, [&](NodeIndex, PeerMessage& message) -> std::optional<PeerMessage> {
    if (auto* reply = std::get_if<engine::PutSharesReply>(&message)) {
      replies.push_back(std::move(*reply));
    }
    return std::nullopt;
  });
  cell_.disk(4).SetDelays(absl::ZeroDuration(), absl::Seconds(10));
  for (std::size_t version = 1; version <= engine::Repairer::kRepairsMax + 100; ++version) {
    cell_.Send(5, 4, engine::ShareDoubt{RefOf("another", version)});
  }
  cell_.world().RunFor(absl::Seconds(1));
  EXPECT_EQ(Repairs(4).waiting, engine::Repairer::kRepairsMax);
  scatterer.Send(4, engine::OwedShare{7, WithoutFragment(*deliveries[4])});
  cell_.world().RunFor(absl::Seconds(1));
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].id, 7u);
  ASSERT_EQ(replies[0].refusals.size(), 1u);
  EXPECT_THAT(replies[0].refusals[0].reason, HasSubstr("too many repairs wait"));
}

TEST_P(OwedTest, OfManyWhoWaitForOneReceiptTheLastFewGetIt) {
  const auto deliveries = Deliveries("owed", "value");
  for (int node = 0; node < kNodeCount; ++node) {
    if (node != 4) Hand(node, deliveries[static_cast<std::size_t>(node)]);
  }
  cell_.world().RunFor(absl::Seconds(2));
  cell_.StopNode(8);
  std::vector<engine::RequestId> receipted;
  FakeNode scatterer(cell_, 8, [&](NodeIndex, PeerMessage& message) -> std::optional<PeerMessage> {
    if (const auto* reply = std::get_if<engine::PutSharesReply>(&message)) {
      if (!reply->receipts.empty()) receipted.push_back(reply->id);
    }
    return std::nullopt;
  });
  for (engine::RequestId id = 1; id <= engine::Repairer::kOwedAnswersMax + 3; ++id) {
    scatterer.Send(4, engine::OwedShare{id, WithoutFragment(*deliveries[4])});
  }
  EXPECT_TRUE(RunUntilWhole(4, RefOf("owed")));
  cell_.world().RunFor(absl::Seconds(2));
  EXPECT_THAT(receipted, ::testing::ElementsAre(4, 5, 6, 7));
}

// Any node may sign another tree, with key shares it knows, over a core. Sealed at rest under the nonce
// of the right one, such a key share would give the right one away.
TEST_P(OwedTest, AnotherTreeOverTheSameCoreReplacesNothing) {
  constexpr int kNode = 4;
  const NodeIndex index = NodeAt(kNode);
  const auto session = cryptoscatter::WriterSession::Create(cell_.cell().SealTargets(), entropy_);
  cryptoscatter::SealedValue sealed = Sealed("torn", "one", *session);
  const auto right = Scattered(sealed, 0);
  KeyShare forged(1);
  entropy_.Fill(forged.ExposeSecretMutable());
  const CoreId core = sealed.core.Id();
  sealed.key_share_hashes[kNode] = cryptoscatter::KeyShareHash(core, index, forged);
  sealed.key_shares[kNode] = cryptoscatter::SealKeyShare(
      session->pairwise_key(index), {core, index, sealed.key_share_hashes[kNode]},
      cell_.cell().node(index).id, forged);
  const auto other = Scattered(sealed, 8);
  for (int node = 0; node < kNodeCount; ++node) {
    Hand(node, right[static_cast<std::size_t>(node)]);
  }
  cell_.world().RunFor(absl::Seconds(2));
  ASSERT_EQ(WrongWith(kNode, RefOf("torn")), "");
  const Bytes before = *RowOf(kNode, RowFamily::kRows, RefOf("torn"));

  // While the right share is whole, and while its key share is damaged.
  for (const bool damaged : {false, true}) {
    if (damaged) {
      Flip(kNode, RowFamily::kRows, RefOf("torn"), KeyShareAt(before) + 60);
      cell_.Send(0, kNode, engine::ShareDoubt{RefOf("torn")});
    }
    cell_.Send(8, kNode, engine::OwedShare{5, WithoutFragment(*other[kNode])});
    cell_.world().RunFor(absl::Seconds(10));
    EXPECT_EQ(WrongWith(kNode, RefOf("torn")), "");
    EXPECT_EQ(*RowOf(kNode, RowFamily::kRows, RefOf("torn")), before);
    EXPECT_EQ(Repairs(kNode).core_conflicts, damaged ? 2u : 1u);
  }
  EXPECT_EQ(Repairs(kNode).key_shares_repaired, 1u);
}

INSTANTIATE_TEST_SUITE_P(Scripts, OwedTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Nested" : "Flat"; });

}  // namespace
}  // namespace worldb::testing
