#include "tools/recover/team.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/mutex.h"
#include "tools/print.h"

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
  {
    MutexLock lock(shared.mu);
    shared.running = count;
  }
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i) {
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
  }
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

Progress::Progress(std::string verb, std::uint64_t total)
    : verb_(std::move(verb)), total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::Show() {
  if (!terminal_) return;
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s %s%s", verb_.c_str(), FormatBytes(done_).c_str(),
               total_ == 0 ? "" : absl::StrCat(" of ", FormatBytes(total_)).c_str());
  std::fflush(stderr);
}

}  // namespace worldb::tools
