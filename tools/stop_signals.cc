#include "tools/stop_signals.h"

#include <signal.h>

#include <atomic>
#include <mutex>

namespace worldb::tools {
namespace {

// A signal handler is given nothing else to write to.
std::atomic<int> noted_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

void Note(int signal) { noted_signal = signal; }

}  // namespace

void NoteStopSignals() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction action {};
      if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
      action = {};
      action.sa_handler = Note;
      action.sa_flags = SA_RESETHAND | SA_RESTART;
      ::sigaction(signal, &action, nullptr);
    }
  });
}

bool WasStopped() { return noted_signal != 0; }

absl::Status CheckNotStopped() {
  return WasStopped() ? absl::CancelledError("stopped by a signal") : absl::OkStatus();
}

void EndIfStopped() {
  if (!WasStopped()) return;
  ::signal(noted_signal, SIG_DFL);
  ::raise(noted_signal);
}

}  // namespace worldb::tools
