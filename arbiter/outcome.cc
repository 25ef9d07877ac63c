#include "arbiter/outcome.h"

namespace worldb::arbiter {

bool IsFinal(OutcomeKind kind, Level level) {
  switch (kind) {
    case OutcomeKind::kPending:
      return false;
    case OutcomeKind::kWon:
      return level >= Level::kSafe;
    case OutcomeKind::kLost:
    case OutcomeKind::kLateFirst:
    case OutcomeKind::kLate:
    case OutcomeKind::kStale:
    case OutcomeKind::kVoid:
    case OutcomeKind::kPerished:
      return true;
  }
  return false;
}

bool EndsWait(OutcomeKind kind, Level level, Level until) {
  return level >= until || (kind != OutcomeKind::kWon && IsFinal(kind, level));
}

absl::string_view OutcomeName(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kPending:
      return "PENDING";
    case OutcomeKind::kWon:
      return "WON";
    case OutcomeKind::kLost:
      return "LOST";
    case OutcomeKind::kLateFirst:
      return "LATE_FIRST";
    case OutcomeKind::kLate:
      return "LATE";
    case OutcomeKind::kStale:
      return "STALE";
    case OutcomeKind::kVoid:
      return "VOID";
    case OutcomeKind::kPerished:
      return "PERISHED";
  }
  return "UNKNOWN";
}

absl::string_view LevelName(Level level) {
  switch (level) {
    case Level::kAccepted:
      return "ACCEPTED";
    case Level::kDecided:
      return "DECIDED";
    case Level::kHeld:
      return "HELD";
    case Level::kSafe:
      return "SAFE";
    case Level::kFull:
      return "FULL";
  }
  return "UNKNOWN";
}

}  // namespace worldb::arbiter
