// Goal:   a store holds one checkpoint, whole or none, whatever fails; a sibling gets all its pages from
//         one checkpoint, and nobody waits for it without end.
// Method: one checkpointer over the fake disk in virtual time, fed with checkpoints of a real home state;
//         the sibling that reads from it is this test.
#include "engine/home/checkpointer.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/home_book.h"
#include "tests/support/lone_node.h"
#include "tests/support/memory_store.h"

namespace worldb::engine {
namespace {

using worldb::testing::FailedCommit;
using worldb::testing::HomeBook;
using worldb::testing::LoneNode;
using worldb::testing::MemoryDisk;
using worldb::testing::MemoryStore;

constexpr NodeIndex kSibling = NodeAt(2);

class CheckpointerTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    checkpointer_.reset();
    store_.reset();
    node_.Restart();
    store_ = std::make_unique<MemoryStore>(disk_, node_.self().executor());
    checkpointer_ = std::make_unique<Checkpointer>(node_.self(), *store_, arbiter::ContestRule());
    checkpointer_->SetSynced([this](LogIndex index) { synced_.push_back(index.value()); });
    loaded_.reset();
    checkpointer_->Load([this](auto state) { loaded_ = std::move(state); });
    node_.RunFor(absl::Seconds(2));
    ASSERT_NE(loaded_, nullptr);
  }
  // What a home with one more write says, and the index it is of.
  arbiter::Checkpoint NextCheckpoint() {
    book_->Win(book_->KeyOfHome("key"));
    arbiter::LogEntry entry;
    entry.reading = book_->Reading();
    entry.checkpoint = true;
    HomeBook::Effects effects = book_->Apply(entry);
    for (arbiter::Effect& effect : effects) {
      auto* made = std::get_if<arbiter::CheckpointMade>(&effect);
      if (made != nullptr) return std::move(made->checkpoint);
    }
    ADD_FAILURE();
    return {};
  }
  std::uint64_t Save() {
    arbiter::Checkpoint checkpoint = NextCheckpoint();
    const std::uint64_t index = checkpoint.index.value();
    checkpointer_->Save(std::move(checkpoint));
    return index;
  }
  // Asks from the beginning, and answers with the index of the page; 0 for a refusal.
  std::uint64_t Read() {
    checkpointer_->Serve(kSibling, {7, ""});
    node_.RunFor(absl::Milliseconds(100));
    const auto replies = node_.Take<CheckpointGetReply>();
    if (replies.size() != 1 || replies[0].to != kSibling || replies[0].message.id != 7) {
      ADD_FAILURE() << replies.size() << " answers";
      return 0;
    }
    return replies[0].message.status.ok() ? replies[0].message.index.value() : 0;
  }
  std::string FirstRowKey() const {
    for (const StoreRow& row : disk_.Rows(RowFamily::kRows)) {
      if (row.key.starts_with(CheckpointGeneration::kFamilyPrefix)) return row.key;
    }
    return "";
  }

  LoneNode node_{NodeAt(1)};
  MemoryDisk disk_;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<arbiter::HomeState> loaded_;
  std::vector<std::uint64_t> synced_;
  std::optional<HomeBook> book_{std::in_place, node_.cell()};
};

TEST_F(CheckpointerTest, WhatIsSyncedIsThereAfterARestart) {
  EXPECT_EQ(loaded_->applied(), LogIndex());
  Save();
  Save();
  node_.RunFor(absl::Seconds(1));
  disk_.Crash(worldb::testing::Kept::kSynced);
  Open();
  EXPECT_EQ(loaded_->applied(), book_->state().applied());
  EXPECT_EQ(checkpointer_->synced(), book_->state().applied());
}

TEST_F(CheckpointerTest, TwoSavesWhileOneIsBeingWrittenAreOneCommit) {
  disk_.SetDelays(absl::Milliseconds(10), absl::ZeroDuration());
  const std::uint64_t first = Save();
  Save();
  const std::uint64_t last = Save();
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(synced_, (std::vector<std::uint64_t>{first, last}));
  Open();
  EXPECT_EQ(loaded_->applied().value(), last);
}

TEST_F(CheckpointerTest, ADamagedRowGivesTheCheckpointUpAndTheNextOneIsWhole) {
  Save();
  node_.RunFor(absl::Seconds(1));
  ASSERT_TRUE(disk_.Corrupt(RowFamily::kRows, FirstRowKey()).ok());
  Open();
  EXPECT_EQ(loaded_->applied(), LogIndex());
  EXPECT_EQ(checkpointer_->synced(), LogIndex());
  book_.emplace(node_.cell());
  const std::uint64_t index = Save();
  node_.RunFor(absl::Seconds(1));
  Open();
  EXPECT_EQ(loaded_->applied().value(), index);
}

TEST_F(CheckpointerTest, AStoreThatDoesNotAnswerIsAskedAgain) {
  const std::uint64_t index = Save();
  node_.RunFor(absl::Seconds(1));
  disk_.FailReads(1, absl::UnavailableError("EIO"));
  Open();
  EXPECT_EQ(loaded_->applied().value(), index) << "an error of the store is no damage";
}

TEST_F(CheckpointerTest, AFailedCommitIsRepeatedWithWhatCameMeanwhileAndNothingIsServedBefore) {
  const std::uint64_t first = Save();
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Read(), first);
  node_.RunFor(Checkpointer::kReaderSilentAfter);
  disk_.FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLate);
  Save();
  node_.RunFor(absl::Milliseconds(100));
  const std::uint64_t last = Save();
  EXPECT_EQ(Read(), 0u) << "what lies there now may be of either";
  node_.RunFor(absl::Seconds(2));
  EXPECT_EQ(synced_, (std::vector<std::uint64_t>{first, last}));
  EXPECT_EQ(Read(), last);
}

TEST_F(CheckpointerTest, AReaderGoesOnWhileACheckpointWaitsForIt) {
  const std::uint64_t first = Save();
  node_.RunFor(absl::Seconds(1));
  for (int second = 0; second < 30; ++second) {
    EXPECT_EQ(Read(), first) << second;
    if (second % 10 == 0) Save();
    node_.RunFor(absl::Seconds(1));
  }
  EXPECT_EQ(synced_, (std::vector<std::uint64_t>{first}));
}

TEST_F(CheckpointerTest, AReaderThatStaysAwayIsNotWaitedFor) {
  const std::uint64_t first = Save();
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Read(), first);
  Save();
  const std::uint64_t last = Save();
  node_.RunFor(Checkpointer::kReaderSilentAfter - absl::Seconds(1));
  EXPECT_EQ(checkpointer_->synced().value(), first);
  node_.RunFor(absl::Seconds(2));
  EXPECT_EQ(synced_, (std::vector<std::uint64_t>{first, last}));
}

TEST_F(CheckpointerTest, AReaderThatNeverEndsIsNotWaitedForWithoutEnd) {
  const std::uint64_t first = Save();
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Read(), first);
  const std::uint64_t last = Save();
  int served = 0;
  while (Read() == first && served < 10'000) ++served;
  EXPECT_NEAR(served, Checkpointer::kReadingMax / absl::Milliseconds(100), 20);
  EXPECT_EQ(checkpointer_->synced().value(), last);
}

TEST_F(CheckpointerTest, WhatWaitsForAReaderIsBounded) {
  const std::uint64_t first = Save();
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Read(), first);
  arbiter::Checkpoint large;
  large.index = LogIndex(first + 1);
  for (int i = 0; i < 4; ++i) {
    large.rows.push_back(
        {std::string(1, static_cast<char>('p' + i)), Bytes(Checkpointer::kWaitingBytesMax / 4)});
  }
  arbiter::Checkpoint half = large;
  half.rows.resize(2);
  checkpointer_->Save(std::move(half));
  node_.RunFor(absl::Milliseconds(100));
  EXPECT_EQ(checkpointer_->synced().value(), first) << "half of it waits";
  checkpointer_->Save(std::move(large));
  node_.RunFor(absl::Milliseconds(100));
  EXPECT_EQ(checkpointer_->synced().value(), first + 1) << "and more does not";
}

TEST_F(CheckpointerTest, NobodyOutsideTheTriadIsServed) {
  Save();
  node_.RunFor(absl::Seconds(1));
  checkpointer_->Serve(NodeAt(3), {7, ""});
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(node_.sent_count(), 0u);
}

}  // namespace
}  // namespace worldb::engine
