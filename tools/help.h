// How --help looks: the examples first; in a list of commands only what each is for.
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

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_HELP_H_
