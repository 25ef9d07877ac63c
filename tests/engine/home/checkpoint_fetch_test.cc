// Goal:   a sibling's checkpoint is taken whole or not at all, from whichever sibling gives it, and what an
//         attempt that failed left behind is never taken for one.
// Method: one fetch over the fake disk in virtual time; this test is both siblings, with the rows of a
//         real home state cut into pages.
#include "engine/home/checkpoint_fetch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
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

class CheckpointFetchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HomeBook book(node_.cell());
    for (int i = 0; i < 8; ++i)
      book.Win(book.KeyOfHome(std::string(1, static_cast<char>('a' + i))));
    arbiter::LogEntry entry;
    entry.reading = book.Reading();
    entry.checkpoint = true;
    HomeBook::Effects effects = book.Apply(entry);
    for (arbiter::Effect& effect : effects) {
      auto* made = std::get_if<arbiter::CheckpointMade>(&effect);
      if (made != nullptr) whole_ = std::move(made->checkpoint);
    }
    std::sort(whole_.rows.begin(), whole_.rows.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    ASSERT_GT(whole_.rows.size(), 6u);
    fetch_.Start([this](auto state) { fetched_ = std::move(state); });
    node_.RunFor(absl::Milliseconds(100));
  }
  // The one question there is now.
  LoneNode::Sent<CheckpointGet> Question() {
    auto asked = node_.Take<CheckpointGet>();
    EXPECT_EQ(asked.size(), 1u);
    return asked.empty() ? LoneNode::Sent<CheckpointGet>{} : asked.front();
  }
  // The page behind the last key asked for.
  CheckpointGetReply PageFor(const CheckpointGet& question, std::size_t rows_max = 3) const {
    CheckpointGetReply reply;
    reply.id = question.id;
    reply.index = whole_.index;
    for (const arbiter::CheckpointRow& row : whole_.rows) {
      if (row.key <= question.after) continue;
      if (reply.rows.size() == rows_max) return reply;
      reply.rows.push_back(row);
    }
    reply.last = true;
    return reply;
  }
  void Answer(NodeIndex from, CheckpointGetReply reply) {
    fetch_.TakePage(from, reply);
    node_.RunFor(absl::Milliseconds(100));
  }
  void AnswerAll() {
    for (int i = 0; i < 100 && fetched_ == nullptr; ++i) {
      const auto question = Question();
      Answer(question.to, PageFor(question.message));
    }
  }
  // An attempt has ended: the other sibling is asked from the beginning.
  void ExpectBeginsAgainAt(NodeIndex sibling) {
    for (int i = 0; i < 40 && node_.sent_count() == 0; ++i) node_.RunFor(absl::Milliseconds(100));
    auto asked = node_.Take<CheckpointGet>();
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].to, sibling);
    EXPECT_EQ(asked[0].message.after, "");
    last_ = asked[0];
  }
  // What a restart would find.
  LogIndex Stored() {
    arbiter::HomeState state(node_.self().data_center(), arbiter::ContestRule());
    bool any = false;
    absl::Status status;
    store_.ReadAll(
        [&](absl::string_view key, ByteSpan value) {
          any = true;
          return state.RestoreRow(key, value);
        },
        [&](absl::Status read) { status = std::move(read); });
    node_.RunFor(absl::Milliseconds(100));
    return any && status.ok() && state.FinishRestore().ok() ? state.applied() : LogIndex();
  }

  LoneNode node_{NodeAt(1)};
  worldb::testing::MemoryDisk disk_;
  worldb::testing::MemoryStore rows_{disk_, node_.self().executor()};
  CheckpointStore store_{rows_, node_.self().executor()};
  CheckpointFetch fetch_{node_.self(), store_, arbiter::ContestRule()};
  arbiter::Checkpoint whole_;
  std::unique_ptr<arbiter::HomeState> fetched_;
  LoneNode::Sent<CheckpointGet> last_;
};

TEST_F(CheckpointFetchTest, ASiblingsStateIsTakenPageByPageAndKept) {
  AnswerAll();
  ASSERT_NE(fetched_, nullptr);
  EXPECT_EQ(fetched_->applied(), whole_.index);
  EXPECT_EQ(Stored(), whole_.index);
}

TEST_F(CheckpointFetchTest, APageOfAnotherCheckpointEndsTheAttempt) {
  const auto first = Question();
  EXPECT_EQ(first.to, NodeAt(2));
  Answer(NodeAt(2), PageFor(first.message));
  const auto second = Question();
  CheckpointGetReply other = PageFor(second.message, 100);
  other.index = whole_.index.Next();
  Answer(NodeAt(2), other);
  EXPECT_EQ(fetched_, nullptr);
  EXPECT_EQ(Stored(), LogIndex());
  ExpectBeginsAgainAt(NodeAt(0));
  Answer(NodeAt(0), PageFor(last_.message, 100));
  ASSERT_NE(fetched_, nullptr);
  EXPECT_EQ(Stored(), whole_.index);
}

TEST_F(CheckpointFetchTest, SilenceAndRefusalsTakeItFromOneSiblingToTheOther) {
  EXPECT_EQ(Question().to, NodeAt(2));
  ExpectBeginsAgainAt(NodeAt(0));
  CheckpointGetReply refusal;
  refusal.id = last_.message.id;
  refusal.status = absl::UnavailableError("no checkpoint at hand");
  Answer(NodeAt(0), refusal);
  ExpectBeginsAgainAt(NodeAt(2));
}

TEST_F(CheckpointFetchTest, OnlyWhoWasAskedIsHeardAndOnce) {
  const auto question = Question();
  const CheckpointGetReply page = PageFor(question.message);
  Answer(NodeAt(0), page);
  Answer(NodeAt(5), page);
  EXPECT_EQ(node_.sent_count(), 0u);
  Answer(NodeAt(2), page);
  EXPECT_EQ(node_.sent_count(), 1u);
  Answer(NodeAt(2), page);
  EXPECT_EQ(node_.sent_count(), 1u);
}

TEST_F(CheckpointFetchTest, RowsThatDoNotFitEndTheAttempt) {
  const CheckpointGet question = Question().message;
  std::vector<CheckpointGetReply> bad(5, PageFor(question));
  bad[0].rows[1].value->pop_back();                                           // damaged
  std::swap(bad[1].rows[0], bad[1].rows[1]);                                  // out of order
  bad[2].rows.resize(CheckpointStore::kRowsPerPage + 1, bad[2].rows.back());  // too many
  bad[3].rows.clear();                                                        // leads nowhere
  bad[4].rows[0].value.reset();                                               // gone
  NodeIndex sibling = NodeAt(2);
  RequestId id = question.id;
  for (CheckpointGetReply& reply : bad) {
    reply.id = id;
    Answer(sibling, reply);
    EXPECT_EQ(node_.sent_count(), 0u) << "no further page is asked for";
    sibling = sibling == NodeAt(2) ? NodeAt(0) : NodeAt(2);
    ExpectBeginsAgainAt(sibling);
    id = last_.message.id;
  }
  EXPECT_EQ(Stored(), LogIndex());
}

TEST_F(CheckpointFetchTest, ARowThatIsMissingIsFoundOutAtTheEnd) {
  const auto question = Question();
  CheckpointGetReply page = PageFor(question.message, 100);
  page.rows.erase(page.rows.begin() + 2);
  Answer(NodeAt(2), page);
  EXPECT_EQ(fetched_, nullptr);
  ExpectBeginsAgainAt(NodeAt(0));
  EXPECT_EQ(Stored(), LogIndex());
}

TEST_F(CheckpointFetchTest, ARowThatIsNotStoredEndsTheAttempt) {
  const auto question = Question();
  disk_.FailCommits(1, absl::UnavailableError("EIO"), FailedCommit::kLost);
  Answer(NodeAt(2), PageFor(question.message));
  ExpectBeginsAgainAt(NodeAt(0));
  Answer(NodeAt(0), PageFor(last_.message, 100));
  EXPECT_EQ(Stored(), whole_.index);
}

}  // namespace
}  // namespace worldb::engine
