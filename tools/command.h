// What the commands share: the options every one takes, and how each joins the program.
#ifndef WORLDB_TOOLS_COMMAND_H_
#define WORLDB_TOOLS_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/exit_codes.h"
#include "tools/output.h"
#include "transport/client.h"

namespace worldb::tools {

// Options of every command that talks to a cell. CLI11 writes into it while it parses, so it lives
// as long as the app.
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

// Adds --endpoints, --timeout and -o to `command`.
void AddClientOptions(CLI::App& command, ClientOptions& options);

// "10" or "10s", "500ms", "1m30s": more than zero. `option` is named in the error.
absl::StatusOr<absl::Duration> ParseSpan(absl::string_view option, absl::string_view text);

// Each adds its command to `app`; when it was chosen, it runs while `app` is parsed and leaves its
// exit code in `exit_code`. Options and code outlive the app's parsing.
void AddSetCommand(CLI::App& app, int& exit_code);
void AddDeleteCommand(CLI::App& app, int& exit_code);
void AddGetCommand(CLI::App& app, int& exit_code);
void AddListCommand(CLI::App& app, int& exit_code);
void AddHistoryCommand(CLI::App& app, int& exit_code);
void AddWatchCommand(CLI::App& app, int& exit_code);
void AddTicketCommand(CLI::App& app, int& exit_code);
void AddStatusCommand(CLI::App& app, int& exit_code);
void AddNodeCommand(CLI::App& app, int& exit_code);
void AddScriptCommand(CLI::App& app, int& exit_code);
void AddDemoCommand(CLI::App& app, int& exit_code);
void AddBenchCommand(CLI::App& app, int& exit_code);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_COMMAND_H_
