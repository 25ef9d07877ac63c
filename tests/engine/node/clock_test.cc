// Goal:   a clock that jumps by an hour, a month or a year and is put right costs fairness while it
//         lasts, and nothing afterwards.
// Method: nine real nodes in virtual time under a light load (tests/support/sim_cell.h). First the
//         clock of a home's sequencer alone, then those of all nodes at once, as on one machine.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;

constexpr int kHome = 0;

SimCell::Options WithManyCheckpoints() {
  SimCell::Options options;
  options.node.checkpoints.every = absl::Seconds(1);
  return options;
}

class ClockTest : public ::testing::TestWithParam<absl::Duration> {
 protected:
  void SetUp() override {
    cell_.world().RunFor(absl::Seconds(2));
    ASSERT_GE(cell_.SetAndWait(0, key_, "before")->level(), Level::kSafe);
  }
  int Sequencer() {
    for (int node = 0; node < kNodesPerDataCenter; ++node) {
      if (cell_.Status(node).home.sequencer) return node;
    }
    return -1;
  }
  // Named by the clock of the node that takes it in, as a client beside it would.
  std::shared_ptr<SetRecord> Set(int node, const std::string& key) {
    SimCell::SetOptions options;
    options.op = arbiter::MakeOpId(cell_.clock(node).Now().midpoint, entropy_);
    return cell_.Set(node, key, "value", options);
  }
  void Load(absl::Duration duration) {
    const absl::Duration end = cell_.world().Elapsed() + duration;
    for (int i = 0; cell_.world().Elapsed() < end; ++i) {
      Set(i % kNodeCount, cell_.KeyAt(kHome, absl::StrCat("load-", i % 7)));
      cell_.world().RunFor(absl::Milliseconds(100));
    }
  }
  // Through every node: of a key that was there before, of one written meanwhile, of a new one.
  void ExpectAllWell() {
    cell_.world().RunFor(absl::Seconds(3));  // a last round ends; a new stream begins
    for (int node = 0; node < kNodeCount; ++node) {
      const std::string fresh = cell_.KeyAt(kHome, absl::StrCat("fresh-", node));
      for (const std::string& key : {key_, cell_.KeyAt(kHome, "load-3"), fresh}) {
        SCOPED_TRACE(absl::StrCat("node ", node, ", ", key));
        const absl::Duration begun = cell_.world().Elapsed();
        const auto set = Set(node, key);
        cell_.world().RunUntil([&] { return set->ended() || set->level() >= Level::kSafe; },
                               absl::Seconds(10));
        ASSERT_FALSE(set->failed().has_value()) << *set->failed();
        ASSERT_TRUE(set->outcome().has_value());
        EXPECT_EQ(set->outcome()->kind, OutcomeKind::kWon) << OutcomeName(set->outcome()->kind);
        EXPECT_GE(set->level(), Level::kSafe);
        EXPECT_LT(cell_.world().Elapsed() - begun, absl::Seconds(2));
      }
    }
  }

  SimCell cell_{WithManyCheckpoints()};
  SeededEntropy entropy_{7};
  const std::string key_ = cell_.KeyAt(kHome);
};

TEST_P(ClockTest, OfTheSequencerAlone) {
  const int wrong = Sequencer();
  ASSERT_GE(wrong, 0);
  cell_.clock(wrong).set_offset(GetParam());
  cell_.world().RunFor(absl::Seconds(1));
  EXPECT_NE(Sequencer(), wrong) << "it gives the chair up";
  const auto meanwhile = Set((wrong + 1) % kNodesPerDataCenter, key_);
  Load(absl::Seconds(15));
  EXPECT_EQ(meanwhile->level(), Level::kFull) << "the home goes on";
  cell_.clock(wrong).set_offset(absl::ZeroDuration());
  ExpectAllWell();
}

TEST_P(ClockTest, OfAllNodesAtOnce) {
  for (int node = 0; node < kNodeCount; ++node) cell_.clock(node).set_offset(GetParam());
  Load(absl::Seconds(15));
  for (int node = 0; node < kNodeCount; ++node) {
    cell_.clock(node).set_offset(absl::ZeroDuration());
  }
  ExpectAllWell();
}

INSTANTIATE_TEST_SUITE_P(Jumps, ClockTest,
                         ::testing::Values(absl::Hours(1), 30 * absl::Hours(24),
                                           365 * absl::Hours(24), -absl::Hours(1),
                                           -30 * absl::Hours(24)));

}  // namespace
}  // namespace worldb::testing
