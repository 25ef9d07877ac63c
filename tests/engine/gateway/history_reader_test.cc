// Goal:   a history ends once: with a page, a refusal, or the name of its silent home.
// Method: the reader on one node alone; the test answers as the key's home would, or does not.
#include "engine/gateway/history_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "engine/cell/errors.h"
#include "tests/engine/gateway/gateway_test.h"

namespace worldb::testing {
namespace {

using engine::HistoryQuery;
using engine::HistoryQueryReply;
using engine::HistoryReader;
using engine::HistoryReply;
using engine::ReasonOf;

class HistoryReaderTest : public GatewayTest {
 protected:
  using Answer = std::shared_ptr<std::optional<absl::StatusOr<HistoryReply>>>;
  Answer History(const std::string& key, std::size_t page_size = 10,
                 const std::string& token = "") {
    auto answer = std::make_shared<std::optional<absl::StatusOr<HistoryReply>>>();
    reader_.History({ToBytes(AsBytes(key)), page_size, token, absl::Seconds(10)},
                    [answer](absl::StatusOr<HistoryReply> reply) {
                      EXPECT_FALSE(answer->has_value()) << "twice";
                      *answer = std::move(reply);
                    });
    return answer;
  }
  HistoryQuery Asked(NodeIndex whom) {
    const auto sent = node_.Take<HistoryQuery>();
    EXPECT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent.at(0).to, whom);
    return sent.at(0).message;
  }
  void Tell(NodeIndex from, engine::RequestId id, const std::vector<std::uint64_t>& versions,
            bool more = false) {
    HistoryQueryReply reply;
    reply.id = id;
    reply.more = more;
    for (const std::uint64_t version : versions) {
      reply.versions.emplace_back().version = Version(version);
    }
    reader_.TakeReply(from, std::move(reply));
  }

  HistoryReader reader_{node_.self(), homes_, peers_};
  const std::string key_ = KeyAt(DataCenterAt(2));
};

TEST_F(HistoryReaderTest, TheKeysHomeIsAskedPageByPage) {
  const Answer first = History(key_, 2);
  HistoryQuery query = Asked(NodeAt(6));
  EXPECT_EQ(query.key_tag, node_.cell().KeyTagOf(AsBytes(key_)));
  EXPECT_EQ(query.before, Version());
  EXPECT_EQ(query.versions_max, 2u);
  Tell(NodeAt(6), query.id, {7, 6}, /*more=*/true);
  ASSERT_TRUE(first->has_value() && (*first)->ok());
  EXPECT_EQ((**first)->versions.size(), 2u);

  const Answer second = History(key_, 0, (**first)->next_page_token);
  query = Asked(NodeAt(6));
  EXPECT_EQ(query.before, Version(6));
  EXPECT_EQ(query.versions_max, 100u) << "0 means 100";
  Tell(NodeAt(6), query.id, {5});
  EXPECT_EQ((**second)->next_page_token, "");

  const Answer none = History(key_);
  Tell(NodeAt(6), Asked(NodeAt(6)).id, {});
  EXPECT_EQ(ReasonOf((*none)->status()), "NO_SUCH_KEY");
}

TEST_F(HistoryReaderTest, OnlyItsHomeAnswersAndTheQuestionStandsUntilThen) {
  const Answer answer = History(key_);
  const HistoryQuery query = Asked(NodeAt(6));
  Tell(NodeAt(5), query.id, {1});
  EXPECT_FALSE(answer->has_value());
  Lead(NodeAt(7), 2);
  // Half a second, and the way there and back.
  node_.RunFor(absl::Milliseconds(1200));
  EXPECT_EQ(Asked(NodeAt(7)).id, query.id) << "the same question";
  Tell(NodeAt(8), query.id, {1});  // any node of the home
  EXPECT_TRUE((*answer)->ok());
  Tell(NodeAt(7), query.id, {2});  // nobody waits any more
  node_.RunFor(absl::Seconds(20));
  EXPECT_EQ(node_.sent_count(), 0u);
}

TEST_F(HistoryReaderTest, ASilentHomeIsNamed) {
  const Answer answer = History(key_);
  node_.RunFor(absl::Seconds(10));
  EXPECT_EQ(ReasonOf((*answer)->status()), "TRIAD_UNAVAILABLE");
  EXPECT_THAT(engine::DetailsOf((*answer)->status()),
              ::testing::ElementsAre(std::pair("home", "tokyo")));
}

TEST_F(HistoryReaderTest, BadRequestsAreRefusedBeforeAnybodyIsAsked) {
  EXPECT_EQ(ReasonOf((*History(""))->status()), "BAD_KEY");
  EXPECT_EQ(ReasonOf((*History(std::string(1025, 'k')))->status()), "BAD_KEY");
  EXPECT_EQ(ReasonOf((*History(key_, 1, "no token"))->status()), "BAD_PAGE_TOKEN");
  EXPECT_EQ(node_.sent_count(), 0u);
}

TEST_F(HistoryReaderTest, OneHistoryTooManyIsShedUntilThereIsRoom) {
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < HistoryReader::kHistoriesMax; ++i) answers.push_back(History(key_));
  const auto asked = node_.Take<HistoryQuery>();
  ASSERT_EQ(asked.size(), HistoryReader::kHistoriesMax);
  const Answer shed = History(key_);
  EXPECT_TRUE(absl::IsResourceExhausted((*shed)->status()));
  EXPECT_EQ(ReasonOf((*shed)->status()), "SHED");
  EXPECT_EQ(node_.sent_count(), 0u);
  Tell(NodeAt(6), asked[0].message.id, {1});
  EXPECT_TRUE((*answers[0])->ok()) << "the oldest is still known";
  EXPECT_FALSE(History(key_)->has_value());
  reader_.StopAll(absl::UnavailableError("stopping"));
  for (const Answer& answer : answers) ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*answers.back())->status()));
}

}  // namespace
}  // namespace worldb::testing
