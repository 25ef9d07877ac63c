#include "tools/recover/split/team.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "cryptoscatter/base/mutex.h"

namespace worldb::tools {
namespace {

constexpr unsigned kThreadsMax = 8;

struct Shared {
  std::atomic<bool> stop{false};
  Mutex mu;
  CondVar changed;
  absl::Status status ABSL_GUARDED_BY(mu);
  unsigned running ABSL_GUARDED_BY(mu) = 0;
};

}  // namespace

absl::Status RunTeam(const std::function<absl::Status(const std::atomic<bool>& stop)>& work,
                     const std::function<void()>& tick) {
  const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1u, kThreadsMax);
  Shared shared;
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    {
      MutexLock lock(shared.mu);
      ++shared.running;
    }
    try {
      threads.emplace_back([&shared, &work] {
        absl::Status status = work(shared.stop);
        MutexLock lock(shared.mu);
        if (!status.ok()) {
          shared.stop = true;
          if (shared.status.ok()) shared.status = std::move(status);
        }
        --shared.running;
        shared.changed.NotifyAll();
      });
    } catch (const std::system_error&) {  // no thread more, by a limit on them or on memory
      MutexLock lock(shared.mu);
      --shared.running;
      break;
    }
  }
  if (threads.empty()) return work(shared.stop);
  while (true) {
    tick();
    MutexLock lock(shared.mu);
    if (shared.running == 0) break;
    shared.changed.WaitFor(shared.mu, absl::Milliseconds(250));
    if (shared.running == 0) break;
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(shared.mu);
  return shared.status;
}

}  // namespace worldb::tools
