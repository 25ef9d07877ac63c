#include "tools/recover/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tools/print.h"

namespace worldb::tools {

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}
ProgressLine::~ProgressLine() { Clear(); }

void ProgressLine::Show(const std::string& text) {
  constexpr absl::Duration kEvery = absl::Milliseconds(200);
  if (!terminal_) return;
  const absl::Time now = absl::Now();
  if (now < next_) return;
  next_ = now + kEvery;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::Clear() {
  if (std::exchange(shown_, false)) std::fprintf(stderr, "\r\033[K");
}

void ProgressLine::ShowBytes(const std::string& verb, std::uint64_t done, std::uint64_t total) {
  Show(absl::StrCat(verb, " ", FormatBytes(done),
                    total == 0 ? "" : absl::StrCat(" of ", FormatBytes(total))));
}

}  // namespace worldb::tools
