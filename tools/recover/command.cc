#include "tools/recover/command.h"

#include <map>

namespace worldb::tools {

void AddOutputOption(CLI::App& command, OutputFormat& format) {
  static const std::map<std::string, OutputFormat> kFormats = {{"text", OutputFormat::kText},
                                                               {"json", OutputFormat::kJson}};
  command.add_option("-o", format, "text (default) or json: one object on a line")
      ->transform(CLI::CheckedTransformer(kFormats))
      ->option_text("text|json");
}

int FailWith(const Failure& failure, int exit_code) {
  PrintFailure(failure, kRecoverProgram);
  return exit_code;
}

}  // namespace worldb::tools
