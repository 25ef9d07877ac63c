// Several threads at one job.
#ifndef WORLDB_TOOLS_RECOVER_SPLIT_TEAM_H_
#define WORLDB_TOOLS_RECOVER_SPLIT_TEAM_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace worldb::tools {

// Says on the caller's thread, now and then, how many bytes are done; `total` is 0 when nobody knows it.
using FileProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Runs `work` on one thread for each processor, at most eight, and returns when all have returned: OK
// or the first failure. Where the system gives fewer threads it goes on with those, or with the caller's
// alone, which then calls no `tick`. A worker ends soon after `stop` turns true, which a failure does. `tick` is
// called on the caller's thread now and then meanwhile.
absl::Status RunTeam(const std::function<absl::Status(const std::atomic<bool>& stop)>& work,
                     const std::function<void()>& tick);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SPLIT_TEAM_H_
