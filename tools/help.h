// The frame of every program: how --help looks (the examples first; in a list of commands only what
// each is for), and what is said when the command line cannot be read.
#ifndef WORLDB_TOOLS_HELP_H_
#define WORLDB_TOOLS_HELP_H_

#include <CLI/CLI.hpp>
#include <string>

namespace worldb::tools {

// Expects descriptions of the form "Examples:\n...\n\nWhat it is for.".
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(22); }
  std::string make_subcommand(const CLI::App* command) const override;
};

// Parses the command line; the command it names runs meanwhile and leaves its exit code in
// `exit_code`. Each argument is taken as the bytes it is: no bracket or comma in it is syntax. Returns what main() returns: kExitUnavailable for a command that ended well, but whose
// standard output did not take all it printed.
int ParseAndRun(CLI::App& app, int argc, char** argv, const int& exit_code);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_HELP_H_
