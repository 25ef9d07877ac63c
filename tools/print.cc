#include "tools/print.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace worldb::tools {

std::string FormatMoment(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", time, absl::UTCTimeZone());
}

std::string FormatSpan(absl::Duration span) {
  const absl::Duration magnitude = absl::AbsDuration(span);
  if (magnitude >= absl::Seconds(1)) {
    return absl::StrFormat("%.3f s", absl::ToDoubleSeconds(span));
  }
  if (magnitude >= absl::Milliseconds(1)) {
    return absl::StrFormat("%.3f ms", absl::ToDoubleMilliseconds(span));
  }
  return absl::StrFormat("%.1f us", absl::ToDoubleMicroseconds(span));
}

std::string FormatBytes(std::uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double amount = static_cast<double>(bytes) / 1024;
  const char* unit = "KiB";
  for (const char* larger : {"MiB", "GiB", "TiB"}) {
    if (amount < 1024) break;
    amount /= 1024;
    unit = larger;
  }
  return absl::StrFormat("%.1f %s", amount, unit);
}

std::string Printable(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&out, "\\x%02x", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

void PrintLine(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

void PrintJson(const Json& object) {
  // Names and messages come from elsewhere: bytes that are not UTF-8 are replaced, not thrown at.
  PrintLine(object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void PrintFailure(const Failure& failure, absl::string_view program) {
  std::fprintf(stderr, "%s: %s\n  why:  %s\n  next: %s\n", std::string(program).c_str(),
               failure.what.c_str(), failure.why.c_str(), failure.next.c_str());
}

}  // namespace worldb::tools
