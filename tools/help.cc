#include "tools/help.h"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
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

namespace {

// Whether a command line that cannot be read asks for JSON.
bool WantsJson(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view word = argv[i];
    if (word == "-ojson" || word == "-o=json" || word == "--output=json") return true;
    const bool before = word == "-o" || word == "--output";
    if (before && i + 1 < argc && absl::string_view(argv[i + 1]) == "json") return true;
  }
  return false;
}

// CLI11 splits "[a,b]" at its commas wherever several values may stand. A word, or the part of one that is a value,
// that begins so is hidden from it behind this byte, and gets its own bytes back before anything reads it.
constexpr char kGuard = '\x01';

bool BeginsAsList(absl::string_view value) {
  return !value.empty() && (value.front() == '[' || value.front() == kGuard);
}

std::string Guarded(const std::string& word, bool options_ended) {
  std::size_t value = 0;
  if (!options_ended && word.size() > 1 && word[0] == '-') {
    value = word[1] == '-' ? word.find('=') : 1;  // --name=VALUE, -nVALUE
    if (value == std::string::npos) return word;
    ++value;
  }
  if (!BeginsAsList(absl::string_view(word).substr(value))) return word;
  return word.substr(0, value) + kGuard + word.substr(value);
}

std::string WithoutGuard(std::string value) {
  if (!value.empty() && value.front() == kGuard) value.erase(0, 1);
  return value;
}

void TakeGuardsOff(CLI::App& app) {
  for (CLI::Option* option : app.get_options([](CLI::Option*) { return true; })) {
    option->transform(WithoutGuard, "");
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    TakeGuardsOff(*command);
  }
}

void ParseWords(CLI::App& app, int argc, char** argv) {
  TakeGuardsOff(app);
  std::vector<std::string> words;
  bool options_ended = false;
  for (int i = 1; i < argc; ++i) {
    words.push_back(Guarded(argv[i], options_ended));
    options_ended |= words.back() == "--";
  }
  std::reverse(words.begin(), words.end());  // as CLI11 takes a vector
  app.parse(std::move(words));
}

int Parse(CLI::App& app, int argc, char** argv, const int& exit_code) {
  try {
    ParseWords(app, argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const auto commands = app.get_subcommands([](CLI::App*) { return true; });
    const bool unknown_command =
        argc > 1 && argv[1][0] != '-' &&
        std::none_of(commands.begin(), commands.end(),
                     [argv](const CLI::App* c) { return c->check_name(argv[1]); });
    const absl::Status status = absl::InvalidArgumentError(
        unknown_command ? absl::StrCat("there is no command ", Printable(argv[1]))
                        : absl::StrReplaceAll(error.what(), {{absl::string_view(&kGuard, 1), ""}}));
    PrintFailure({"cannot read the command line", std::string(status.message()),
                  absl::StrCat(app.get_name(), " --help")},
                 app.get_name());
    if (WantsJson(argc, argv)) PrintJson(ErrorJson(status, kExitUsage));
    return kExitUsage;
  }
  return exit_code;
}

}  // namespace

int ParseAndRun(CLI::App& app, int argc, char** argv, const int& exit_code) {
  const int code = Parse(app, argc, argv, exit_code);
  return FinishOutput(app.get_name()) || code != kExitDone ? code : int{kExitUnavailable};
}

}  // namespace worldb::tools
