// Goal:   the proofs of a batch lie in one row that only grows, however its shares come, and the memory
//         spent on batches is bounded.
// Method: members handed one by one in flight, late, again, and with more batches than a node keeps in
//         memory; batch rows lost, unreadable for a while, and written by a commit that failed.
#include "engine/shares/batch_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "cryptoscatter/records.h"
#include "tests/support/lone_node.h"
#include "tests/support/memory_store.h"
#include "tests/support/share_cell.h"

namespace worldb::testing {
namespace {

using cryptoscatter::BatchRef;
using engine::BatchRow;
using engine::BatchRows;
using engine::RowFamily;

using BatchRowsTest = ShareCellTest;

TEST_F(BatchRowsTest, MembersThatComeOneByOneAllKeepTheirProofs) {
  cell_.disk(4).SetDelays(absl::Milliseconds(7), absl::Milliseconds(3));
  const Scattered values = Scatter(23);
  for (std::size_t i = 0; i < values.deliveries.size(); ++i) {
    Hand(4, {values.deliveries[i][4]});
    if (i % 4 == 0) cell_.world().RunFor(absl::Milliseconds(3));
  }
  cell_.world().RunFor(absl::Seconds(2));
  ExpectAllWhole(4, values);
  EXPECT_EQ(RowsOf(4, BatchRow::kFamilyPrefix).size(), 1u);
}

TEST_F(BatchRowsTest, BatchesThatAreNoLongerInMemoryGrowOnTheDisk) {
  std::vector<Scattered> batches;
  for (std::size_t i = 0; i < BatchRows::kBatchesMax + 20; ++i) batches.push_back(Scatter(3));
  for (std::size_t member = 0; member < 3; ++member) {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      Hand(4, {batches[i].deliveries[member][4]});
      if (i % 10 == 0) Run(200);  // no more are held at a time
    }
    Run(200);
  }
  for (const Scattered& values : batches) ExpectAllWhole(4, values);
  EXPECT_EQ(RowsOf(4, BatchRow::kFamilyPrefix).size(), batches.size());
}

TEST_F(BatchRowsTest, OneCallForManyBatchesLeavesNoMoreInMemoryThanTheBound) {
  TakeAnswers();
  std::vector<Scattered> batches;
  std::vector<DeliveryPtr> own;
  for (std::size_t i = 0; i < 2 * BatchRows::kBatchesMax + 9; ++i) {
    batches.push_back(Scatter(2));
    own.push_back(batches.back().deliveries[0][4]);
  }
  Hand(4, std::move(own));
  Run(500);
  for (const Scattered& values : batches) EXPECT_EQ(ExpectPromisedWhole(4, values), 1u);
  // What is in memory is told by who can be answered without its batch row. The newest first: those
  // that cannot drive others out.
  cell_.disk(4).FailReadsUnder(BatchRow::kFamilyPrefix, absl::UnavailableError("disk"));
  std::size_t in_memory = 0;
  for (std::size_t i = batches.size(); i-- > 0;) {
    const engine::RequestId id = Fetch(4, batches[i].versions[0]);
    Run(5);
    ASSERT_TRUE(fetched_.contains(id));
    if (fetched_[id].ok()) ++in_memory;
  }
  EXPECT_LE(in_memory, BatchRows::kBatchesMax);
  EXPECT_GT(in_memory, BatchRows::kBatchesMax / 2);
}

TEST(BatchRowsBound, HoldsForWhoeverLetsGo) {
  LoneNode node(NodeAt(4));
  MemoryDisk disk;
  SimExecutor executor(node.world());
  MemoryStore store(disk, executor);
  cryptoscatter::BatchVerifier verifier;
  BatchRows rows(node.cell(), store, verifier);
  const auto ref = [](std::uint16_t i) {
    BatchRef made;
    made.bytes[0] = static_cast<std::uint8_t>(i);
    made.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    return made;
  };
  BatchRows::BatchPtrs kept, passing;
  for (std::uint16_t i = 0; i < 1000; ++i) {
    (i < 10 ? kept : passing)[ref(i)] = rows.Hold(ref(i));
  }
  EXPECT_EQ(rows.in_memory(), 1000u);
  const BatchRows::Batch* last = passing[ref(999)].get();
  rows.LetGo(passing);
  EXPECT_EQ(rows.in_memory(), BatchRows::kBatchesMax);
  EXPECT_EQ(rows.Hold(ref(999)).get(), last);
  for (const auto& [of, batch] : kept) EXPECT_EQ(rows.Hold(of), batch);
  for (std::uint16_t i = 1000; i < 1200; ++i) rows.Hold(ref(i));
  EXPECT_EQ(rows.in_memory(), BatchRows::kBatchesMax);
  for (const auto& [of, batch] : kept) EXPECT_EQ(rows.Hold(of), batch);
}

TEST_F(BatchRowsTest, WhatIsInMemoryTellsAnotherValueThoughTheBatchRowIsGone) {
  TakeAnswers();
  const Scattered values = Scatter(3);
  next_key_ -= 3;
  const Scattered alone = Scatter(1, 65);
  HandOneByOne(4, values);
  Run(300);
  Tamper(4, RowsOf(4, BatchRow::kFamilyPrefix).at(0).key, std::nullopt);
  HandOneByOne(4, alone);
  Run(300);
  EXPECT_THAT(refusals_, ::testing::HasSubstr("already stored with another value"));
  // The same value again is not known to be there: it is written.
  HandOneByOne(4, values);
  Run(300);
  ExpectAllWhole(4, values);
}

// A commit that failed shows later, when its batch is in memory as it was before it.
TEST_F(BatchRowsTest, AMemberThatShowsLateIsNotWrittenOver) {
  TakeAnswers();
  const std::vector<Scattered> others = HandOthers(4);
  for (const bool in_flight : {false, true}) {
    cell_.disk(4).SetDelays(absl::ZeroDuration(), absl::ZeroDuration());
    const Scattered values = Scatter(3);
    Hand(4, {values.deliveries[0][4]});
    Run(300);
    cell_.disk(4).FailCommits(100'000, absl::UnavailableError("disk"), FailedCommit::kLate);
    Hand(4, {values.deliveries[1][4]});
    Run(300);
    FetchOthers(4, others);
    const engine::RequestId id = Fetch(4, values.versions[0]);
    Run(300);
    EXPECT_TRUE(fetched_.at(id).ok());
    EXPECT_EQ(WrongWith(4, values, 1), "no row");
    cell_.disk(4).FailCommits(0, absl::OkStatus(), FailedCommit::kLate);
    Hand(4, {Scatter(2).deliveries[0][4]});
    Run(300);
    EXPECT_EQ(WrongWith(4, values, 1), "");
    if (in_flight) {
      cell_.disk(4).SetDelays(absl::Milliseconds(100), absl::ZeroDuration());
      Hand(4, {values.deliveries[2][4]});
      Run(50);
      Hand(4, {values.deliveries[1][4]});
    } else {
      Hand(4, {values.deliveries[1][4]});
      Run(300);
      Hand(4, {values.deliveries[2][4]});
    }
    Run(300);
    EXPECT_EQ(ExpectPromisedWhole(4, values), 3u);
  }
}

TEST_F(BatchRowsTest, ABatchRowThatReadsWellAgainIsReadAgain) {
  TakeAnswers();
  const Scattered values = Scatter(3);
  Hand(4, {values.deliveries[0][4], values.deliveries[1][4]});
  Run(300);
  cell_.StopNode(4);
  cell_.StartNode(4);
  Run(300);
  const engine::StoreRow row = RowsOf(4, BatchRow::kFamilyPrefix).at(0);
  ASSERT_TRUE(cell_.disk(4).Corrupt(RowFamily::kRows, row.key).ok());
  const engine::RequestId id = Fetch(4, values.versions[0]);
  Run(50);
  EXPECT_TRUE(absl::IsDataLoss(fetched_.at(id)));
  Tamper(4, row.key, row.value);
  Hand(4, {values.deliveries[2][4]});
  Run(300);
  EXPECT_EQ(ExpectPromisedWhole(4, values), 3u);
}

}  // namespace
}  // namespace worldb::testing
