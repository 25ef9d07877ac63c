// Goal:   the figures that explain a script are right.
// Method: the table of the dispersal study (sets, losses) for its four policies; loss probabilities
//         as a program of its own sums them up over 8 times 512 states.
#include "cryptoscatter/script_report.h"

#include <gtest/gtest.h>

namespace worldb::cryptoscatter {
namespace {

std::shared_ptr<const Script> Compiled(const char* text) {
  const auto script = Script::Compile(text);
  EXPECT_TRUE(script.ok()) << script.status();
  return *script;
}

// The study has these rounded to two digits (nested at 0.1 % as 5.1e-6, which is 5.05e-6).
void ExpectLoss(const Script& script, double node, double site, double expected) {
  EXPECT_NEAR(LossProbability(script, node, site), expected, expected * 1e-9)
      << script.text() << node << " " << site;
}

TEST(ScriptReport, NestedIsWhatTheStudySays) {
  const ScriptReport report = ReportOn(*Script::Nested());
  EXPECT_DOUBLE_EQ(report.storage_factor, 2.25);
  EXPECT_EQ(report.reading_sets, 256);
  EXPECT_EQ(report.rebuilding_sets, 364);
  EXPECT_EQ(report.nodes_survived, 3);
  EXPECT_EQ(report.dcs_survived.size(), 3u);
  EXPECT_EQ(report.nodes_survived_beside_dc, 1);
  EXPECT_EQ(report.nodes_survived_in_each_beside, 1);
  ASSERT_EQ(report.smallest_reading.size(), 27u);
  EXPECT_EQ(report.smallest_reading[0], NodeSet::FromBits(0b000'011'011));
  ASSERT_EQ(report.smallest_blocking.size(), 27u);
  EXPECT_EQ(report.smallest_blocking[0].Count(), 4);
  ASSERT_EQ(report.largest_blind.size(), 27u);
  EXPECT_EQ(report.largest_blind[0].Count(), 5);
  ExpectLoss(*Script::Nested(), 0.01, 0, 2.66359072816e-07);
  ExpectLoss(*Script::Nested(), 0.01, 0.001, 5.04772070297e-06);
  ExpectLoss(*Script::Nested(), 0.01, 0.01, 0.000315780024838);
  EXPECT_EQ(LossProbability(*Script::Nested(), 0, 0), 0);
  EXPECT_DOUBLE_EQ(LossProbability(*Script::Nested(), 1, 0), 1);
  EXPECT_DOUBLE_EQ(LossProbability(*Script::Nested(), 0, 1), 1);
}

TEST(ScriptReport, FlatAndItsNeighboursAreWhatTheStudySays) {
  const ScriptReport flat = ReportOn(*Script::Flat());
  EXPECT_DOUBLE_EQ(flat.storage_factor, 1.8);
  EXPECT_EQ(flat.reading_sets, 256);
  EXPECT_EQ(flat.nodes_survived, 4);
  EXPECT_EQ(flat.nodes_survived_beside_dc, 1);
  EXPECT_EQ(flat.nodes_survived_in_each_beside, 0);
  EXPECT_EQ(flat.smallest_reading.size(), 126u);
  EXPECT_EQ(flat.smallest_reading[0].Count(), 5);
  EXPECT_EQ(flat.smallest_blocking[0].Count(), 5);
  EXPECT_EQ(flat.largest_blind[0].Count(), 4);
  ExpectLoss(*Script::Flat(), 0.01, 0, 1.21853685700e-08);
  ExpectLoss(*Script::Flat(), 0.01, 0.001, 7.38273335972e-06);
  ExpectLoss(*Script::Flat(), 0.01, 0.01, 0.000340953364381);

  const auto four = Compiled("key: 4 of all code: mds k=4");
  EXPECT_EQ(ReportOn(*four).reading_sets, 382);
  EXPECT_EQ(ReportOn(*four).nodes_survived, 5);
  ExpectLoss(*four, 0.01, 0, 8.185884400000e-11);
  ExpectLoss(*four, 0.01, 0.001, 3.05662512063e-06);
  ExpectLoss(*four, 0.01, 0.01, 0.000298575013634);

  const auto six = Compiled("key: 6 of all code: mds k=6");
  EXPECT_EQ(ReportOn(*six).reading_sets, 130);
  EXPECT_EQ(ReportOn(*six).nodes_survived_beside_dc, 0);
  ExpectLoss(*six, 0.01, 0, 1.21043283144e-06);
  ExpectLoss(*six, 0.01, 0.001, 0.000179413413416);
  ExpectLoss(*six, 0.01, 0.01, 0.00201983364893);
}

TEST(ScriptReport, CopyReadsAsNestedAndCostsNine) {
  const ScriptReport copy = ReportOn(*Script::Copy());
  EXPECT_DOUBLE_EQ(copy.storage_factor, 9);
  EXPECT_EQ(copy.reading_sets, 256);
  EXPECT_EQ(copy.rebuilding_sets, 511);
  EXPECT_EQ(copy.smallest_blocking, ReportOn(*Script::Nested()).smallest_blocking);
}

}  // namespace
}  // namespace worldb::cryptoscatter
