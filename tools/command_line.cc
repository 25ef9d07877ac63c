#include "tools/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "tools/print.h"

namespace worldb::tools {
namespace {

// The examples first; in a list of commands only what each is for.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(22); }

  std::string make_subcommand(const CLI::App* command) const override {
    const std::string description = command->get_description();
    const std::size_t blank = description.find("\n\n");
    std::string purpose = blank == std::string::npos ? description : description.substr(blank + 2);
    purpose = purpose.substr(0, purpose.find_first_of(".:"));
    for (char& c : purpose) c = c == '\n' ? ' ' : c;
    std::stringstream out;
    CLI::detail::format_help(out, command->get_name(), purpose, get_column_width());
    return out.str();
  }
};

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

// Every option comes this way, and so reads its values without their guards.
CLI::Option* TakeGuardsOff(CLI::Option* option) { return option->transform(WithoutGuard, ""); }

// Adds an option whose values go to the alternative of a Destination.
struct Binder {
  CLI::App& app;
  const std::string& names;
  const std::string& help;

  template <typename T>
  CLI::Option* operator()(T* value) const {
    return app.add_option(names, *value, help);
  }
  CLI::Option* operator()(std::optional<std::string>* value) const {
    return (*this)([value](const std::string& given) { *value = given; });
  }
  CLI::Option* operator()(const std::function<void(const std::string&)>& take) const {
    return app.add_option_function<std::string>(names, take, help);
  }
};

CLI::Option* Bind(CLI::App& app, const std::string& names, const Destination& destination,
                  const std::string& help) {
  return TakeGuardsOff(std::visit(Binder{app, names, help}, destination));
}

// Has no description: it would stand in the help.
CLI::Validator Check(std::function<bool(const std::string&)> allowed, std::string expected) {
  return CLI::Validator(
      [allowed = std::move(allowed), expected = std::move(expected)](const std::string& text) {
        if (allowed(text)) return std::string();
        return absl::StrCat("expected ", expected, ", found ",
                            text.empty() ? "nothing" : Printable(text));
      },
      "");
}

// As CLI11 takes a vector: the last word first.
std::vector<std::string> GuardedWords(int argc, char** argv) {
  std::vector<std::string> words;
  bool options_ended = false;
  for (int i = 1; i < argc; ++i) {
    words.push_back(Guarded(argv[i], options_ended));
    options_ended |= words.back() == "--";
  }
  std::reverse(words.begin(), words.end());
  return words;
}

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

bool NamesUnknownCommand(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  return std::none_of(commands.begin(), commands.end(),
                      [argv](const CLI::App* c) { return c->check_name(argv[1]); });
}

}  // namespace

Option Option::Required() const { return Option(option_->required()); }

Option Option::ValueName(const std::string& name) const { return Option(option_->type_name(name)); }

Option Option::ShowDefault() const { return Option(option_->capture_default_str()); }

Option Option::Env(const std::string& variable) const { return Option(option_->envname(variable)); }

Option Option::Excludes(Option other) const { return Option(option_->excludes(other.option_)); }

Option Option::ValueCount(int min, int max) const { return Option(option_->expected(min, max)); }

Option Option::OneOf(std::vector<std::string> words) const {
  const std::string last = words.back();
  std::string expected = absl::StrJoin(words.begin(), words.end() - 1, ", ");
  absl::StrAppend(&expected, expected.empty() ? "" : " or ", last);
  return Option(option_->check(Check(
      [words = std::move(words)](const std::string& text) {
        return std::find(words.begin(), words.end(), text) != words.end();
      },
      expected)));
}

Option Option::WholeNumber(std::uint64_t min, std::uint64_t max) const {
  const bool bounded = max != std::numeric_limits<std::uint64_t>::max();
  return Option(option_->check(Check(
      [min, max](const std::string& text) {
        std::uint64_t value = 0;
        return absl::SimpleAtoi(text, &value) && value >= min && value <= max;
      },
      absl::StrCat("a whole number from ", min, bounded ? absl::StrCat(" to ", max) : ""))));
}

Command Command::AddSubcommand(const std::string& name, const std::string& description) const {
  app_->require_subcommand(1);
  return Command(app_->add_subcommand(name, description), exit_code_);
}

Option Command::AddPositional(const std::string& name, Destination destination,
                              const std::string& help) const {
  return Option(Bind(*app_, name, destination, help)).ValueName("");
}

Option Command::AddOption(const std::string& names, Destination destination,
                          const std::string& help) const {
  return Option(Bind(*app_, names, destination, help));
}

Option Command::AddFlag(const std::string& names, bool* destination,
                        const std::string& help) const {
  return Option(TakeGuardsOff(app_->add_flag(names, *destination, help)));
}

Command Command::AddMutuallyExclusiveGroup(const std::string& name) const {
  CLI::Option_group* group = app_->add_option_group(name);
  group->require_option(1);
  return Command(group, exit_code_);
}

void Command::OnRun(std::function<ExitCode()> action) const {
  app_->callback([action = std::move(action), exit_code = exit_code_] { *exit_code = action(); });
}

CommandLine::CommandLine(const std::string& name, const std::string& description,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->formatter(std::make_shared<HelpFormatter>());
  app_->set_version_flag("--version", absl::StrCat(name, " ", version));
}

CommandLine::~CommandLine() = default;

Command CommandLine::AddSubcommand(const std::string& name, const std::string& description) {
  return Command(app_.get(), &exit_code_).AddSubcommand(name, description);
}

int CommandLine::Parse(int argc, char** argv) {
  try {
    app_->parse(GuardedWords(argc, argv));
    return exit_code_;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_->exit(error);  // --help, --version
    const absl::Status status = absl::InvalidArgumentError(
        NamesUnknownCommand(*app_, argc, argv)
            ? absl::StrCat("there is no command ", Printable(argv[1]))
            : absl::StrReplaceAll(error.what(), {{absl::string_view(&kGuard, 1), ""}}));
    PrintFailure({"cannot read the command line", std::string(status.message()),
                  absl::StrCat(app_->get_name(), " --help")},
                 app_->get_name());
    if (WantsJson(argc, argv)) PrintJson(ErrorJson(status, kExitUsage));
    return kExitUsage;
  }
}

int CommandLine::ParseAndRun(int argc, char** argv) {
  const int code = Parse(argc, argv);
  return FinishOutput(app_->get_name()) || code != kExitDone ? code : int{kExitUnavailable};
}

}  // namespace worldb::tools
