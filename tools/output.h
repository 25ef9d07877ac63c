// How the commands that talk to a cell say what it answered. docs/cli.md lists every field.
//
// Threads: pure functions, and printing from one thread.
#ifndef WORLDB_TOOLS_OUTPUT_H_
#define WORLDB_TOOLS_OUTPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/bytes.h"
#include "tools/exit_codes.h"
#include "tools/print.h"
#include "transport/client_types.h"

namespace worldb::tools {

// "virginia 3, frankfurt 2, tokyo 2"
std::string FormatShares(const std::vector<transport::DataCenterCount>& shares);
// What became of a write, for people: "LOST version 3: virginia-1 was 12.3 ms earlier (op ...)".
std::string DescribeDecision(const transport::Decision& decision);
// What whoever wrote it may do next; of a decision that did not win. `now` is this machine's time: a rival
// stamped far ahead of it was stamped by a clock that was wrong.
std::string WayOn(absl::string_view verb, absl::string_view key,
                  const transport::Decision& decision, absl::Time now);
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

// Says on stderr what failed, why and what to do; with kJson also one object on stdout. `command` is
// what was tried, such as "set greeting". Returns the exit code.
ExitCode ReportError(const std::string& command, const absl::Status& status, OutputFormat format);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_OUTPUT_H_
