// Goal:   what is staged is there until the log lets it go; memory, rows and what siblings have under way
//         keep to their bounds.
// Method: one staging over the fake disk in virtual time; payloads are sealed by a real writer, and the
//         log is whatever this test says it is.
#include "engine/home/staging.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/rows/staged_rows.h"
#include "tests/support/lone_node.h"
#include "tests/support/memory_store.h"
#include "tests/support/scatter_cell.h"

namespace worldb::engine {
namespace {

using worldb::testing::LoneNode;
using worldb::testing::MemoryStore;

constexpr std::uint64_t kBytesMax = 100'000;
constexpr NodeIndex kSibling = NodeAt(2);

class StagingTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    staging_.reset();
    names_.reset();
    store_.reset();
    node_.Restart();
    store_ = std::make_unique<MemoryStore>(disk_, node_.self().executor());
    names_ = std::make_unique<NameIndex>(node_.self(), *store_, node_.secrets(NodeAt(1)),
                                         node_.entropy());
    staging_ = std::make_unique<Staging>(node_.self(), *store_, *names_, kBytesMax);
    staging_->SetWanted([this](const OpId&, const CommitmentId& commitment) {
      const auto it = wishes_.find(commitment);
      return it == wishes_.end() ? StagingWish::kUnknown : it->second;
    });
    std::optional<absl::Status> loaded;
    staging_->Load([&loaded](absl::Status status) { loaded = std::move(status); });
    Run();
    EXPECT_EQ(loaded, absl::OkStatus());
  }
  void Run() { node_.RunFor(absl::Milliseconds(100)); }
  PayloadPtr Make(std::size_t value_bytes) {
    auto payload = std::make_shared<Payload>();
    payload->sealed = writer_.Seal(AsBytes("name"), Bytes(value_bytes, 'v'));
    payload->commitment = payload->sealed.Commitment();
    payload->encoded = std::make_shared<const Bytes>(payload->sealed.Encode());
    return payload;
  }
  PayloadPtr Stage(std::size_t value_bytes, StagingWish wish = StagingWish::kWanted) {
    return StageTogether(1, value_bytes, wish).front();
  }
  std::vector<PayloadPtr> StageTogether(std::size_t count, std::size_t value_bytes,
                                        StagingWish wish = StagingWish::kWanted) {
    std::vector<PayloadPtr> payloads;
    for (std::size_t i = 0; i < count; ++i) {
      payloads.push_back(Make(value_bytes));
      wishes_[payloads.back()->commitment] = wish;
    }
    StageAgain(payloads);
    return payloads;
  }
  void StageAgain(const std::vector<PayloadPtr>& payloads) {
    std::optional<absl::Status> staged;
    staging_->Put(payloads, [&staged](absl::Status status) { staged = std::move(status); });
    Run();
    EXPECT_EQ(staged, absl::OkStatus());
  }
  void Let(const PayloadPtr& payload, StagingWish wish) {
    wishes_[payload->commitment] = wish;
    staging_->Heed(payload->commitment, wish);
    Run();
  }
  void ExpectWhole(const PayloadPtr& payload) {
    EXPECT_TRUE(staging_->Has(payload->commitment));
    const auto got = Get(payload);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ((*got)->sealed, payload->sealed);
    EXPECT_EQ(*(*got)->encoded, *payload->encoded);
  }
  absl::StatusOr<PayloadPtr> Get(const PayloadPtr& payload) {
    absl::StatusOr<PayloadPtr> got = absl::UnknownError("no answer");
    staging_->Get(payload->commitment, [&got](auto found) { got = std::move(found); });
    Run();
    return got;
  }
  std::size_t RowCount() const { return disk_.Rows(RowFamily::kBlobs).size(); }
  std::uint64_t RowBytes() const {
    std::uint64_t bytes = 0;
    for (const StoreRow& row : disk_.Rows(RowFamily::kBlobs)) bytes += row.value.size();
    return bytes;
  }

  LoneNode node_{NodeAt(1)};
  worldb::testing::ScatterCell writer_{7};
  worldb::testing::MemoryDisk disk_;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<NameIndex> names_;
  std::unique_ptr<Staging> staging_;
  std::map<CommitmentId, StagingWish> wishes_;
};

TEST_F(StagingTest, WhatIsStagedIsThereAfterARestart) {
  const PayloadPtr payload = Stage(1000);
  disk_.Crash(worldb::testing::Kept::kSynced);
  Open();
  EXPECT_TRUE(staging_->Has(payload->commitment));
  EXPECT_EQ(staging_->stored_bytes(), payload->encoded->size());
  const auto got = Get(payload);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ((*got)->sealed, payload->sealed);
}

TEST_F(StagingTest, WhatTheLogDoesNotWantGoesFromTheDiskToo) {
  const PayloadPtr kept = Stage(1000);
  const PayloadPtr dropped = Stage(1000);
  staging_->Heed(dropped->commitment, StagingWish::kUnwanted);
  EXPECT_FALSE(staging_->Has(dropped->commitment));
  Run();
  EXPECT_EQ(RowCount(), 1u);
  EXPECT_TRUE(absl::IsNotFound(Get(dropped).status()));
  EXPECT_TRUE(Get(kept).ok());
  EXPECT_EQ(staging_->stored_bytes(), kept->encoded->size());
}

TEST_F(StagingTest, ASweepTakesStraysThatNobodySpokeForInTime) {
  const PayloadPtr stray = Stage(1000, StagingWish::kUnknown);
  const PayloadPtr wanted = Stage(1000);
  staging_->Sweep();
  EXPECT_TRUE(staging_->Has(stray->commitment));
  node_.RunFor(Staging::kStrayAfter);
  staging_->Sweep();
  EXPECT_FALSE(staging_->Has(stray->commitment));
  EXPECT_TRUE(staging_->Has(wanted->commitment));
}

TEST_F(StagingTest, OverBudgetTheOldestThatIsSafeShrinksFirst) {
  const PayloadPtr held = Stage(40'000, StagingWish::kHeld);
  const PayloadPtr safe = Stage(40'000, StagingWish::kSafe);
  const PayloadPtr pending = Stage(40'000);
  Run();
  EXPECT_FALSE((*Get(safe))->whole());
  EXPECT_TRUE((*Get(held))->whole());
  EXPECT_LE(staging_->stored_bytes(), kBytesMax);
  EXPECT_EQ(staging_->stored_bytes(), RowBytes());
  const PayloadPtr more = Stage(40'000);
  Run();
  EXPECT_FALSE((*Get(held))->whole());
  EXPECT_TRUE((*Get(pending))->whole()) << "nobody else could bring it back";
  EXPECT_TRUE((*Get(more))->whole());
}

TEST_F(StagingTest, AboveTheMemoryBudgetPayloadsAreReadBackFromTheStore) {
  const std::size_t each = StagedStore::kMemoryBytesMax / 16;
  std::vector<PayloadPtr> payloads;
  for (int i = 0; i < 20; ++i) payloads.push_back(Stage(each));
  disk_.FailReadsUnder(StagedRow::kFamilyPrefix, absl::UnavailableError("disk"));
  int in_memory = 0;
  for (const PayloadPtr& payload : payloads) in_memory += Get(payload).ok() ? 1 : 0;
  EXPECT_EQ(in_memory, 15);
  EXPECT_TRUE(Get(payloads.back()).ok()) << "the newest ones";
  disk_.FailReadsUnder(StagedRow::kFamilyPrefix, absl::OkStatus());
  EXPECT_TRUE(Get(payloads.front()).ok());
}

TEST_F(StagingTest, ADamagedRowIsAsGoodAsNotHere) {
  const PayloadPtr cut = Stage(1000);
  const PayloadPtr moved = Stage(1000);
  const PayloadPtr good = Stage(1000);
  const auto put = [this](const PayloadPtr& at, Bytes bytes) {
    disk_.Tamper(RowFamily::kBlobs, StagedRow::Key(at->commitment),
                 std::make_shared<const Bytes>(std::move(bytes)));
  };
  put(cut, Bytes(cut->encoded->begin(), cut->encoded->end() - 1));
  put(moved, *good->encoded);
  Open();
  EXPECT_FALSE(staging_->Has(cut->commitment));
  EXPECT_FALSE(staging_->Has(moved->commitment));
  EXPECT_TRUE(staging_->Has(good->commitment));
  EXPECT_TRUE(absl::IsNotFound(Get(moved).status())) << "whoever asks takes a sibling's";
}

TEST_F(StagingTest, WhatIsStagedTogetherLiesInOneRowUntilAllOfItIsGone) {
  const std::vector<PayloadPtr> payloads = StageTogether(5, 1000);
  EXPECT_EQ(RowCount(), 1u);
  EXPECT_EQ(staging_->stored_bytes(), 5 * payloads.front()->encoded->size());
  disk_.Crash(worldb::testing::Kept::kSynced);
  Open();
  for (const PayloadPtr& payload : payloads) ExpectWhole(payload);
  for (int i = 0; i < 4; ++i) Let(payloads[i], StagingWish::kUnwanted);
  EXPECT_EQ(RowCount(), 1u);
  EXPECT_FALSE(staging_->Has(payloads[0]->commitment));
  EXPECT_TRUE(absl::IsNotFound(Get(payloads[0]).status())) << "although the row is there";
  ExpectWhole(payloads[4]);
  Let(payloads[4], StagingWish::kUnwanted);
  EXPECT_EQ(RowCount(), 0u);
  EXPECT_EQ(staging_->stored_bytes(), 0u);
}

TEST_F(StagingTest, ARowTakesNoMoreThanItsBytes) {
  StageTogether(5, StagedStore::kRowBytesMax * 2 / 5);
  EXPECT_EQ(RowCount(), 3u);
}

TEST_F(StagingTest, WhatWasReadOfARowIsThereForTheNextWhoAsks) {
  const std::vector<PayloadPtr> payloads = StageTogether(5, 1000);
  Open();
  ExpectWhole(payloads[0]);
  disk_.FailReadsUnder(StagedBatchRow::kFamilyPrefix, absl::UnavailableError("disk"));
  for (int i = 1; i < 5; ++i) ExpectWhole(payloads[i]);
}

TEST_F(StagingTest, WhatLastsGetsARowOfItsOwn) {
  const std::vector<PayloadPtr> payloads = StageTogether(5, 1000);
  Let(payloads[1], StagingWish::kUnwanted);
  staging_->Sweep();
  Run();
  EXPECT_EQ(RowCount(), 1u) << "it is young";
  node_.RunFor(StagedStore::kTogetherMax);
  staging_->Sweep();
  Run();
  EXPECT_EQ(RowCount(), 4u);
  EXPECT_FALSE(staging_->Has(payloads[1]->commitment));
  EXPECT_EQ(staging_->stored_bytes(), RowBytes());
  disk_.Crash(worldb::testing::Kept::kSynced);
  Open();
  for (const int i : {0, 2, 3, 4}) ExpectWhole(payloads[i]);
}

TEST_F(StagingTest, AMoveThatFailsLosesNothing) {
  const std::vector<PayloadPtr> payloads = StageTogether(3, 1000);
  node_.RunFor(StagedStore::kTogetherMax);
  for (const auto fate :
       {worldb::testing::FailedCommit::kLost, worldb::testing::FailedCommit::kThere}) {
    disk_.FailCommits(1, absl::UnavailableError("disk"), fate);
    staging_->Sweep();
    Run();
    disk_.Crash(worldb::testing::Kept::kSynced);
    Open();
    for (const PayloadPtr& payload : payloads) ExpectWhole(payload);
    node_.RunFor(StagedStore::kTogetherMax);
  }
}

TEST_F(StagingTest, StagingTheSameAgainWhileItIsBeingMovedLosesNothing) {
  const std::vector<PayloadPtr> payloads = StageTogether(3, 1000);
  node_.RunFor(StagedStore::kTogetherMax);
  disk_.SetDelays(absl::Milliseconds(5), absl::Milliseconds(5));
  for (int offset = 0; offset < 20; ++offset) {
    staging_->Sweep();
    node_.RunFor(absl::Milliseconds(offset));
    StageAgain(payloads);
    node_.RunFor(absl::Seconds(1));
    for (const PayloadPtr& payload : payloads) ExpectWhole(payload);
    disk_.Crash(worldb::testing::Kept::kSynced);
    Open();
    for (const PayloadPtr& payload : payloads) ExpectWhole(payload);
    node_.RunFor(StagedStore::kTogetherMax);
  }
}

TEST_F(StagingTest, OneOfARowShrinksIntoItsOwn) {
  const std::vector<PayloadPtr> payloads = StageTogether(3, 40'000);
  Let(payloads[0], StagingWish::kSafe);
  EXPECT_FALSE((*Get(payloads[0]))->whole());
  EXPECT_EQ(RowCount(), 2u);
  ExpectWhole(payloads[1]);
  disk_.Crash(worldb::testing::Kept::kSynced);
  Open();
  for (const PayloadPtr& payload : payloads) ExpectWhole(payload);
  EXPECT_EQ(RowCount(), 1u) << "while its row is there it is whole, and may shrink again";
}

TEST_F(StagingTest, WhatShrinksWhileItIsMovedIsSmallOnTheDiskToo) {
  const std::vector<PayloadPtr> payloads = StageTogether(2, 40'000);
  node_.RunFor(StagedStore::kTogetherMax);
  disk_.SetDelays(absl::Milliseconds(5), absl::Milliseconds(5));
  wishes_[payloads[0]->commitment] = StagingWish::kSafe;
  StageTogether(1, 40'000);  // too much: the next look makes one shrink
  staging_->Sweep();
  node_.RunFor(absl::Seconds(1));
  EXPECT_FALSE((*Get(payloads[0]))->whole());
  EXPECT_EQ(staging_->stored_bytes(), RowBytes());
  ExpectWhole(payloads[1]);
}

TEST_F(StagingTest, ARowThatManyAskForIsReadOnce) {
  const std::vector<PayloadPtr> payloads = StageTogether(50, 1000);
  Open();
  const auto ask = [&] {
    int got = 0;
    for (const PayloadPtr& payload : payloads) {
      staging_->Get(payload->commitment, [&got, &payload](const auto& found) {
        got += found.ok() && (*found)->sealed == payload->sealed ? 1 : 0;
      });
    }
    Run();
    return got;
  };
  disk_.FailReads(2, absl::UnavailableError("disk"));
  EXPECT_EQ(ask(), 0) << "the first read";
  EXPECT_EQ(ask(), 0) << "the second";
  EXPECT_EQ(ask(), 50);
}

TEST_F(StagingTest, DeletionsOfACommitThatFailedAreMadeUpFor) {
  const PayloadPtr dropped = Stage(1000);
  staging_->Heed(dropped->commitment, StagingWish::kUnwanted);
  disk_.FailCommits(1, absl::ResourceExhaustedError("disk full"),
                    worldb::testing::FailedCommit::kLost);
  Run();
  EXPECT_EQ(RowCount(), 1u);
  Stage(1000);
  EXPECT_EQ(RowCount(), 1u) << "the new one";
}

TEST_F(StagingTest, ASiblingsPutsUnderWayAreBounded) {
  auto huge = std::make_shared<Payload>(*Make(10));
  huge->encoded = std::make_shared<const Bytes>(Staging::kPutBytesUnderWayMax);
  const PayloadPtr small = Make(10);
  wishes_[huge->commitment] = wishes_[small->commitment] = StagingWish::kWanted;
  staging_->TakePut(kSibling, {1, {huge}});
  staging_->TakePut(kSibling, {2, {small}});
  staging_->TakePut(NodeAt(4), {3, {small}});  // of another data center
  staging_->TakePut(kSibling, {4, {nullptr}});
  Run();
  std::map<RequestId, absl::StatusCode> told;
  for (const auto& sent : node_.Take<StagePutReply>()) {
    EXPECT_EQ(sent.to, kSibling);
    told[sent.message.id] = sent.message.status.code();
  }
  EXPECT_EQ(told, (std::map<RequestId, absl::StatusCode>{{1, absl::StatusCode::kOk},
                                                         {2, absl::StatusCode::kResourceExhausted},
                                                         {4, absl::StatusCode::kInvalidArgument}}));
  staging_->TakePut(kSibling, {5, {small}});
  Run();
  EXPECT_TRUE(node_.Take<StagePutReply>().at(0).message.status.ok()) << "and taken later";
}

TEST_F(StagingTest, ASiblingsGetsUnderWayAreBounded) {
  const PayloadPtr payload = Stage(10);
  staging_->Serve(NodeAt(4), {1, payload->commitment});  // of another data center
  for (std::size_t i = 0; i <= Staging::kGetsUnderWayMax; ++i) {
    staging_->Serve(kSibling, {i + 2, payload->commitment});
  }
  Run();
  const auto replies = node_.Take<StageGetReply>();
  ASSERT_EQ(replies.size(), Staging::kGetsUnderWayMax + 1);
  std::size_t refused = 0;
  for (const auto& sent : replies) {
    EXPECT_EQ(sent.to, kSibling);
    refused += absl::IsResourceExhausted(sent.message.status) ? 1 : 0;
  }
  EXPECT_EQ(refused, 1u);
  staging_->Serve(kSibling, {7, payload->commitment});
  Run();
  EXPECT_EQ(node_.Take<StageGetReply>().at(0).message.payload, payload) << "and served later";
}

}  // namespace
}  // namespace worldb::engine
