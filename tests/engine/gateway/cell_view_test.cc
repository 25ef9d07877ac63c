// Goal:   a node's view of the cell asks whom it is told to, believes only those who were asked, keeps
//         asking a home until it answers, forgets what nobody waits for, and is bounded.
// Method: one lone node in virtual time; messages as they might arrive.
#include "engine/gateway/cell_view.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/support/lone_node.h"

namespace worldb::engine {
namespace {

using worldb::testing::LoneNode;

constexpr DataCenterIndex kHome = DataCenterAt(1);

ReadReply NoSuchKey(RequestId id) {
  return {.id = id, .status = absl::NotFoundError("no such key"), .facts = std::nullopt};
}

class CellViewTest : public ::testing::Test {
 protected:
  void Lead(int node, std::uint64_t epoch) {
    ASSERT_TRUE(homes_.On(NodeAt(node), {kHome, LogEpoch(epoch), {}}));
  }
  CellAccess::Question AskHome(absl::Duration deadline = absl::Seconds(10)) {
    return view_.AskHome({.home = kHome,
                          .key_tag = KeyTag(),
                          .version = Version(3),
                          .deadline = node_.self().now() + deadline},
                         [this](const ReadReply&) { ++heard_; });
  }
  CellAccess::Question Fetch(int node) {
    return view_.Fetch(NodeAt(node), version_, reader_,
                       [this](const FetchShareReply&) { ++heard_; });
  }
  CellAccess::Question List(int node) {
    return view_.List(NodeAt(node), version_.key_tag, [this](const ListSharesReply&) { ++heard_; });
  }
  void AnswerShare(int from, RequestId id) {
    FetchShareReply reply;
    reply.id = id;
    view_.TakeShares(NodeAt(from), {{reply}});
  }
  void AnswerFacts(int from, ReadReply reply) {
    view_.TakeFacts(NodeAt(from), {{std::move(reply)}});
  }
  // What was sent so far, one by one.
  std::vector<LoneNode::Sent<FetchShare>> Fetches() {
    std::vector<LoneNode::Sent<FetchShare>> all;
    node_.RunFor(CellView::kSendEvery);
    for (const auto& sent : node_.Take<FetchShares>()) {
      for (const FetchShare& fetch : sent.message.fetches) all.push_back({sent.to, fetch});
    }
    return all;
  }
  std::vector<LoneNode::Sent<ReadQuery>> Queries() {
    std::vector<LoneNode::Sent<ReadQuery>> all;
    node_.RunFor(CellView::kSendEvery);
    for (const auto& sent : node_.Take<ReadQueries>()) {
      for (const ReadQuery& query : sent.message.queries) all.push_back({sent.to, query});
    }
    return all;
  }

  LoneNode node_{NodeAt(0)};
  PeerTable peers_{node_.self(), node_.clock()};
  HomeDirectory homes_{node_.self()};
  CellView view_{node_.self(), peers_, homes_};
  const VersionRef version_{KeyTag(), SlotEpoch(2), Version(3)};
  cryptoscatter::ExchangePublicKey reader_;
  int heard_ = 0;
};

TEST_F(CellViewTest, AShareIsHeardOfWhoWasAskedOnce) {
  reader_.bytes[0] = 7;
  const CellAccess::Question question = Fetch(4);
  const auto sent = Fetches();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, NodeAt(4));
  EXPECT_EQ(sent[0].message.slot_epoch, SlotEpoch(2));
  EXPECT_EQ(sent[0].message.version, Version(3));
  EXPECT_EQ(sent[0].message.reader_exchange_key, reader_);
  const RequestId id = sent[0].message.id;
  AnswerShare(5, id);
  AnswerShare(4, id + 1);
  EXPECT_EQ(heard_, 0) << "not asked, or not that";
  AnswerShare(4, id);
  AnswerShare(4, id);
  EXPECT_EQ(heard_, 1);
}

TEST_F(CellViewTest, AListingIsHeardOfWhoWasAskedOnce) {
  const CellAccess::Question question = List(8);
  const auto sent = node_.Take<ListShares>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, NodeAt(8));
  ListSharesReply reply;
  reply.id = sent[0].message.id;
  AnswerShare(8, reply.id);  // an answer to another kind of question
  view_.TakeListing(NodeAt(7), reply);
  EXPECT_EQ(heard_, 0);
  view_.TakeListing(NodeAt(8), reply);
  view_.TakeListing(NodeAt(8), reply);
  EXPECT_EQ(heard_, 1);
}

TEST_F(CellViewTest, WhatIsAskedInOneRunGoesTogetherAndIsAnsweredForItself) {
  Lead(3, 1);
  std::vector<CellAccess::Question> kept;
  for (const int node : {4, 5, 4}) kept.push_back(Fetch(node));
  for (int i = 0; i < 3; ++i) kept.push_back(AskHome());
  kept.pop_back();  // nobody waits for the last one
  EXPECT_EQ(node_.sent_count(), 0u);
  node_.RunFor(CellView::kSendEvery);
  const auto fetches = node_.Take<FetchShares>();
  ASSERT_EQ(fetches.size(), 2u);
  ASSERT_EQ(fetches[0].message.fetches.size(), 2u);
  EXPECT_EQ(fetches[1].to, NodeAt(5));
  const auto queries = node_.Take<ReadQueries>();
  ASSERT_EQ(queries.size(), 1u);
  ASSERT_EQ(queries[0].message.queries.size(), 2u);
  FetchSharesReply shares;
  for (const FetchShare& fetch : fetches[0].message.fetches) {
    shares.replies.emplace_back().id = fetch.id;
    shares.replies.emplace_back().id = fetch.id + 100;  // of what was not asked
  }
  view_.TakeShares(NodeAt(4), shares);
  EXPECT_EQ(heard_, 2);
  ReadReplies facts;
  for (const ReadQuery& query : queries[0].message.queries) {
    facts.replies.push_back(NoSuchKey(query.id + 100));
    facts.replies.push_back(NoSuchKey(query.id));
  }
  view_.TakeFacts(NodeAt(3), facts);
  EXPECT_EQ(heard_, 4);
}

TEST_F(CellViewTest, AfterAPauseTheFirstLeavesAtOnceAndOthersEveryFewMilliseconds) {
  std::vector<CellAccess::Question> kept;
  node_.RunFor(absl::Seconds(1));
  kept.push_back(Fetch(4));
  node_.world().RunReady();
  EXPECT_EQ(node_.Take<FetchShares>().size(), 1u);
  for (int i = 0; i < 6; ++i) {
    kept.push_back(Fetch(4));
    node_.RunFor(CellView::kSendEvery / 3);
  }
  const auto sent = node_.Take<FetchShares>();
  ASSERT_EQ(sent.size(), 2u);
  for (const auto& message : sent) EXPECT_EQ(message.message.fetches.size(), 3u);
}

TEST_F(CellViewTest, TheNewestIsAskedForWithTheOthersAndHeardOnce) {
  const CellAccess::Question by_version = Fetch(4);
  const CellAccess::Question newest = view_.FetchNewest(
      NodeAt(4), version_.key_tag, reader_, [this](const FetchShareReply&) { heard_ += 10; });
  node_.RunFor(CellView::kSendEvery);
  const auto sent = node_.Take<FetchShares>();
  ASSERT_EQ(sent.size(), 1u);
  ASSERT_EQ(sent[0].message.fetches.size(), 1u);
  ASSERT_EQ(sent[0].message.newest.size(), 1u);
  const RequestId id = sent[0].message.newest[0].id;
  AnswerShare(5, id);
  EXPECT_EQ(heard_, 0);
  AnswerShare(4, id);
  AnswerShare(4, id);
  EXPECT_EQ(heard_, 10);
}

TEST_F(CellViewTest, OfWhatNobodyWaitsForNothingIsHeard) {
  Lead(3, 1);
  std::vector<CellAccess::Question> dropped;
  dropped.push_back(Fetch(4));
  dropped.push_back(List(4));
  dropped.push_back(AskHome());
  CellAccess::Question kept = Fetch(5);
  const RequestId share = Fetches()[0].message.id;
  ListSharesReply listing;
  listing.id = node_.Take<ListShares>()[0].message.id;
  const RequestId facts = Queries()[0].message.id;
  dropped.clear();
  AnswerShare(4, share);
  view_.TakeListing(NodeAt(4), listing);
  AnswerFacts(3, NoSuchKey(facts));
  EXPECT_EQ(heard_, 0);
  node_.RunFor(absl::Minutes(1));
  EXPECT_TRUE(Queries().empty()) << "and it is not asked again";
  // Another question in its place means that the first is not waited for any more.
  kept = Fetch(6);
  AnswerShare(5, share + 1);
  EXPECT_EQ(heard_, 0);
  AnswerShare(6, Fetches()[0].message.id);
  EXPECT_EQ(heard_, 1);
}

TEST_F(CellViewTest, AHomeIsAskedAsOneReadUntilItAnswersWhoeverLeadsIt) {
  const CellAccess::Question question = AskHome();
  EXPECT_TRUE(Queries().empty()) << "nobody is known to lead it";
  Lead(3, 1);
  node_.RunFor(absl::Seconds(2));
  const auto first = Queries();
  ASSERT_FALSE(first.empty());
  Lead(5, 2);
  node_.RunFor(absl::Seconds(2));
  const auto second = Queries();
  ASSERT_FALSE(second.empty());
  const RequestId id = first[0].message.id;
  for (const auto& sent : first) EXPECT_EQ(sent.to, NodeAt(3));
  for (const auto& sent : second) {
    EXPECT_EQ(sent.to, NodeAt(5));
    EXPECT_EQ(sent.message.id, id);
    EXPECT_EQ(sent.message.version, Version(3));
  }
  AnswerFacts(6, NoSuchKey(id));
  EXPECT_EQ(heard_, 0) << "of another data center";
  AnswerFacts(5, ReadReply{.id = id, .status = absl::OkStatus(), .facts = {}});
  EXPECT_EQ(heard_, 0) << "it says nothing";
  AnswerFacts(3, NoSuchKey(id));
  EXPECT_EQ(heard_, 1) << "whoever of the triad answers";
  AnswerFacts(5, NoSuchKey(id));
  EXPECT_EQ(heard_, 1);
  node_.RunFor(absl::Minutes(1));
  EXPECT_TRUE(Queries().empty());
}

TEST_F(CellViewTest, TheHomeIsToldToGiveUpSoonerThanItsCaller) {
  Lead(3, 1);
  const CellAccess::Question question = AskHome(absl::Seconds(2));
  node_.RunFor(absl::Seconds(3));
  const auto sent = Queries();
  ASSERT_GE(sent.size(), 3u);
  // The guess at the way there and back, and some slack.
  EXPECT_EQ(sent[0].message.patience, absl::Milliseconds(2000 - 300 - 200));
  EXPECT_LT(sent[1].message.patience, sent[0].message.patience);
  EXPECT_EQ(sent.back().message.patience, absl::ZeroDuration());
}

TEST_F(CellViewTest, ACallbackMayDropItsOwnQuestionAndAskAnother) {
  CellAccess::Question question;
  question = view_.Fetch(NodeAt(1), version_, reader_,
                         [this, &question](const FetchShareReply&) { question = Fetch(2); });
  AnswerShare(1, Fetches()[0].message.id);
  AnswerShare(2, Fetches()[0].message.id);
  EXPECT_EQ(heard_, 1);
}

TEST_F(CellViewTest, WhoWasHeardLatelyIsReachableAndTheOthersMayBe) {
  EXPECT_EQ(view_.Look().possibly_reachable, NodeSet::All()) << "the node has just started";
  node_.RunFor(absl::Seconds(5));
  peers_.OnHeard(NodeAt(7));
  const Outlook outlook = view_.Look();
  NodeSet heard;
  heard.Add(NodeAt(0));
  heard.Add(NodeAt(7));
  EXPECT_EQ(outlook.reachable, heard);
  EXPECT_EQ(outlook.possibly_reachable, heard);
  EXPECT_EQ(outlook.round_trips[0], absl::ZeroDuration());
  EXPECT_LT(outlook.round_trips[1], outlook.round_trips[7]) << "guesses";
}

TEST_F(CellViewTest, ADoubtIsToldOnce) {
  view_.Doubt(NodeAt(6), version_);
  const auto sent = node_.Take<ShareDoubt>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, NodeAt(6));
  EXPECT_EQ(sent[0].message.version, version_);
}

TEST_F(CellViewTest, QuestionsHaveABoundAndOneMoreSilencesTheOldest) {
  std::vector<CellAccess::Question> shares;
  for (std::size_t i = 0; i <= CellView::kNodeQuestionsMax; ++i) shares.push_back(Fetch(1));
  const auto fetches = Fetches();
  AnswerShare(1, fetches[0].message.id);
  EXPECT_EQ(heard_, 0);
  AnswerShare(1, fetches[1].message.id);
  AnswerShare(1, fetches.back().message.id);
  EXPECT_EQ(heard_, 2);
  shares.clear();

  heard_ = 0;
  Lead(3, 1);
  std::vector<CellAccess::Question> facts;
  for (std::size_t i = 0; i <= CellView::kHomeQuestionsMax; ++i) facts.push_back(AskHome());
  const auto queries = Queries();
  ASSERT_EQ(queries.size(), CellView::kHomeQuestionsMax) << "silenced before it was sent";
  AnswerFacts(3, NoSuchKey(queries[0].message.id - 1));
  EXPECT_EQ(heard_, 0);
  AnswerFacts(3, NoSuchKey(queries[0].message.id));
  EXPECT_EQ(heard_, 1);
}

}  // namespace
}  // namespace worldb::engine
