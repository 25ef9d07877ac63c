// What a program does for its secrets before anything else: no core dump, nobody else's debugger, and as
// much lockable memory as it may have.
//
// Threads: call both from the main thread.
#ifndef WORLDB_TOOLS_PROCESS_GUARD_H_
#define WORLDB_TOOLS_PROCESS_GUARD_H_

#include "absl/strings/string_view.h"

namespace worldb::tools {

// Before the first secret. Warns on stderr when the system refuses, and goes on.
void GuardProcess(absl::string_view program);
// At the end: warns when secrets lay in memory that the system would not lock.
void WarnOfUnlockedSecrets(absl::string_view program);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_PROCESS_GUARD_H_
