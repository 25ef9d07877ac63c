// What the worldb commands exit with. docs/cli.md is the contract.
#ifndef WORLDB_TOOLS_EXIT_CODES_H_
#define WORLDB_TOOLS_EXIT_CODES_H_

#include "absl/status/status.h"
#include "arbiter/outcome.h"

namespace worldb::tools {

enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitNotFound = 3,
  kExitConflict = 4,  // LOST, LATE, LATE_FIRST, STALE
  kExitPermission = 5,
  kExitUnavailable = 6,
  kExitUnknown = 7,    // timeout: the outcome may still be either
  kExitDegraded = 8,   // status: some nodes answer, some do not
  kExitTolerance = 9,  // won, but the level waited for was not reached
  kExitBadData = 65,
};

ExitCode ExitCodeOf(const absl::Status& status);
ExitCode ExitCodeOf(arbiter::OutcomeKind outcome);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_EXIT_CODES_H_
