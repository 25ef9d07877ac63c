// How the commands say things: lines for people or one JSON object a line, data on stdout, the rest on
// stderr. docs/cli.md lists every field.
//
// Threads: pure functions, and printing from one thread.
#ifndef WORLDB_TOOLS_OUTPUT_H_
#define WORLDB_TOOLS_OUTPUT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/bytes.h"
#include "tools/exit_codes.h"
#include "transport/client_types.h"

namespace worldb::tools {

using Json = nlohmann::ordered_json;

enum class OutputFormat { kText, kJson };

// "2025-06-01T12:00:00.123456789Z"
std::string FormatMoment(absl::Time time);
// "12.345 ms", with as many digits as help
std::string FormatSpan(absl::Duration span);
// "17 B", "4.0 KiB", "2.3 GiB"
std::string FormatBytes(std::uint64_t bytes);
// "virginia 3, frankfurt 2, tokyo 2"
std::string FormatShares(const std::vector<transport::DataCenterCount>& shares);
// What became of a write, for people: "LOST version 3: virginia-1 was 12.3 ms earlier (op ...)".
std::string DescribeDecision(const transport::Decision& decision);
// Key or other bytes as text; what a terminal could trip over is escaped.
std::string Printable(absl::string_view text);

Json StampJson(const transport::StampInfo& stamp);
Json SharesJson(const std::vector<transport::DataCenterCount>& shares);
// Adds outcome, version, rival, margin_ns, ambiguous, present_version and certificate.
void AddDecision(const transport::Decision& decision, Json& out);

// Adds key (bytes that are not UTF-8 replaced) and key_base64 (exact).
void AddKey(ByteSpan key, Json& out);
// Adds version, kind, outcome, level, certificate, shares, op_id, stamp, script, payload_bytes, closed.
void AddVersion(const transport::VersionInfo& version, Json& out);
// One line: "3  set  SAFE ...".
std::string DescribeVersion(const transport::VersionInfo& version);

void PrintLine(const std::string& text);
void PrintJson(const Json& object);

// The three lines of an error on stderr: what failed (with endpoint and cause), why, what to type
// next. With kJson also one object on stdout.
struct Failure {
  std::string what;
  std::string why;
  std::string next;
};
void PrintFailure(const Failure& failure);
// `command` is what was tried, such as "set greeting". Returns the exit code.
ExitCode ReportError(const std::string& command, const absl::Status& status, OutputFormat format);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_OUTPUT_H_
