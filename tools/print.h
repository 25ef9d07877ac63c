// How every program says things: lines for people or one JSON object a line, data on stdout, the rest on
// stderr. docs/cli.md lists every field.
//
// Threads: pure functions, and printing from one thread.
#ifndef WORLDB_TOOLS_PRINT_H_
#define WORLDB_TOOLS_PRINT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace worldb::tools {

using Json = nlohmann::ordered_json;

enum class OutputFormat { kText, kJson };

// "2025-06-01T12:00:00.123456789Z"
std::string FormatMoment(absl::Time time);
// "12.345 ms", with as many digits as help
std::string FormatSpan(absl::Duration span);
// "17 B", "4.0 KiB", "2.3 GiB"
std::string FormatBytes(std::uint64_t bytes);
// Key or other bytes as text; what a terminal could trip over is escaped: controls, also those of
// Latin 1 in both their forms, and bytes that are not UTF-8. Doing it twice changes nothing.
std::string Printable(absl::string_view text);

void PrintLine(const std::string& text);
void PrintJson(const Json& object);

// The object that says so with JSON. An error of the API has its reason and its details.
Json ErrorJson(const absl::Status& status, int exit_code);

// The lines of an error on stderr: what failed (with place and cause), why, what to type next.
// Each is made Printable(), so that a text from elsewhere cannot begin a line of its own.
struct Failure {
  std::string what;
  std::string why;
  std::string next;
  std::vector<std::string> more = {};  // lines below `why`, which may be empty then
};
void PrintFailure(const Failure& failure, absl::string_view program = "worldb");

// Flushes standard output. Whether all that was ever printed to it could be written: if not, says so on
// stderr.
bool FinishOutput(absl::string_view program);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_PRINT_H_
