// Goal:   who gets no value is told why, how many shares there were and how many it takes, and absence is
//         claimed only where it is proved.
// Method: the hard cases of each.
#include "engine/edge/read_errors.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_cell_access.h"
#include "tests/support/sim_executor.h"

namespace worldb::engine {
namespace {

using cryptoscatter::Script;

class ReadErrorsTest : public ::testing::Test {
 protected:
  std::string Detail(const absl::Status& status, const std::string& name) {
    for (const auto& [key, value] : DetailsOf(status)) {
      if (key == name) return value;
    }
    return "none";
  }

  testing::SimWorld world_;
  testing::SimExecutor executor_{world_};
  testing::FakeCellAccess access_{executor_};
  const Cell& cell_ = access_.cell();
};

TEST_F(ReadErrorsTest, TheFewestThatSufficeAreOfTheScript) {
  const NodeSet have = NodeSet::Of(DataCenterAt(0));
  const ErrorDetails nested = {
      {"have", "3"},
      {"need", "4"},
      {"missing", "frankfurt-1,frankfurt-2,frankfurt-3,tokyo-1,tokyo-2,tokyo-3"}};
  EXPECT_EQ(SharesDetails(cell_, *Script::Nested(), have), nested);
  EXPECT_EQ(SharesDetails(cell_, *Script::Flat(), have)[1].second, "5");
  EXPECT_EQ(SharesDetails(cell_, *Script::Flat(), NodeSet::All())[2].second, "");
}

TEST_F(ReadErrorsTest, ASilentHomeIsNamedWithWhatThereIsWithoutIt) {
  absl::Status status = HomeSilent(cell_, DataCenterAt(1), Version(7));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), reason::kTriadUnavailable);
  EXPECT_EQ(Detail(status, "home"), "frankfurt");
  EXPECT_EQ(Detail(status, "surviving_version"), "7");
  status = HomeSilent(cell_, DataCenterAt(1), std::nullopt);
  EXPECT_EQ(Detail(status, "surviving_version"), "none");
}

TEST_F(ReadErrorsTest, AbsenceIsClaimedOnlyWhereTheSilentOnesCouldNotRead) {
  EXPECT_EQ(ReasonOf(NothingReadable(cell_, NodeSet::All(), {})), reason::kNoSuchKey);
  NodeSet listed = NodeSet::All();
  for (int i = 0; i < 3; ++i) listed.Remove(NodeAt(3 * i));
  EXPECT_EQ(ReasonOf(NothingReadable(cell_, listed, {})), reason::kNoSuchKey);
  listed.Remove(NodeAt(1));
  listed.Remove(NodeAt(4));
  const absl::Status status = NothingReadable(cell_, listed, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), reason::kSharesInsufficient);
  EXPECT_EQ(Detail(status, "have"), "4");
}

TEST_F(ReadErrorsTest, SharesTooFewOfTheNewestVersionAreCounted) {
  ScriptId unknown;
  unknown.bytes[0] = 1;
  NodeSet one;
  one.Add(NodeAt(5));
  const Holdings holdings = {
      {{.version = Version(1), .script = Script::Flat()->id()}, NodeSet::Of(DataCenterAt(2))},
      {{.version = Version(2), .script = Script::Flat()->id()}, one}};
  absl::Status status = NothingReadable(cell_, NodeSet::All(), holdings);
  EXPECT_EQ(ReasonOf(status), reason::kSharesInsufficient);
  EXPECT_EQ(Detail(status, "have"), "1");
  EXPECT_EQ(Detail(status, "need"), "5");
  // Of a script nobody here knows, the default one's number stands.
  status = NothingReadable(cell_, NodeSet::All(),
                           {{{.version = Version(3), .script = unknown}, NodeSet::All()}});
  EXPECT_EQ(Detail(status, "need"), "4");
}

TEST_F(ReadErrorsTest, WhatWasRejectedIsTold) {
  const ReadTarget target{.version = Version(9), .script = Script::Nested()};
  const NodeSet four = NodeSet::FromBits(0b11011);
  absl::Status status = NotReadable(cell_, target, NodeSet(), four, {"this one", "that one"});
  EXPECT_EQ(ReasonOf(status), reason::kSharesInsufficient);
  EXPECT_EQ(status.message(),
            "version 9 cannot be read from the 4 nodes that answered: this one; that one");
  EXPECT_EQ(Detail(status, "version"), "9");
  status = NotReadable(cell_, target, NodeSet(), four, {});
  EXPECT_EQ(status.message(),
            "version 9 cannot be read from the 4 nodes that answered: they hold too few shares");
  status = NotReadableInTime(cell_, target, NodeSet(), four, NodeSet::All());
  EXPECT_EQ(status.message(), "version 9 was not readable in time: 4 of 9 nodes answered");
}

}  // namespace
}  // namespace worldb::engine
