// Several threads at one job, and a line on the terminal that says how far it is.
#ifndef WORLDB_TOOLS_RECOVER_TEAM_H_
#define WORLDB_TOOLS_RECOVER_TEAM_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace worldb::tools {

// Runs `work` on one thread for each processor, at most eight, and returns when all have returned: OK
// or the first failure. A worker ends soon after `stop` turns true, which a failure does. `tick` is
// called on the caller's thread now and then meanwhile.
absl::Status RunTeam(const std::function<absl::Status(const std::atomic<bool>& stop)>& work,
                     const std::function<void()>& tick);

// "<verb> 512.0 MiB of 1.0 GiB" on standard error, over and over; only on a terminal.
// Threads: Add from any thread; the rest by one owner.
class Progress {
 public:
  // `total` is 0 when nobody knows it.
  Progress(std::string verb, std::uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Add(std::uint64_t bytes) { done_ += bytes; }
  void Show();

 private:
  const std::string verb_;
  const std::uint64_t total_;
  const bool terminal_;
  bool shown_ = false;
  std::atomic<std::uint64_t> done_{0};
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_TEAM_H_
