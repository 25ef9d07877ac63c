// Goal:   LATEST is answered with the newest version that can be read, or not at all.
// Method: a home's state fed by hand; what each kind of version makes of a read.
#include "engine/desks/read_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/cell/errors.h"
#include "tests/engine/desks/fed_home.h"

namespace worldb::testing {
namespace {

using arbiter::OpKind;
using arbiter::RoundId;
using engine::NotVisibleYet;
using engine::ReadAnswer;
using engine::ReadReply;

class ReadAnswerTest : public ::testing::Test {
 protected:
  ReadAnswer Answer(const std::string& key, std::optional<Version> version = std::nullopt) {
    return engine::AnswerRead(home_.state(), SlotEpoch(1), {7, home_.TagOf(key), version, {}});
  }
  ReadReply Reply(const std::string& key, std::optional<Version> version = std::nullopt) {
    const ReadAnswer answer = Answer(key, version);
    EXPECT_TRUE(std::holds_alternative<ReadReply>(answer)) << "it is waited for";
    const auto* reply = std::get_if<ReadReply>(&answer);
    return reply != nullptr ? *reply : ReadReply();
  }
  // "NO_SUCH_KEY deleted_version=2"
  static std::string Refusal(const ReadReply& reply) {
    std::string text = engine::ReasonOf(reply.status);
    for (const auto& [name, value] : engine::DetailsOf(reply.status)) {
      text += " " + name + "=" + value;
    }
    return text;
  }

  LoneNode node_{NodeAt(0)};
  FedHome home_{node_};
};

TEST_F(ReadAnswerTest, TheNewestVisibleVersionIsLatest) {
  home_.Show("k");
  const RoundId second = home_.Show("k");
  const ReadReply reply = Reply("k");
  EXPECT_EQ(reply.id, 7u);
  ASSERT_TRUE(reply.facts.has_value()) << reply.status;
  EXPECT_EQ(reply.facts->id, second);
  EXPECT_EQ(reply.facts->level, arbiter::Level::kSafe);
  EXPECT_EQ(reply.facts->op, home_.state().FindVersion(second)->op);
  EXPECT_EQ(reply.facts->payload_bytes, home_.state().FindVersion(second)->payload_bytes);
  EXPECT_EQ(Reply("k", Version(1)).facts->id.version, Version(1));
}

TEST_F(ReadAnswerTest, AnOlderVersionNeverStandsInForOneThatIsNotVisibleYet) {
  home_.Show("k");
  const RoundId second = home_.Decide("k");
  const ReadAnswer answer = Answer("k");
  ASSERT_TRUE(std::holds_alternative<NotVisibleYet>(answer));
  EXPECT_EQ(std::get<NotVisibleYet>(answer).id, second);
  EXPECT_TRUE(Reply("k", Version(1)).facts.has_value()) << "asked for by number it is there";
  const ReadReply late = engine::PatienceEnded({9, home_.TagOf("k"), std::nullopt, {}},
                                               *home_.state().FindVersion(second));
  EXPECT_EQ(late.id, 9u);
  EXPECT_TRUE(absl::IsUnavailable(late.status));
  EXPECT_EQ(Refusal(late), "VERSION_NOT_READABLE version=2");
}

TEST_F(ReadAnswerTest, VoidVersionsArePassedOverAndNamedNewestFirst) {
  const RoundId first = home_.Show("k");
  home_.Void(home_.Decide("k"));
  home_.Void(home_.Decide("k"));
  const ReadReply reply = Reply("k");
  ASSERT_TRUE(reply.facts.has_value()) << reply.status;
  EXPECT_EQ(reply.facts->id, first);
  EXPECT_THAT(reply.facts->void_versions, ::testing::ElementsAre(Version(3), Version(2)));
  EXPECT_TRUE(absl::IsDataLoss(Reply("k", Version(2)).status));
  EXPECT_EQ(Refusal(Reply("k", Version(2))), "VERSION_NOT_READABLE version=2");
}

TEST_F(ReadAnswerTest, WhatIsNotThereIsSaidToBeAbsentDeletedOrUnknown) {
  EXPECT_EQ(Refusal(Reply("never")), "NO_SUCH_KEY");
  home_.Void(home_.Decide("void"));
  EXPECT_EQ(Refusal(Reply("void")), "NO_SUCH_KEY");
  home_.Show("k");
  EXPECT_EQ(Refusal(Reply("k", Version(2))), "NO_SUCH_VERSION");
  home_.Show("k", OpKind::kDelete);
  EXPECT_EQ(Refusal(Reply("k")), "NO_SUCH_KEY deleted_version=2");
  EXPECT_EQ(Refusal(Reply("k", Version(2))), "NO_SUCH_VERSION deleted_version=2");
  EXPECT_TRUE(Reply("k", Version(1)).facts.has_value());
}

}  // namespace
}  // namespace worldb::testing
