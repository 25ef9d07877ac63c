// What the commands share: the options every one takes, and how each joins the program.
#ifndef WORLDB_TOOLS_COMMAND_H_
#define WORLDB_TOOLS_COMMAND_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/command_line.h"
#include "tools/output.h"
#include "transport/client.h"

namespace worldb::tools {

// Options of every command that talks to a cell.
struct ClientOptions {
  std::string endpoints;
  std::string timeout_text = "10s";
  std::string format_text = "text";

  OutputFormat format() const {
    return format_text == "json" ? OutputFormat::kJson : OutputFormat::kText;
  }
  absl::StatusOr<absl::Duration> timeout() const;
  std::vector<std::string> EndpointList() const;
  absl::StatusOr<std::unique_ptr<transport::Client>> Connect() const;
};

// Adds --endpoints, --timeout and -o to `command`. `options` outlives its CommandLine.
void AddClientOptions(Command command, ClientOptions& options);

// "10" or "10s", "500ms", "1m30s": more than zero. `option` is named in the error.
absl::StatusOr<absl::Duration> ParseSpan(absl::string_view option, absl::string_view text);

// Each adds its command to `program`.
void AddSetCommand(CommandLine& program);
void AddDeleteCommand(CommandLine& program);
void AddGetCommand(CommandLine& program);
void AddListCommand(CommandLine& program);
void AddHistoryCommand(CommandLine& program);
void AddWatchCommand(CommandLine& program);
void AddTicketCommand(CommandLine& program);
void AddStatusCommand(CommandLine& program);
void AddNodeCommand(CommandLine& program);
void AddScriptCommand(CommandLine& program);
void AddDemoCommand(CommandLine& program);
void AddBenchCommand(CommandLine& program);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_COMMAND_H_
