#include "tools/process_guard.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/secret_memory.h"
#include "tools/print.h"

namespace worldb::tools {
namespace {

void Warn(absl::string_view program, absl::string_view what) {
  const std::string line = absl::StrCat(program, ": warning: ", what, "\n");
  std::fputs(line.c_str(), stderr);
}

// Refused, it stays as it was.
void RaiseToHardLimit(__rlimit_resource_t resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(resource, &limit));
}

}  // namespace

void GuardProcess(absl::string_view program) {
  // A file must not get the number of a standard stream that is closed: what is printed would go there.
  // Opened the wrong way round, it stays unusable.
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    static_cast<void>(open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    Warn(program, "core dumps cannot be turned off; one of this program would hold plaintext");
  }
  RaiseToHardLimit(RLIMIT_MEMLOCK);  // what is not locked all the same is told at the end
  // Stores keep files open, and each client takes a descriptor: a shell's 1,024 are soon gone.
  RaiseToHardLimit(RLIMIT_NOFILE);
}

void WarnOfUnlockedSecrets(absl::string_view program) {
  const SecretMemoryStatus status = GetSecretMemoryStatus();
  if (status.unlocked_bytes == 0) return;
  Warn(program,
       absl::StrCat(FormatBytes(status.unlocked_bytes), " of ",
                    FormatBytes(status.locked_bytes + status.unlocked_bytes),
                    " for keys could not be locked and may have been swapped out; raise the "
                    "limit (ulimit -l)"));
}

}  // namespace worldb::tools
