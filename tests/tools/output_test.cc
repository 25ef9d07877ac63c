// Goal:   whoever did not win is told what to do, and by when it helps.
// Method: decisions made by hand, at a moment made by hand.
#include "tools/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace worldb::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Time kNow = absl::FromUnixSeconds(1'750'000'000);

std::string WayOnAgainst(absl::Time rival) {
  transport::Decision decision;
  decision.outcome = arbiter::OutcomeKind::kLate;
  decision.version = Version(7);
  decision.rival.emplace();
  decision.rival->stamp.midpoint = rival;
  return WayOn("set", "gree\nting", decision, kNow);
}

TEST(WayOnTest, AgainstARivalOfOurTimeOneCompetesAgain) {
  for (const absl::Duration apart : {absl::ZeroDuration(), absl::Seconds(9), -absl::Hours(1)}) {
    const std::string way = WayOnAgainst(kNow + apart);
    EXPECT_THAT(way, HasSubstr("worldb get gree\\x0ating"));
    EXPECT_THAT(way, HasSubstr("set again"));
    EXPECT_THAT(way, Not(HasSubstr("clock")));
  }
}

TEST(WayOnTest, OneStampedInTheFutureIsSaidToBeSoUntilWhenAndWhatGetsPastIt) {
  const std::string way = WayOnAgainst(kNow + absl::Hours(24 * 365));
  EXPECT_THAT(way, HasSubstr("version 7 is stamped in the future"));
  EXPECT_THAT(way, HasSubstr("until " + FormatMoment(kNow + absl::Hours(24 * 365))));
  EXPECT_THAT(way, HasSubstr("worldb set ... --base N"));
}

TEST(WayOnTest, WithoutARivalThereIsNothingToWaitFor) {
  transport::Decision decision;
  decision.outcome = arbiter::OutcomeKind::kLate;
  EXPECT_THAT(WayOn("delete", "k", decision, kNow), HasSubstr("delete again"));
}

}  // namespace
}  // namespace worldb::tools
