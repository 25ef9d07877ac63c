// Goal:   a large value is put to whoever leads its home until that node answers, nobody else's
//         word counts, and for a caller that is gone nothing goes on.
// Method: a stager on a lone node in virtual time; the home's answers are given by hand.
#include "engine/gateway/value_stager.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/lone_node.h"

namespace worldb::engine {
namespace {

using testing::LoneNode;

constexpr DataCenterIndex kHome = DataCenterAt(1);
constexpr std::size_t kBytes = 100'000;
const absl::Duration kPatience =
    4 * ValueStager::kStageRetryAfter + absl::Microseconds(static_cast<std::int64_t>(kBytes));

class ValueStagerTest : public ::testing::Test {
 protected:
  void Lead(NodeIndex node, std::uint64_t epoch) {
    homes_.On(node, SequencerBeat{kHome, LogEpoch(epoch), {}});
  }
  void Stage(CallId call = 1) {
    auto set = std::make_shared<AdmittedSet>();
    set->call = call;
    set->home = kHome;
    set->request.timeout = absl::Hours(1);
    set->observer = [](const SetEvent&) {};
    set->of_home = *budget_.TryCharge(kBytes);
    calls_.Begin(*set);
    auto payload = std::make_shared<Payload>();
    payload->encoded = std::make_shared<const Bytes>(kBytes);
    stager_.Stage(std::move(set), std::move(payload));
  }
  // Under which id `node`, and nobody else, was asked since the last time; 0: nobody was.
  RequestId AskedOf(NodeIndex node) {
    const auto sent = node_.Take<StageValue>();
    EXPECT_LE(sent.size(), 1u);
    if (sent.empty()) return 0;
    EXPECT_EQ(sent[0].to, node);
    return sent[0].message.id;
  }
  std::vector<std::string> Told() { return std::exchange(told_, {}); }

  LoneNode node_{NodeAt(0)};
  HomeDirectory homes_{node_.self()};
  WriteCalls calls_{node_.self(), homes_};
  Budget budget_{10, 10 * kBytes};
  std::vector<std::string> told_;
  ValueStager stager_{node_.self(), homes_, calls_,
                      [this](const AdmittedPtr& set, const PayloadPtr&, absl::Status status) {
                        told_.push_back(absl::StrCat(set->call, " ", status.ToString()));
                      }};
};

TEST_F(ValueStagerTest, ASilentSequencerIsAskedAgainUnderTheSameId) {
  Lead(NodeAt(3), 1);
  Stage();
  const RequestId id = AskedOf(NodeAt(3));
  ASSERT_NE(id, 0u);
  node_.RunFor(kPatience - absl::Nanoseconds(1));
  EXPECT_EQ(AskedOf(NodeAt(3)), 0u);
  node_.RunFor(absl::Nanoseconds(1));
  EXPECT_EQ(AskedOf(NodeAt(3)), id);
  stager_.TakeReply(NodeAt(3), {id, absl::OkStatus()});
  EXPECT_EQ(Told(), (std::vector<std::string>{"1 OK"}));
  stager_.TakeReply(NodeAt(3), {id, absl::OkStatus()});
  node_.RunFor(absl::Minutes(1));
  EXPECT_EQ(AskedOf(NodeAt(3)), 0u);
  EXPECT_TRUE(Told().empty());
}

TEST_F(ValueStagerTest, NobodyElseMayAnswer) {
  Lead(NodeAt(3), 1);
  Stage();
  const RequestId id = AskedOf(NodeAt(3));
  stager_.TakeReply(NodeAt(4), {id, absl::OkStatus()});
  stager_.TakeReply(NodeAt(3), {id + 1, absl::OkStatus()});
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(stager_.staging_count(), 1u);
}

TEST_F(ValueStagerTest, ANewSequencerIsAskedAnewAndAloneMayAnswer) {
  Lead(NodeAt(3), 1);
  Stage();
  const RequestId first = AskedOf(NodeAt(3));
  Lead(NodeAt(4), 2);
  node_.RunFor(kPatience);
  const RequestId second = AskedOf(NodeAt(4));
  ASSERT_NE(second, 0u);
  stager_.TakeReply(NodeAt(3), {first, absl::OkStatus()});
  stager_.TakeReply(NodeAt(3), {second, absl::OkStatus()});
  EXPECT_TRUE(Told().empty());
  stager_.TakeReply(NodeAt(4), {second, absl::OkStatus()});
  EXPECT_EQ(Told(), (std::vector<std::string>{"1 OK"}));
}

TEST_F(ValueStagerTest, AHomeNobodyLeadsYetIsLookedForAgain) {
  Stage();
  EXPECT_EQ(AskedOf(NodeAt(3)), 0u);
  Lead(NodeAt(3), 1);
  node_.RunFor(ValueStager::kStageRetryAfter);
  EXPECT_NE(AskedOf(NodeAt(3)), 0u);
}

TEST_F(ValueStagerTest, WhatMayPassIsAskedAgainWhatMayNotIsTold) {
  Lead(NodeAt(3), 1);
  Stage();
  const RequestId id = AskedOf(NodeAt(3));
  stager_.TakeReply(NodeAt(3), {id, absl::UnavailableError("busy")});
  EXPECT_TRUE(Told().empty());
  node_.RunFor(kPatience);
  EXPECT_EQ(AskedOf(NodeAt(3)), id);
  stager_.TakeReply(NodeAt(3), {id, absl::InvalidArgumentError("forged")});
  EXPECT_EQ(Told(), (std::vector<std::string>{"1 INVALID_ARGUMENT: forged"}));
  EXPECT_EQ(budget_.ops(), 0u) << "nothing is left of it";
}

TEST_F(ValueStagerTest, ForACallerThatIsGoneNothingGoesOn) {
  Lead(NodeAt(3), 1);
  Stage(1);
  Stage(2);
  const auto sent = node_.Take<StageValue>();
  ASSERT_EQ(sent.size(), 2u);
  calls_.Forget(1);
  calls_.Forget(2);
  stager_.TakeReply(NodeAt(3), {sent[0].message.id, absl::OkStatus()});
  node_.RunFor(kPatience);
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(AskedOf(NodeAt(3)), 0u);
  EXPECT_EQ(stager_.staging_count(), 0u);
  EXPECT_EQ(budget_.ops(), 0u);
}

// A full table would let the oldest go, and its caller would wait in vain.
TEST_F(ValueStagerTest, TheBudgetsAreFullBeforeTheTableIs) {
  EXPECT_GE(ValueStager::kStagingMax * (kValueInFrameBytesMax + 1),
            kDataCenterCount * Admission::kPendingBytesMax);
}

}  // namespace
}  // namespace worldb::engine
