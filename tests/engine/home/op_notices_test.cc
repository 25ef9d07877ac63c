// Goal:   each ingress is told of its own ops, in the order of the effects, with what its caller needs.
// Method: a home's state told step by step; the notices of each entry.
#include "engine/home/op_notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "engine/cell/errors.h"
#include "tests/support/home_book.h"
#include "tests/support/lone_node.h"

namespace worldb::engine {
namespace {

using arbiter::Level;
using ::testing::ElementsAre;
using worldb::testing::HomeBook;
using worldb::testing::LoneNode;

class OpNoticesTest : public ::testing::Test {
 protected:
  // "0: accepted v1 leading" for each notice, with its ingress.
  std::vector<std::string> Told(const HomeBook::Effects& effects) {
    notices_ = MakeOpNotices(node_.cell(), book_.state(), effects);
    std::vector<std::string> told;
    for (int i = 0; i < kNodeCount; ++i) {
      for (const OpNotice& notice : notices_[i]) {
        told.push_back(std::to_string(i) + ": " + std::visit(Words(), notice.what));
      }
    }
    return told;
  }
  struct Words {
    std::string operator()(const NoticeAccepted& a) const {
      return "accepted v" + std::to_string(a.version.value()) + (a.leading ? " leading" : "") +
             (a.out.empty() ? "" : " out") + " up to " +
             std::string(arbiter::LevelName(a.within_reach));
    }
    std::string operator()(const arbiter::Outcome& o) const {
      return std::string(arbiter::OutcomeName(o.kind)) + " v" + std::to_string(o.version.value());
    }
    std::string operator()(const NoticeLevel& l) const {
      return std::string(arbiter::LevelName(l.level)) + " v" + std::to_string(l.version.value());
    }
    std::string operator()(const NoticeRefused& r) const {
      return "refused " + ReasonOf(r.status) + " frame " + std::to_string(r.number.value());
    }
  };

  LoneNode node_{NodeAt(0)};
  HomeBook book_{node_.cell()};
  NoticesByNode notices_;
  const std::string key_ = book_.KeyOfHome("a");
};

TEST_F(OpNoticesTest, ARaceAsItsTwoIngressesHearIt) {
  const arbiter::Candidate late = book_.CandidateFor(key_, NodeAt(4));
  arbiter::Candidate early = book_.CandidateFor(key_, NodeAt(8));
  early.stamp.midpoint -= absl::Milliseconds(30);
  EXPECT_THAT(Told(book_.Record(late)), ElementsAre("4: accepted v1 leading up to FULL"));
  EXPECT_THAT(Told(book_.Record(early)),
              ElementsAre("4: LOST v1", "8: accepted v1 leading up to FULL"));
  EXPECT_THAT(Told(book_.CloseAll()), ElementsAre("8: WON v1"));
  const arbiter::RoundId version{late.key_tag, Version(1)};
  EXPECT_THAT(Told(book_.Reach(version, Level::kSafe)), ElementsAre("8: SAFE v1"));
}

TEST_F(OpNoticesTest, WhatIsOutOfReachIsSaidAtOnce) {
  book_.MarkOut(DataCenterAt(2));
  EXPECT_THAT(Told(book_.Record(book_.CandidateFor(key_, NodeAt(4)))),
              ElementsAre("4: accepted v1 leading out up to HELD"));
}

TEST_F(OpNoticesTest, ARefusalNamesItsFrameAndReason) {
  arbiter::Candidate c = book_.CandidateFor(key_, NodeAt(5));
  c.base = {arbiter::Base::Kind::kVersion, Version(7)};
  EXPECT_THAT(Told(book_.Record(c)), ElementsAre("5: refused BAD_BASE frame 1"));
  EXPECT_EQ(DetailsOf(std::get<NoticeRefused>(notices_[5][0].what).status),
            (ErrorDetails{{"current_version", "0"}}));
}

TEST_F(OpNoticesTest, AVersionThatEndsVoidIsTold) {
  const arbiter::RoundId version = book_.Win(key_);
  EXPECT_THAT(Told(book_.Lose(version)), ElementsAre("0: VOID v1"));
}

}  // namespace
}  // namespace worldb::engine
