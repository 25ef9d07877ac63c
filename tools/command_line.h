// The command line of a program: what may stand on it, how --help tells of it, and what is said when it cannot be read.
// The one door to the library that parses it.
//
//     CommandLine program("worldb", "Examples:\n  worldb get greeting\n\nWhat it is for.", "0.1.0");
//     const Command get = program.AddSubcommand("get", kDescription);
//     get.AddPositional("KEY", &arguments->key, "the key").Required();
//     get.AddOption("--limit", &arguments->limit, "stop after N").WholeNumber(1).ValueName("N");
//     get.OnRun([arguments] { return Run(*arguments); });
//     return program.ParseAndRun(argc, argv);
//
// Values:  an argument is taken as the bytes it is: no bracket or comma in it is syntax.
// Errors:  what is wrong with the arguments is told on stderr, and with -o json also on standard output, and exits
//          with kExitUsage; no action runs then. A name that is taken or malformed is a mistake of the program's own
//          and ends it.
// Lives:   Command and Option are handles, cheap to copy and good as long as their CommandLine. What values are
//          written to lives as long as it, too.
// Threads: one; actions run on that of ParseAndRun().
#ifndef WORLDB_TOOLS_COMMAND_LINE_H_
#define WORLDB_TOOLS_COMMAND_LINE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tools/exit_codes.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace worldb::tools {

// Where the value of an option goes; untouched when it is not given. A vector takes one value or more, in the order
// given; an optional tells an empty value from none.
using Destination = std::variant<std::string*, std::optional<std::string>*,
                                 std::vector<std::string>*, int*, std::int64_t*, std::uint64_t*,
                                 double*, std::function<void(const std::string& value)>>;

// An option, a flag or a positional argument.
class Option {
 public:
  Option Required() const;
  // What --help calls its value: "N".
  Option ValueName(const std::string& name) const;
  // --help shows what its destination holds now.
  Option ShowDefault() const;
  // Takes the value of this environment variable when it is not given.
  Option Env(const std::string& variable) const;
  // Not together with `other`.
  Option Excludes(Option other) const;
  // REQUIRES: the destination is a vector.
  Option ValueCount(int min, int max) const;
  // One of these words: "-o: expected text or json, found yaml".
  Option OneOf(std::vector<std::string> words) const;
  // From `min` to `max`: "--limit: expected a whole number from 1, found 0".
  Option WholeNumber(std::uint64_t min,
                     std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) const;

 private:
  friend class Command;
  explicit Option(CLI::Option* option) : option_(option) {}

  CLI::Option* option_;
};

// A command of the program. Its description has the form "Examples:\n...\n\nWhat it is for.": --help of the command
// shows all of it, a list of commands only the beginning of what it is for.
class Command {
 public:
  // A command that has commands does nothing itself: one of them must be named.
  Command AddSubcommand(const std::string& name, const std::string& description) const;
  // An argument known by its place, among those added before and after.
  Option AddPositional(const std::string& name, Destination destination,
                       const std::string& help) const;
  // `names`: "--limit", or "-o,--output".
  Option AddOption(const std::string& names, Destination destination,
                   const std::string& help) const;
  Option AddFlag(const std::string& names, bool* destination, const std::string& help) const;
  // Exactly one of the options added to what this returns must be given.
  Command AddMutuallyExclusiveGroup(const std::string& name) const;
  // What it does, once the whole command line has been read.
  void OnRun(std::function<ExitCode()> action) const;

 private:
  friend class CommandLine;
  Command(CLI::App* app, ExitCode* exit_code) : app_(app), exit_code_(exit_code) {}

  CLI::App* app_;
  ExitCode* exit_code_;
};

class CommandLine {
 public:
  // --version prints `name` and `version`.
  CommandLine(const std::string& name, const std::string& description, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Command AddSubcommand(const std::string& name, const std::string& description);

  // Returns what main() returns: what the command named by the arguments returned, or kExitUnavailable when it ended
  // well, but standard output did not take all it printed. REQUIRES: the first call.
  int ParseAndRun(int argc, char** argv);

 private:
  int Parse(int argc, char** argv);

  ExitCode exit_code_ = kExitDone;
  std::unique_ptr<CLI::App> app_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_COMMAND_LINE_H_
