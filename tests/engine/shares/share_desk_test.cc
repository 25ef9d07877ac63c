// Goal:   fetches of one message are answered together, each for itself: what is wrong with one, or with its
//         batch row, harms no other.
// Method: shares handed to a node on a fake disk; some of its rows are spoilt, and it is asked for all at once.
#include <gtest/gtest.h>

#include "engine/shares/newest_hints.h"
#include "tests/support/share_cell.h"

namespace worldb::testing {
namespace {

using engine::FetchShares;
using engine::ShareRow;

class ShareDeskTest : public ShareCellTest {
 protected:
  // To node 4, in one message; returns the ids.
  std::vector<engine::RequestId> FetchAll(const std::vector<engine::VersionRef>& versions) {
    FetchShares message;
    std::vector<engine::RequestId> ids;
    for (const engine::VersionRef& version : versions) {
      message.fetches.push_back(FetchOf(version));
      ids.push_back(message.fetches.back().id);
    }
    Send(4, std::move(message));
    Run(300);
    return ids;
  }
  std::vector<engine::RequestId> FetchNewestOf(const std::vector<KeyTag>& keys) {
    FetchShares message;
    std::vector<engine::RequestId> ids;
    for (const KeyTag& key : keys) {
      ids.push_back(++last_request_);
      message.newest.push_back({ids.back(), key, cell_.cell().node(NodeAt(0)).exchange_key});
    }
    Send(4, std::move(message));
    Run(300);
    return ids;
  }
  // Handed to node 4 at once.
  Scattered Handed(std::size_t count, std::size_t value_bytes = 64) {
    Scattered values = Scatter(count, value_bytes);
    std::vector<DeliveryPtr> deliveries;
    for (const auto& nine : values.deliveries) deliveries.push_back(nine[4]);
    Hand(4, std::move(deliveries));
    Run(300);
    return values;
  }
};

TEST_F(ShareDeskTest, ManyAreAnsweredInOneMessage) {
  TakeAnswers();
  const Scattered values = Handed(20);
  const auto ids = FetchAll(values.versions);
  EXPECT_EQ(fetch_answers_, 1);
  for (const engine::RequestId id : ids) EXPECT_EQ(fetched_.at(id), absl::OkStatus());
}

TEST_F(ShareDeskTest, OneThatIsBadHarmsNoOther) {
  TakeAnswers();
  const Scattered values = Handed(5);
  std::vector<engine::VersionRef> versions = values.versions;
  versions.push_back({versions[0].key_tag, versions[0].slot_epoch, Version(9)});  // there is none
  Tamper(4, ShareRow::Key(versions[1]), Bytes{1, 2, 3});
  Tamper(4, ShareRow::Key(versions[2]), std::nullopt);
  const auto ids = FetchAll(versions);
  EXPECT_EQ(fetched_.at(ids[0]), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(fetched_.at(ids[1])));
  EXPECT_TRUE(absl::IsNotFound(fetched_.at(ids[2])));
  EXPECT_EQ(fetched_.at(ids[3]), absl::OkStatus());
  EXPECT_EQ(fetched_.at(ids[4]), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(fetched_.at(ids[5])));
}

TEST_F(ShareDeskTest, ABatchRowThatCannotBeReadHarmsNoShareOfAnother) {
  TakeAnswers();
  const Scattered lost = Handed(2);
  cell_.StopNode(4);
  cell_.StartNode(4);
  Run(300);
  const Scattered good = Handed(2);  // its batch is in memory
  cell_.disk(4).FailReadsUnder(engine::BatchRow::kFamilyPrefix,
                               absl::UnavailableError("the disk is away"));
  const auto ids =
      FetchAll({lost.versions[0], good.versions[0], lost.versions[1], good.versions[1]});
  for (const int i : {0, 2}) EXPECT_TRUE(absl::IsUnavailable(fetched_.at(ids[i]))) << i;
  for (const int i : {1, 3}) EXPECT_EQ(fetched_.at(ids[i]), absl::OkStatus()) << i;
}

TEST_F(ShareDeskTest, FragmentsThatLieApartAreReadTogetherUpToABound) {
  TakeAnswers();
  const Scattered small = Handed(3);
  const Scattered large = Handed(3, 50'000);
  const Scattered huge = Handed(2, 1 << 20);
  std::vector<engine::VersionRef> versions = small.versions;
  for (const Scattered* more : {&large, &huge}) {
    versions.insert(versions.end(), more->versions.begin(), more->versions.end());
  }
  cell_.disk(4).Tamper(engine::RowFamily::kBlobs, ShareRow::Key(large.versions[1]), nullptr);
  const auto ids = FetchAll(versions);
  // The small ones, the large ones, and each of the others.
  EXPECT_EQ(fetch_answers_, 4);
  for (const engine::RequestId id : ids) {
    EXPECT_EQ(fetched_.at(id), absl::OkStatus()) << "without its fragment a key share still helps";
  }
}

TEST_F(ShareDeskTest, TheNewestIsFoundAmongTheKnownAndOnTheDisk) {
  TakeAnswers();
  const Scattered values = Handed(3);
  const Scattered large = Handed(1, 50'000);
  std::vector<KeyTag> keys;
  for (const Scattered* some : {&values, &large}) {
    for (const engine::VersionRef& version : some->versions) keys.push_back(version.key_tag);
  }
  keys.push_back(KeyTag());  // there is none
  const auto expect_found = [&] {
    const auto ids = FetchNewestOf(keys);
    for (const int i : {0, 1, 2}) {
      EXPECT_EQ(fetched_.at(ids[i]), absl::OkStatus()) << i;
      EXPECT_EQ(versions_.at(ids[i]), values.versions[i]) << i;
    }
    EXPECT_TRUE(absl::IsFailedPrecondition(fetched_.at(ids[3])));
    EXPECT_FALSE(versions_.contains(ids[3]));
    EXPECT_TRUE(absl::IsNotFound(fetched_.at(ids[4])));
  };
  expect_found();
  cell_.StopNode(4);  // and what it knew is forgotten
  cell_.StartNode(4);
  Run(300);
  expect_found();
  expect_found();
}

TEST_F(ShareDeskTest, AHintOfWhatIsNotThereIsReplacedByWhatIs) {
  TakeAnswers();
  const Scattered values = Handed(2);
  // As if a newer one was on its way that is never stored.
  auto newer = std::make_shared<engine::ShareDelivery>(*values.deliveries[0][4]);
  newer->share.version = Version(7);
  Hand(4, {newer});
  Run(300);
  std::vector<KeyTag> keys;
  for (const engine::VersionRef& version : values.versions) keys.push_back(version.key_tag);
  Tamper(4, ShareRow::Key(values.versions[0].key_tag, values.versions[0].slot_epoch, Version(7)),
         std::nullopt);
  const auto ids = FetchNewestOf(keys);
  for (const int i : {0, 1}) EXPECT_EQ(versions_.at(ids[i]), values.versions[i]) << i;
}

TEST_F(ShareDeskTest, ADeliveryOfNothingHarmsNobody) {
  TakeAnswers();
  const Scattered values = Scatter(1);
  Hand(4, {nullptr, values.deliveries[0][4]});
  Run(300);
  EXPECT_TRUE(Promised(4, values, 0));
}

TEST(NewestHintsTest, TheNewestToldIsKeptAndWhatIsFoundReplacesIt) {
  engine::NewestHints hints;
  const auto version = [](int key, std::uint64_t number) {
    KeyTag tag;
    tag.bytes[0] = static_cast<std::uint8_t>(key);
    tag.bytes[1] = static_cast<std::uint8_t>(key >> 8);
    tag.bytes[2] = static_cast<std::uint8_t>(key >> 16);
    return engine::VersionRef{tag, SlotEpoch(1), Version(number)};
  };
  const KeyTag first = version(0, 0).key_tag;
  hints.Raise(version(0, 3));
  EXPECT_EQ(hints.Find(first), std::nullopt) << "it may be an old one";
  hints.Note(version(0, 3));
  hints.Raise(version(0, 5));
  hints.Note(version(0, 4));
  EXPECT_EQ(hints.Find(first), version(0, 5));
  hints.Replace(version(0, 4), version(0, 2));
  EXPECT_EQ(hints.Find(first), version(0, 5)) << "noted while another one was looked for";
  hints.Replace(version(0, 5), version(0, 2));
  EXPECT_EQ(hints.Find(first), version(0, 2));
  // What is used stays, whatever else comes.
  const int many = 2 * static_cast<int>(engine::NewestHints::kKeysMax);
  for (int key = 1; key < many; ++key) {
    hints.Note(version(key, 1));
    if (key % 1000 == 0) EXPECT_EQ(hints.Find(first), version(0, 2)) << key;
  }
  EXPECT_EQ(hints.Find(version(1, 1).key_tag), std::nullopt);
}

TEST_F(ShareDeskTest, OfAMessageAboveTheBoundTheRestIsNotAnswered) {
  TakeAnswers();
  const Scattered values = Handed(1);
  const auto ids =
      FetchAll(std::vector<engine::VersionRef>(FetchShares::kFetchesMax + 1, values.versions[0]));
  EXPECT_TRUE(fetched_.contains(ids[FetchShares::kFetchesMax - 1]));
  EXPECT_FALSE(fetched_.contains(ids.back()));
}

}  // namespace
}  // namespace worldb::testing
