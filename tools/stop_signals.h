// Ctrl-C and `kill`, for a program that has something to put away before it ends.
//
// Threads: any.
#ifndef WORLDB_TOOLS_STOP_SIGNALS_H_
#define WORLDB_TOOLS_STOP_SIGNALS_H_

#include "absl/status/status.h"

namespace worldb::tools {

// From now on the first SIGINT, SIGTERM or SIGHUP of each is only noted; the second ends the program at
// once. Those the program was started to ignore stay ignored. Calling it twice changes nothing.
void NoteStopSignals();
bool WasStopped();
// Cancelled once WasStopped().
absl::Status CheckNotStopped();
// Ends the program as the signal would have, if one was noted.
void EndIfStopped();

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_STOP_SIGNALS_H_
