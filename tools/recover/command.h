// What the worldb-recover commands share, and how each joins the program.
#ifndef WORLDB_TOOLS_RECOVER_COMMAND_H_
#define WORLDB_TOOLS_RECOVER_COMMAND_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"
#include "tools/exit_codes.h"
#include "tools/print.h"

namespace worldb::tools {

inline constexpr char kRecoverProgram[] = "worldb-recover";

// Each adds a command to the program; it runs when the command line is parsed and leaves its exit
// code in `exit_code`.
void AddJoinCommand(CLI::App& app, int& exit_code);
void AddSplitCommand(CLI::App& app, int& exit_code);

// -o text|json, text unless said otherwise.
void AddOutputOption(CLI::App& command, OutputFormat& format);
// Three lines on standard error; returns the exit code.
int FailWith(const Failure& failure, int exit_code);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_COMMAND_H_
