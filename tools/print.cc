#include "tools/print.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/cell/errors.h"

namespace worldb::tools {
namespace {

// Bytes of the well-formed UTF-8 character above ASCII in front, or 0.
std::size_t WideCharacterBytes(absl::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  std::size_t count = 0;
  if (lead >= 0xc2 && lead <= 0xdf) count = 2;
  if (lead >= 0xe0 && lead <= 0xef) count = 3;
  if (lead >= 0xf0 && lead <= 0xf4) count = 4;
  if (count == 0 || text.size() < count) return 0;
  for (std::size_t i = 1; i < count; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90);
  const bool no_character = (lead == 0xed && at(1) > 0x9f) || (lead == 0xf4 && at(1) > 0x8f);
  const bool control = lead == 0xc2 && at(1) < 0xa0;
  return overlong || no_character || control ? 0 : count;
}

}  // namespace

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
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    const bool ascii = byte >= 0x20 && byte < 0x7f;
    const std::size_t plain = ascii ? 1 : WideCharacterBytes(text);
    if (plain == 0) {
      absl::StrAppendFormat(&out, "\\x%02x", byte);
    } else {
      out.append(text.data(), plain);
    }
    text.remove_prefix(std::max<std::size_t>(plain, 1));
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

Json ErrorJson(const absl::Status& status, int exit_code) {
  Json details = Json::object();
  for (const auto& [name, value] : engine::DetailsOf(status)) details[name] = value;
  return {{"event", "error"},
          {"reason", engine::ReasonOf(status)},
          {"code", absl::StatusCodeToString(status.code())},
          {"message", std::string(status.message())},
          {"details", details},
          {"exit_code", exit_code}};
}

void PrintFailure(const Failure& failure, absl::string_view program) {
  std::string why = Printable(failure.why);
  for (const std::string& line : failure.more) {
    absl::StrAppend(&why, why.empty() ? "" : "\n        ", Printable(line));
  }
  std::fprintf(stderr, "%s: %s\n  why:  %s\n  next: %s\n", std::string(program).c_str(),
               Printable(failure.what).c_str(), why.c_str(), Printable(failure.next).c_str());
}

bool FinishOutput(absl::string_view program) {
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return true;
  PrintFailure({"standard output is lost",
                "it did not take all that was written to it: a full disk, or nobody reads it",
                "what the command did is done; give its output to where there is room for it"},
               program);
  return false;
}

}  // namespace worldb::tools
