// Goal:   gateway, server and clients agree on when a Set is over.
// Method: every event against every level a caller may wait for.
#include "engine/api/writes.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;

constexpr Level kLevels[] = {Level::kAccepted, Level::kDecided, Level::kHeld, Level::kSafe,
                             Level::kFull};

SetEvent Decided(OutcomeKind kind) {
  SetDecided decided;
  decided.outcome.kind = kind;
  return decided;
}
SetEvent Reached(Level level) { return SetLevel{level, Version(1), NodeSet()}; }

TEST(EndsCall, WhenTheLevelWaitedForIsReached) {
  for (const Level until : kLevels) {
    EXPECT_EQ(EndsCall(SetEvent(SetAccepted{}), until), until == Level::kAccepted);
    EXPECT_EQ(EndsCall(Decided(OutcomeKind::kWon), until), until <= Level::kDecided);
    for (const Level level : {Level::kHeld, Level::kSafe, Level::kFull}) {
      EXPECT_EQ(EndsCall(Reached(level), until), level >= until);
    }
  }
}

TEST(EndsCall, WithAnyOutcomeButAWin) {
  for (const Level until : kLevels) {
    for (const OutcomeKind kind :
         {OutcomeKind::kLost, OutcomeKind::kLateFirst, OutcomeKind::kLate, OutcomeKind::kStale,
          OutcomeKind::kVoid, OutcomeKind::kPerished}) {
      EXPECT_TRUE(EndsCall(Decided(kind), until));
    }
    EXPECT_FALSE(EndsCall(OutcomeKind::kPending, until)) << "nothing is decided";
  }
}

TEST(EndsCall, WithAFailure) {
  for (const Level until : kLevels) {
    EXPECT_TRUE(EndsCall(SetFailed{absl::UnavailableError("gone")}, until));
  }
}

}  // namespace
}  // namespace worldb::engine
