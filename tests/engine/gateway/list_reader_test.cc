// Goal:   a listing ends once: with a page, a refusal, or the name of the home that is silent; and only
//         who was asked can end it.
// Method: the reader on one node alone; the test answers as homes would, or does not.
#include "engine/gateway/list_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "engine/cell/errors.h"
#include "tests/engine/gateway/gateway_test.h"

namespace worldb::testing {
namespace {

using engine::ListQuery;
using engine::ListQueryReply;
using engine::ListReader;
using engine::ListReply;
using engine::ListRequest;
using engine::ReasonOf;
using ::testing::ElementsAre;

class ListReaderTest : public GatewayTest {
 protected:
  using Answer = std::shared_ptr<std::optional<absl::StatusOr<ListReply>>>;
  Answer List(const std::string& prefix, std::size_t page_size = 10,
              const std::string& token = "") {
    auto answer = std::make_shared<std::optional<absl::StatusOr<ListReply>>>();
    reader_.List({ToBytes(AsBytes(prefix)), page_size, token, absl::Seconds(10)},
                 [answer](absl::StatusOr<ListReply> reply) {
                   EXPECT_FALSE(answer->has_value()) << "twice";
                   *answer = std::move(reply);
                 });
    return answer;
  }
  // The newest question to each home.
  std::map<NodeIndex, ListQuery> Asked() {
    std::map<NodeIndex, ListQuery> asked;
    for (auto& sent : node_.Take<ListQuery>()) asked[sent.to] = std::move(sent.message);
    return asked;
  }
  void Tell(NodeIndex from, engine::RequestId id, const std::vector<std::string>& names,
            const std::string& told_to = "") {
    ListQueryReply reply;
    reply.id = id;
    for (const std::string& name : names)
      reply.keys.push_back({ToBytes(AsBytes(name)), {}, {}, 0, {}});
    reply.told_to = ToBytes(AsBytes(told_to));
    reader_.TakeReply(from, std::move(reply));
  }
  static std::vector<std::string> Names(const ListReply& reply) {
    std::vector<std::string> names;
    for (const engine::ListedKey& key : reply.keys) names.push_back(ToString(key.key));
    return names;
  }

  ListReader reader_{node_.self(), homes_, peers_};
};

TEST_F(ListReaderTest, EverySequencerIsAskedAndThePageSaysWhereTheNextOneBegins) {
  const Answer first = List("k", 2);
  auto asked = Asked();
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(ToString(asked[NodeAt(0)].prefix), "k");
  EXPECT_EQ(asked[NodeAt(0)].keys_max, 2u);
  Tell(NodeAt(0), asked[NodeAt(0)].id, {"k1", "k4"}, "k4");
  Tell(NodeAt(5), asked[NodeAt(3)].id, {"k2"});  // any node of the home
  EXPECT_FALSE(first->has_value());
  Tell(NodeAt(6), asked[NodeAt(6)].id, {});
  ASSERT_TRUE(first->has_value() && (*first)->ok());
  EXPECT_THAT(Names(***first), ElementsAre("k1", "k2"));

  const Answer second = List("k", 2, (**first)->next_page_token);
  asked = Asked();
  for (auto& [home, query] : asked) {
    EXPECT_EQ(ToString(query.after), "k2");
    Tell(home, query.id, {});
  }
  EXPECT_THAT(Names(***second), ElementsAre());
  EXPECT_EQ((**second)->next_page_token, "");
}

TEST_F(ListReaderTest, SomebodyElsesAnswerIsNone) {
  const Answer answer = List("");
  auto asked = Asked();
  const engine::RequestId id = asked[NodeAt(0)].id;
  Tell(NodeAt(3), id, {"lie"});
  Tell(NodeAt(0), id + 100, {"lie"});
  for (auto& [home, query] : asked) Tell(home, query.id, {});
  ASSERT_TRUE(answer->has_value());
  EXPECT_THAT(Names(***answer), ElementsAre());
  Tell(NodeAt(0), id, {"late"});  // nobody waits any more
}

TEST_F(ListReaderTest, AQuestionStandsUntilItIsAnsweredWhoeverLeads) {
  const Answer answer = List("");
  const engine::RequestId id = Asked()[NodeAt(3)].id;
  Lead(NodeAt(5), 2);
  node_.RunFor(absl::Seconds(2));
  auto asked = Asked();
  EXPECT_EQ(asked[NodeAt(5)].id, id) << "the same question";
  EXPECT_FALSE(asked.contains(NodeAt(3)));
  Tell(NodeAt(5), id, {});
  node_.RunFor(absl::Seconds(2));
  EXPECT_FALSE(Asked().contains(NodeAt(5))) << "it was answered";
  node_.RunFor(absl::Seconds(10));
  EXPECT_EQ(ReasonOf((*answer)->status()), "TRIAD_UNAVAILABLE");
  EXPECT_THAT(engine::DetailsOf((*answer)->status()),
              ElementsAre(std::pair("home", node_.cell().data_center_name(DataCenterAt(0)))));
  Asked();
  node_.RunFor(absl::Seconds(2));
  EXPECT_TRUE(Asked().empty()) << "nobody is asked in vain";
}

TEST_F(ListReaderTest, BadRequestsAreRefusedBeforeAnybodyIsAsked) {
  EXPECT_EQ(ReasonOf((*List(std::string(1025, 'p')))->status()), "BAD_KEY");
  EXPECT_EQ(ReasonOf((*List("p", 1, "no token"))->status()), "BAD_PAGE_TOKEN");
  EXPECT_EQ(node_.sent_count(), 0u);
}

TEST_F(ListReaderTest, NamesThatWaitForAnotherHomeHaveABoundInBytes) {
  constexpr std::size_t kNames = 1000;
  const std::vector<std::string> names(kNames, std::string(1024, 'k'));
  std::vector<Answer> waiting;
  Answer last;
  do {
    last = List("k", kNames);
    Tell(NodeAt(0), Asked()[NodeAt(0)].id, names, names.back());
    if (!last->has_value()) waiting.push_back(last);
    ASSERT_LE(waiting.size() * kNames * 1024, ListReader::kToldBytesMax);
  } while (!last->has_value());
  EXPECT_EQ(ReasonOf((*last)->status()), "SHED");
  EXPECT_GE(waiting.size(), 32u);
  node_.RunFor(absl::Seconds(10));
  for (const Answer& answer : waiting) {
    EXPECT_EQ(ReasonOf((*answer)->status()), "TRIAD_UNAVAILABLE");
  }
  last = List("k", kNames);
  Tell(NodeAt(0), Asked()[NodeAt(0)].id, names, names.back());
  EXPECT_FALSE(last->has_value()) << "there is room again";
}

TEST_F(ListReaderTest, OneListingTooManyIsShedUntilThereIsRoom) {
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < ListReader::kListsMax; ++i) answers.push_back(List("k"));
  for (const Answer& answer : answers) EXPECT_FALSE(answer->has_value());
  const auto asked = node_.Take<ListQuery>();
  EXPECT_EQ(asked.size(), 3 * ListReader::kListsMax);
  const Answer shed = List("k");
  EXPECT_TRUE(absl::IsResourceExhausted((*shed)->status()));
  EXPECT_EQ(ReasonOf((*shed)->status()), "SHED");
  EXPECT_EQ(node_.sent_count(), 0u);
  // The oldest is still known, and its end makes room.
  for (const auto& sent : {asked[0], asked[1], asked[2]}) Tell(sent.to, sent.message.id, {});
  EXPECT_TRUE((*answers[0])->ok());
  EXPECT_FALSE(List("k")->has_value());
  reader_.StopAll(absl::UnavailableError("stopping"));
  for (const Answer& answer : answers) ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsUnavailable((*answers.back())->status()));
}

}  // namespace
}  // namespace worldb::testing
