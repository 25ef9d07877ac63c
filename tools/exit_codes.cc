#include "tools/exit_codes.h"

#include <string>

#include "engine/cell/errors.h"

namespace worldb::tools {

ExitCode ExitCodeOf(const absl::Status& status) {
  const std::string reason = engine::ReasonOf(status);
  if (reason == engine::reason::kToleranceNotReached) return kExitTolerance;
  if (reason == engine::reason::kOutcomeUnknown) return kExitUnknown;
  if (reason == engine::reason::kVersionNotReadable) return kExitUnavailable;
  if (reason == engine::reason::kTriadUnavailable) {
    // With a ticket it is of a write that has been sent, and may still happen once the home is back.
    for (const auto& [name, value] : engine::DetailsOf(status)) {
      if (name == "ticket") return kExitUnknown;
    }
    return kExitUnavailable;
  }
  if (reason == engine::reason::kBadBase || reason == engine::reason::kOpIdReused ||
      reason == engine::reason::kOpExpired) {
    return kExitConflict;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return kExitConflict;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kExitPermission;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return kExitUnavailable;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnknown;
    case absl::StatusCode::kDataLoss:
      return kExitBadData;
    default:
      return kExitFailed;
  }
}

ExitCode ExitCodeOf(arbiter::OutcomeKind outcome) {
  switch (outcome) {
    case arbiter::OutcomeKind::kPending:
    case arbiter::OutcomeKind::kWon:
      return kExitDone;
    case arbiter::OutcomeKind::kLost:
    case arbiter::OutcomeKind::kLate:
    case arbiter::OutcomeKind::kLateFirst:
    case arbiter::OutcomeKind::kStale:
      return kExitConflict;
    case arbiter::OutcomeKind::kVoid:
    case arbiter::OutcomeKind::kPerished:
      break;
  }
  return kExitFailed;
}

}  // namespace worldb::tools
