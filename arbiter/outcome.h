// How an op ends, how far a winning value has spread, and why an op may be refused.
#ifndef WORLDB_ARBITER_OUTCOME_H_
#define WORLDB_ARBITER_OUTCOME_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::arbiter {

enum class OutcomeKind : std::uint8_t {
  kPending = 0,    // recorded, its round still open
  kWon = 1,        // smallest rank recorded before CLOSE; final from SAFE on
  kLost = 2,       // a better rank took the version
  kLateFirst = 3,  // stamped better than the winner, recorded after CLOSE: an injury
  kLate = 4,       // recorded after CLOSE and would have lost anyway
  kStale = 5,      // its explicit base was outdated when it was stamped
  kVoid = 6,       // won, but its payload can never be read
  kPerished = 7,   // its home was lost before it was SAFE
};

enum class Refusal : std::uint8_t {
  kBadBase = 1,     // names a version that does not exist yet
  kOpExpired = 2,   // the op id is too old, or too far in the future
  kOpIdReused = 3,  // other content under an op id already on record
};

enum class Level : std::uint8_t { kAccepted = 0, kDecided = 1, kHeld = 2, kSafe = 3, kFull = 4 };

// What a decision rests on. Watermark certificates add the two upper grades.
enum class Fairness : std::uint8_t {
  kTimeout = 0,  // closed because the window had passed
  kRefuted = 1,  // a LATE_FIRST came in afterwards
};

struct Rival {
  OpId op;
  Stamp stamp;
  friend bool operator==(const Rival&, const Rival&) = default;
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::kPending;
  // The version won, or the one it was judged for.
  Version version;
  // LOST, LATE, LATE_FIRST: who holds or held the better place. WON: the runner-up, if any.
  std::optional<Rival> rival;
  // Distance of the two midpoints, never negative; zero without a rival.
  absl::Duration margin;
  // WON: some rival's interval overlaps the winner's.
  bool ambiguous = false;
  // STALE: the newest closed version when it was judged.
  Version present;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Final outcomes never change; WON is final from SAFE on.
bool IsFinal(OutcomeKind kind, Level level);
// Whoever waits for `until` is done: it is reached, or never will be.
bool EndsWait(OutcomeKind kind, Level level, Level until);

absl::string_view OutcomeName(OutcomeKind kind);
absl::string_view LevelName(Level level);

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_OUTCOME_H_
