// Which version is chosen, and which shares are to blame.
//
// Goal:   the newest version that can be read is the one a key is given back with; what is passed over, is at
//         odds with it, or does not open is named for what it is, and no two values are ever combined.
// Method: shares laid on a shelf, with no disk and no process; of each case a transcript, a line for each report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/recover/share_shelf.h"
#include "tools/recover/judging/recovery.h"
#include "tools/recover/judging/share_check.h"

namespace worldb::testing {
namespace {

using cryptoscatter::ValueKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

NodeSet Nodes(std::initializer_list<int> nodes) {
  NodeSet set;
  for (const int node : nodes) set.Add(NodeAt(node));
  return set;
}

std::string Digits(NodeSet set) {
  std::string out;
  for (int i = 0; i < kNodeCount; ++i) {
    if (set.Has(i)) absl::StrAppend(&out, i);
  }
  return out.empty() ? "none" : out;
}

struct Told {
  std::vector<std::string> lines;
  std::vector<std::string> bad_shares;
};

// "version 2: recovered new", and what of the nine is not good.
Told Recover(const ShareShelf& shelf, tools::RecoveryOptions options = {}) {
  Told told;
  tools::Recovery recovery(shelf, std::move(options));
  const absl::Status status = recovery.Run(
      [](const engine::VersionRef&, const Hash256&) { return false; },
      [&told](const tools::VersionReport& report, const SecretBytes& value) {
        std::string line = absl::StrCat("version ", report.name.version.value(), ": ",
                                        tools::StatusName(report.status));
        if (report.status != tools::VersionReport::Status::kLost) {
          const bool gone = report.kind == ValueKind::kTombstone;
          absl::StrAppend(&line, " ", gone ? "(deleted)" : AsText(value.ExposeSecret()));
        }
        if (!report.bad.empty()) absl::StrAppend(&line, ", bad ", Digits(report.bad));
        if (!report.locked.empty()) absl::StrAppend(&line, ", locked ", Digits(report.locked));
        if (!report.missing().empty())
          absl::StrAppend(&line, ", missing ", Digits(report.missing()));
        if (report.conflict) absl::StrAppend(&line, ", one of ", report.value_count);
        told.lines.push_back(line);
        for (const std::string& bad : report.bad_shares) told.bad_shares.push_back(bad);
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  return told;
}

TEST(RecoverJudgingTest, NewestVersionIsTheOne) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("k", "old"), 1);
  shelf.Lay(shelf.Seal("k", "new"), 2);
  EXPECT_THAT(Recover(shelf).lines, ElementsAre("version 2: recovered new"));
  EXPECT_THAT(Recover(shelf, {.all_versions = true}).lines,
              ElementsAre("version 2: recovered new", "version 1: recovered old"));
}

TEST(RecoverJudgingTest, NewerVersionWithTooFewSharesIsPassedOverAndTold) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("k", "old"), 1);
  shelf.Lay(shelf.Seal("k", "new"), 2, Nodes({0, 1, 2, 3}));
  const Told told = Recover(shelf);
  EXPECT_THAT(told.lines,
              ElementsAre("version 2: lost, missing 45678", "version 1: recovered old"));
  EXPECT_THAT(told.bad_shares, IsEmpty());
}

TEST(RecoverJudgingTest, TombstoneHidesWhatItDeleted) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("k", "old"), 1);
  shelf.Lay(shelf.Seal("k", "", ValueKind::kTombstone), 2, Nodes({0, 1, 3, 4}));
  EXPECT_THAT(Recover(shelf).lines, ElementsAre("version 2: degraded (deleted), missing 25678"));
}

TEST(RecoverJudgingTest, LockedShareIsNeitherGoodNorBad) {
  ShareShelf shelf(NodeSet::All().Minus(Nodes({4})));
  shelf.Lay(shelf.Seal("k", "value"), 1);
  const Told whole = Recover(shelf);
  EXPECT_THAT(whole.lines, ElementsAre("version 1: degraded value, locked 4"));
  EXPECT_THAT(whole.bad_shares, IsEmpty());
  // Where a set that may read needs its key share, the value is lost for want of a key.
  ShareShelf few(NodeSet::All().Minus(Nodes({4})));
  few.Lay(few.Seal("k", "value"), 1, Nodes({0, 1, 3, 4}));
  EXPECT_THAT(Recover(few).lines, ElementsAre("version 1: lost, locked 4, missing 25678"));
}

TEST(RecoverJudgingTest, SpoiltShareIsNamedAndNotUsed) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("k", "value"), 1, NodeSet::All(), Nodes({5}));
  const Told told = Recover(shelf);
  EXPECT_THAT(told.lines, ElementsAre("version 1: degraded value, bad 5"));
  EXPECT_THAT(told.bad_shares, ElementsAre(HasSubstr("frankfurt-3")));
}

TEST(RecoverJudgingTest, OfTwoCoresUnderOneVersionTheReadableOneIsRight) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("k", "right"), 1, NodeSet::All().Minus(Nodes({7, 8})));
  shelf.Lay(shelf.Seal("k", "other"), 1, Nodes({7, 8}));
  const Told told = Recover(shelf);
  EXPECT_THAT(told.lines, ElementsAre("version 1: degraded right, bad 78"));
  EXPECT_THAT(told.bad_shares,
              ElementsAre(HasSubstr("tokyo-2: it is of another value than the others"),
                          HasSubstr("tokyo-3: it is of another value than the others")));
}

TEST(RecoverJudgingTest, TwoReadableCoresUnderOneVersionAreBothTold) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("k", "x"), 1, Nodes({0, 1, 3, 4}));
  shelf.Lay(shelf.Seal("k", "y"), 1, Nodes({0, 1, 6, 7, 8}));
  EXPECT_THAT(Recover(shelf).lines, ElementsAre("version 1: degraded y, missing 2345, one of 2",
                                                "version 1: degraded x, missing 25678, one of 2"));
}

TEST(RecoverJudgingTest, OfTwoCoresNoneReadableTheMinorityIsToBlame) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("k", "many"), 1, Nodes({0, 1, 2}));
  shelf.Lay(shelf.Seal("k", "few"), 1, Nodes({3}));
  const Told told = Recover(shelf);
  EXPECT_THAT(told.lines, ElementsAre("version 1: lost, missing 345678, one of 2",
                                      "version 1: lost, missing 01245678, one of 2"));
  EXPECT_THAT(told.bad_shares, ElementsAre(HasSubstr("frankfurt-1: it is of another value")));
}

TEST(RecoverJudgingTest, CoreThatStandsUnderTwoVersionsBelongsWhereMostHoldIt) {
  ShareShelf shelf;
  const auto sealed = shelf.Seal("k", "value");
  shelf.Lay(sealed, 1, NodeSet::All().Minus(Nodes({2})));
  shelf.Lay(sealed, 9, Nodes({2}));
  const Told told = Recover(shelf);
  EXPECT_THAT(told.lines, ElementsAre("version 9: lost, missing 01345678",
                                      "version 1: degraded value, missing 2"));
  EXPECT_THAT(told.bad_shares,
              ElementsAre(HasSubstr("virginia-3: the same value stands as version 1 elsewhere")));
}

TEST(RecoverJudgingTest, StagedPayloadFillsUpWhatWasScattered) {
  ShareShelf shelf;
  const auto sealed = shelf.Seal("k", "value");
  shelf.Lay(sealed, 1, Nodes({0}));
  shelf.Stage(sealed);
  EXPECT_THAT(Recover(shelf).lines, ElementsAre("version 1: recovered value"));
  // One of which nobody knows whether it won is told only when asked for.
  ShareShelf staged;
  staged.Stage(staged.Seal("k", "perhaps"));
  EXPECT_THAT(Recover(staged).lines, IsEmpty());
  EXPECT_THAT(Recover(staged, {.staged = true}).lines, ElementsAre("version 0: recovered perhaps"));
}

TEST(RecoverJudgingTest, OneKeyIsFoundByItsName) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("a", "of a"), 1);
  shelf.Lay(shelf.Seal("b", "of b"), 1);
  EXPECT_THAT(Recover(shelf, {.only_key = ToBytes(AsBytes("b"))}).lines,
              ElementsAre("version 1: recovered of b"));
}

TEST(RecoverJudgingTest, VersionAnEarlierRunDealtWithEndsItsKey) {
  ShareShelf shelf;
  shelf.Lay(shelf.Seal("k", "old"), 1);
  shelf.Lay(shelf.Seal("k", "new"), 2);
  tools::Recovery recovery(shelf, {});
  std::vector<std::uint64_t> asked;
  const absl::Status status = recovery.Run(
      [&asked](const engine::VersionRef& name, const Hash256&) {
        asked.push_back(name.version.value());
        return true;
      },
      [](const tools::VersionReport&, const SecretBytes&) {
        return absl::InternalError("there is nothing left to do");
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(asked, ElementsAre(2u));
}

TEST(RecoverJudgingTest, CheckNamesEveryBadShareAndCountsTheRest) {
  ShareShelf shelf(NodeSet::All().Minus(Nodes({0})));
  const auto sealed = shelf.Seal("k", "value");
  shelf.Lay(sealed, 1, NodeSet::All().Minus(Nodes({8})), Nodes({5}));
  shelf.Lay(shelf.Seal("k", "other"), 1, Nodes({8}));
  shelf.Stage(sealed);
  std::vector<std::string> bad;
  std::vector<std::size_t> bad_versions;
  tools::ShareCheck check(
      shelf, {.bad = [&](const tools::Spot&, const std::string& why) { bad.push_back(why); },
              .progress = [](const tools::ShareCheck::Counts&) {},
              .bad_version =
                  [&](std::span<const tools::Spot> shares, const tools::VersionClaims&) {
                    bad_versions.push_back(shares.size());
                    return absl::OkStatus();
                  }});
  EXPECT_TRUE(check.Run().ok());
  EXPECT_THAT(bad, ElementsAre(HasSubstr("frankfurt-3"), HasSubstr("tokyo-3: it is of another")));
  EXPECT_THAT(bad_versions, ElementsAre(9u));
  EXPECT_EQ(check.counts().shares, 9u);
  EXPECT_EQ(check.counts().key_shares, 8u);
  EXPECT_EQ(check.counts().staged, 1u);
  EXPECT_EQ(check.counts().bad, 2u);
  EXPECT_EQ(check.counts().done, 10u);
}

}  // namespace
}  // namespace worldb::testing
