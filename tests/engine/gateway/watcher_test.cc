// Goal:   a watch tells what the homes tell, in their order and nothing twice, and its tokens name the
//         place reached; whatever is lost is asked for again from there.
// Method: the watcher on one node alone; the test sends batches as homes would, loses them, or is silent.
#include "engine/gateway/watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "engine/cell/errors.h"
#include "tests/engine/gateway/gateway_test.h"

namespace worldb::testing {
namespace {

using engine::ReasonOf;
using engine::WatchAck;
using engine::WatchBatch;
using engine::WatchedVersion;
using engine::Watcher;
using engine::WatchOpen;
using engine::WatchPosition;
using ::testing::ElementsAre;

// What an observer was told.
struct Told {
  std::vector<std::string> changes;  // "key:version"
  std::vector<std::string> tokens;   // of changes and progress
  int progress = 0;
  absl::Status failed;
};

class WatcherTest : public GatewayTest {
 protected:
  std::shared_ptr<Told> Watch(const std::string& key, bool prefix, const std::string& token = "") {
    auto told = std::make_shared<Told>();
    watcher_.Start(++last_call_, {ToBytes(AsBytes(key)), prefix, token},
                   [told](const engine::WatchEvent& event) {
                     if (const auto* change = std::get_if<engine::WatchChange>(&event)) {
                       told->changes.push_back(ToString(change->key) + ":" +
                                               std::to_string(change->version.version.value()));
                       told->tokens.push_back(change->resume_token);
                     } else if (const auto* p = std::get_if<engine::WatchProgress>(&event)) {
                       ++told->progress;
                       told->tokens.push_back(p->resume_token);
                     } else {
                       told->failed = std::get<engine::WatchFailed>(event).status;
                     }
                   });
    return told;
  }
  // The newest subscription asked of each sequencer.
  std::map<NodeIndex, WatchOpen> Opened() {
    std::map<NodeIndex, WatchOpen> opened;
    for (auto& sent : node_.Take<WatchOpen>()) opened[sent.to] = std::move(sent.message);
    return opened;
  }
  WatchOpen OpenedAt(NodeIndex sequencer) {
    auto opened = Opened();
    EXPECT_EQ(opened.size(), 1u);
    EXPECT_TRUE(opened.contains(sequencer));
    return opened[sequencer];
  }
  WatchPosition PositionOf(const std::string& key, std::uint64_t version, std::uint64_t entry) {
    return {LogIndex(entry), {node_.cell().KeyTagOf(AsBytes(key)), Version(version)}};
  }
  // Batch `number`: these versions of the key, told up to entry `end`.
  void Send(NodeIndex from, engine::SubscriptionId id, std::uint64_t number,
            const std::vector<std::uint64_t>& versions, std::uint64_t end) {
    WatchBatch batch;
    batch.id = id;
    batch.number = number;
    for (const std::uint64_t version : versions) {
      WatchedVersion& change = batch.changes.emplace_back();
      change.key = ToBytes(AsBytes(key_));
      change.version.version = Version(version);
      change.visible_at = LogIndex(10 * version);
    }
    batch.position = {LogIndex(end), {}};
    watcher_.TakeBatch(from, batch);
  }
  std::vector<WatchAck> Acknowledged() {
    std::vector<WatchAck> acks;
    for (const auto& sent : node_.Take<WatchAck>()) acks.push_back(sent.message);
    return acks;
  }

  Watcher watcher_{node_.self(), node_.entropy(), homes_, peers_};
  const std::string key_ = KeyAt(DataCenterAt(0));
  engine::CallId last_call_ = 0;
};

TEST_F(WatcherTest, AKeyIsWatchedAtItsHomeAndToldInOrder) {
  const auto told = Watch(key_, false);
  const WatchOpen open = OpenedAt(NodeAt(0));
  EXPECT_EQ(ToString(open.key), key_);
  EXPECT_EQ(open.after, std::nullopt) << "from now on";
  Send(NodeAt(0), open.id, 1, {}, 5);
  EXPECT_EQ(told->progress, 1) << "it stands";
  Send(NodeAt(0), open.id, 2, {1, 2}, 21);
  Send(NodeAt(0), open.id, 2, {1, 2}, 21);  // a repeat
  Send(NodeAt(1), open.id, 3, {9}, 99);     // of somebody else
  EXPECT_THAT(told->changes, ElementsAre(key_ + ":1", key_ + ":2"));
  const auto acks = Acknowledged();
  ASSERT_EQ(acks.size(), 2u);
  EXPECT_EQ(acks[1].number, 2u);
  EXPECT_FALSE(acks[1].over);
}

TEST_F(WatcherTest, APrefixStandsWhenEveryHomeHasAnswered) {
  const auto told = Watch("", true);
  const auto opened = Opened();
  ASSERT_EQ(opened.size(), 3u);
  for (const auto& [sequencer, open] : opened) {
    EXPECT_EQ(told->progress, 0);
    Send(sequencer, open.id, 1, {}, 5);
  }
  EXPECT_EQ(told->progress, 1);
}

TEST_F(WatcherTest, ALostBatchIsAskedForAgainFromThePlaceReached) {
  const auto told = Watch(key_, false);
  const WatchOpen first = OpenedAt(NodeAt(0));
  Send(NodeAt(0), first.id, 1, {1}, 11);
  Send(NodeAt(0), first.id, 3, {3}, 31);
  const WatchOpen second = OpenedAt(NodeAt(0));
  EXPECT_NE(second.id, first.id);
  EXPECT_EQ(second.replaces, first.id);
  EXPECT_EQ(second.after, (WatchPosition{LogIndex(11), {}}));
  Acknowledged();
  Send(NodeAt(0), first.id, 4, {4}, 41);
  EXPECT_THAT(told->changes, ElementsAre(key_ + ":1"));
  const auto acks = Acknowledged();
  ASSERT_EQ(acks.size(), 1u);
  EXPECT_TRUE(acks[0].over) << "nobody listens to the old one";
  Send(NodeAt(0), second.id, 1, {2, 3, 4}, 41);
  EXPECT_THAT(told->changes, ::testing::SizeIs(4));
}

TEST_F(WatcherTest, ASilentHomeOrAnotherSequencerIsAskedFromThePlaceReached) {
  const auto told = Watch(key_, false);
  const WatchOpen unanswered = OpenedAt(NodeAt(0));
  node_.RunFor(absl::Seconds(3));
  const WatchOpen open = OpenedAt(NodeAt(0));
  EXPECT_EQ(open.replaces, unanswered.id);
  Send(NodeAt(0), open.id, 1, {1}, 11);
  node_.RunFor(Watcher::kWatchedHomeSilentAfter);
  EXPECT_TRUE(Opened().empty()) << "and the way there and back";
  node_.RunFor(absl::Seconds(1));
  EXPECT_EQ(OpenedAt(NodeAt(0)).after, (WatchPosition{LogIndex(11), {}}));
  Lead(NodeAt(2), 2);
  node_.RunFor(absl::Milliseconds(300));
  const WatchOpen other = OpenedAt(NodeAt(2));
  EXPECT_EQ(other.after, (WatchPosition{LogIndex(11), {}}));
  Send(NodeAt(2), other.id, 1, {2}, 21);
  EXPECT_THAT(told->changes, ElementsAre(key_ + ":1", key_ + ":2"));
}

TEST_F(WatcherTest, ATokenLeadsBehindTheChangeItCameWith) {
  const auto told = Watch(key_, false);
  const WatchOpen open = OpenedAt(NodeAt(0));
  Send(NodeAt(0), open.id, 1, {1, 2}, 25);
  ASSERT_EQ(told->tokens.size(), 3u) << "two changes, and that it stands";
  for (const auto& [token, position] :
       std::map<std::string, WatchPosition>{{told->tokens[0], PositionOf(key_, 1, 10)},
                                            {told->tokens[1], PositionOf(key_, 2, 20)},
                                            {told->tokens[2], {LogIndex(25), {}}}}) {
    Watch(key_, false, token);
    EXPECT_EQ(OpenedAt(NodeAt(0)).after, position);
  }
}

TEST_F(WatcherTest, ProgressIsToldEveryFewSecondsWhileItStands) {
  const auto told = Watch(key_, false);
  WatchOpen open = OpenedAt(NodeAt(0));
  Send(NodeAt(0), open.id, 1, {}, 5);
  for (std::uint64_t second = 1; second <= 11; ++second) {
    node_.RunFor(absl::Seconds(1));
    Send(NodeAt(0), open.id, 1 + second, {}, 5 + second);
  }
  EXPECT_EQ(told->progress, 3);
  EXPECT_TRUE(Opened().empty()) << "it is heard of";
  Acknowledged();
  watcher_.Forget(last_call_);
  const auto acks = Acknowledged();
  ASSERT_EQ(acks.size(), 1u);
  EXPECT_TRUE(acks[0].over);
  node_.RunFor(absl::Seconds(20));
  EXPECT_EQ(told->progress, 3);
  EXPECT_EQ(node_.sent_count(), 0u);
}

TEST_F(WatcherTest, BadRequestsAreRefusedBeforeAnybodyIsAsked) {
  EXPECT_EQ(ReasonOf(Watch("", false)->failed), "BAD_KEY");
  EXPECT_EQ(ReasonOf(Watch(std::string(1025, 'k'), true)->failed), "BAD_KEY");
  EXPECT_EQ(ReasonOf(Watch("k", true, "no token")->failed), "BAD_RESUME_TOKEN");
  EXPECT_EQ(node_.sent_count(), 0u);
}

TEST_F(WatcherTest, OneWatchTooManyIsShedUntilThereIsRoom) {
  std::vector<std::shared_ptr<Told>> watches;
  for (std::size_t i = 0; i < Watcher::kWatchesMax; ++i) watches.push_back(Watch(key_, false));
  EXPECT_EQ(node_.Take<WatchOpen>().size(), Watcher::kWatchesMax);
  const auto shed = Watch(key_, false);
  EXPECT_TRUE(absl::IsResourceExhausted(shed->failed));
  EXPECT_EQ(ReasonOf(shed->failed), "SHED");
  EXPECT_EQ(node_.sent_count(), 0u);
  watcher_.Forget(1);
  EXPECT_TRUE(Watch(key_, false)->failed.ok());
  watcher_.StopAll(absl::UnavailableError("stopping"));
  EXPECT_TRUE(watches[0]->failed.ok()) << "forgotten";
  for (std::size_t i = 1; i < watches.size(); ++i) {
    ASSERT_TRUE(absl::IsUnavailable(watches[i]->failed));
  }
}

}  // namespace
}  // namespace worldb::testing
