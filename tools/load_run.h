// Load on a running cell: so many Sets or Gets in flight for so long, and what became of them.
//
// A closed loop: each of `inflight` places starts its next op when the last one has ended; a failed
// one pauses first. Of the time only the measured part counts for speed and latency: ops that reach
// the level (a Get: its value) after the warm-up and before the end, whenever they began. Then nothing
// new is started and all that is under way is waited for, so the counts of all ops add up:
// started = reached + not won + failed + wrong.
// Threads: RunLoad blocks; ops are driven by gRPC's threads.
// Memory:  `inflight` ops and a few histograms; nothing is kept per op.
#ifndef WORLDB_TOOLS_LOAD_RUN_H_
#define WORLDB_TOOLS_LOAD_RUN_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "arbiter/outcome.h"
#include "tools/latency_histogram.h"
#include "transport/async_client.h"

namespace worldb::tools {

inline constexpr std::size_t kLevelCount = 5;

struct LoadPlan {
  enum class Op { kSet, kGet };
  enum class Keys {
    kFresh,   // every op a key that was never used
    kRandom,  // of key_count, drawn from the seed
    kEach,    // the first key_count ops, each key once, in order
  };
  Op op = Op::kSet;
  Keys keys = Keys::kFresh;
  std::uint64_t key_count = 0;
  std::string key_prefix;
  std::size_t value_bytes = 256;
  std::uint64_t seed = 1;
  std::size_t inflight = 1000;
  absl::Duration warmup;
  absl::Duration measured = absl::Seconds(10);
  std::uint64_t ops_max = 0;  // 0: no bound but time
  arbiter::Level wait = arbiter::Level::kSafe;
  absl::Duration timeout = absl::Seconds(10);  // of each op
};

struct LoadCounts {
  std::uint64_t started = 0;
  std::uint64_t reached = 0;
  std::map<arbiter::OutcomeKind, std::uint64_t> not_won;
  std::map<std::string, std::uint64_t> failed;  // by reason, or gRPC's code where there is none
  std::uint64_t wrong = 0;                      // Gets of bytes that were never set
};

struct LoadResult {
  LoadCounts counts;  // of the whole run
  std::uint64_t reached_in_time = 0;
  absl::Duration measured;
  // Of Sets that won, from being sent to being told of each level; of Gets, at kAccepted, to the value.
  std::array<LatencyHistogram, kLevelCount> latency;
  absl::Status first_failure;
  std::string first_wrong_key;

  double PerSecond() const;
  std::uint64_t failed_count() const;
  std::uint64_t not_won_count() const;
};

// How things stand, about once a second.
struct LoadProgress {
  absl::Duration elapsed;
  bool warming_up = false;
  double per_second = 0;  // since the last one
  std::uint64_t failed = 0;
};

// The key of number `index` in runs with key_count > 0.
std::string LoadKey(const std::string& prefix, std::uint64_t index);

LoadResult RunLoad(transport::AsyncClient& client, const LoadPlan& plan,
                   const std::function<void(const LoadProgress&)>& on_progress = {});

// Sets every key of `plan` to its value, each to SAFE, several times where one fails; the first
// failure if some key could not be set.
absl::Status FillKeys(transport::AsyncClient& client, const LoadPlan& plan,
                      const std::function<void(const LoadProgress&)>& on_progress = {});

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_LOAD_RUN_H_
