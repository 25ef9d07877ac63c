// How much processor time a process of this machine has taken, in user and kernel mode, all its threads.
//
// Threads: plain functions.
// Source:  proc(5), /proc/PID/stat.
#ifndef WORLDB_TOOLS_PROCESSOR_TIME_H_
#define WORLDB_TOOLS_PROCESSOR_TIME_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace worldb::tools {

// In steps of the system's clock tick, as a rule 10 ms. NotFound when there is no such process.
absl::StatusOr<absl::Duration> ProcessorTimeOf(std::int64_t pid);
absl::Duration OwnProcessorTime();

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_PROCESSOR_TIME_H_
