#include "tools/help.h"

#include <algorithm>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tools/exit_codes.h"
#include "tools/print.h"

namespace worldb::tools {

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  const std::string description = command->get_description();
  const std::size_t blank = description.find("\n\n");
  std::string purpose = blank == std::string::npos ? description : description.substr(blank + 2);
  purpose = purpose.substr(0, purpose.find_first_of(".:"));
  for (char& c : purpose) c = c == '\n' ? ' ' : c;
  std::stringstream out;
  CLI::detail::format_help(out, command->get_name(), purpose, get_column_width());
  return out.str();
}

int ParseAndRun(CLI::App& app, int argc, char** argv, const int& exit_code) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const auto commands = app.get_subcommands([](CLI::App*) { return true; });
    const bool unknown_command =
        argc > 1 && argv[1][0] != '-' &&
        std::none_of(commands.begin(), commands.end(),
                     [argv](const CLI::App* c) { return c->check_name(argv[1]); });
    PrintFailure({"cannot read the command line",
                  unknown_command ? absl::StrCat("there is no command ", Printable(argv[1]))
                                  : std::string(error.what()),
                  absl::StrCat(app.get_name(), " --help")},
                 app.get_name());
    return kExitUsage;
  }
  return exit_code;
}

}  // namespace worldb::tools
