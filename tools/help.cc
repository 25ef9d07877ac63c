#include "tools/help.h"

#include <sstream>

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

}  // namespace worldb::tools
