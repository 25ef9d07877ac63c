// worldb script check FILE, worldb script explain FILE|NAME

#include <cstdio>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/command.h"
#include "tools/script_choice.h"
#include "tools/script_output.h"

namespace worldb::tools {
namespace {

using cryptoscatter::Script;
using cryptoscatter::ScriptNames;

constexpr char kCheckDescription[] =
    "Examples:\n"
    "  worldb script check two-each.script\n"
    "  worldb script check two-each.script --names virginia,frankfurt,tokyo\n\n"
    "Proves what a script promises, or names the smallest set of nodes that contradicts it. Needs\n"
    "no cell. Exits with 0, or with 65 when the script is wrong.";

constexpr char kExplainDescription[] =
    "Examples:\n"
    "  worldb script explain nested\n"
    "  worldb script explain two-each.script --subsets -o json\n"
    "  worldb script explain flat -o svg\n\n"
    "Tells who can read under a script, what may be lost, and what it costs. Needs no cell.";

struct ScriptArguments {
  std::string script;
  std::string names_text;
  bool subsets = false;
  std::string node_failure_text = "1%";
  std::string site_failure_text = "0.1%";
  std::string format = "table";
};

// "0.01" or "1%".
absl::StatusOr<double> ParseProbability(absl::string_view option, absl::string_view text) {
  absl::string_view number = text;
  const double unit = absl::ConsumeSuffix(&number, "%") ? 0.01 : 1;
  double value = 0;
  if (!absl::SimpleAtod(number, &value) || !(value >= 0 && value * unit <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", text, ": expected a probability, such as 0.01 or 1%"));
  }
  return value * unit;
}

// `code` is that of a script that is wrong; else the status has its own.
ExitCode Fail(const std::string& what, const absl::Status& status, const std::string& format,
              std::optional<ExitCode> code = std::nullopt) {
  const ExitCode exit_code = code.value_or(ExitCodeOf(status));
  PrintFailure({what, std::string(status.message()), "worldb script --help; docs/scripts.md"});
  if (format == "json") PrintJson(ErrorJson(status, exit_code));
  return exit_code;
}

// Calls use(script, names) once both are there; what it returns, or what the failure exits with.
// `script` is null where it is in a file.
template <typename Use>
ExitCode WithScript(const std::string& command, const ScriptArguments& arguments,
                    std::shared_ptr<const Script> script, Use use) {
  const std::string what = absl::StrCat(command, " ", Printable(arguments.script));
  const absl::StatusOr<DataCenterNames> names = ParseDataCenterNames(arguments.names_text);
  if (!names.ok()) return Fail(what, names.status(), arguments.format);
  if (script == nullptr) {
    const absl::StatusOr<std::string> text = ReadScriptText(arguments.script);
    if (!text.ok()) return Fail(what, text.status(), arguments.format);
    const auto compiled = Script::Compile(*text, names->script_names);
    if (!compiled.ok()) return Fail(what, compiled.status(), arguments.format, kExitBadData);
    script = *compiled;
  }
  return use(*script, names->script_names);
}

ExitCode RunCheck(const ScriptArguments& arguments) {
  // Always a file: what is checked must be what the name says.
  return WithScript(
      "script check", arguments, nullptr, [&](const Script& script, const ScriptNames&) {
        if (arguments.format == "json") {
          PrintJson({{"event", "script"}, {"id", script.id().Hex()}, {"text", script.text()}});
        } else {
          PrintLine(absl::StrCat("script id ", script.id().Hex()));
          std::fputs(script.text().c_str(), stdout);
        }
        return kExitDone;
      });
}

ExitCode RunExplain(const ScriptArguments& arguments) {
  const auto node = ParseProbability("--node-failure", arguments.node_failure_text);
  if (!node.ok()) return Fail("script explain", node.status(), arguments.format);
  const auto site = ParseProbability("--site-failure", arguments.site_failure_text);
  if (!site.ok()) return Fail("script explain", site.status(), arguments.format);
  if (arguments.subsets && arguments.format == "svg") {
    return Fail("script explain",
                absl::InvalidArgumentError("--subsets goes with -o table and -o json"),
                arguments.format);
  }
  return WithScript(
      "script explain", arguments, ShippedScript(arguments.script),
      [&](const Script& script, const ScriptNames& names) {
        const ScriptExplanation explanation{script, names, *node, *site, arguments.subsets};
        if (arguments.format == "json") {
          PrintJson(ExplainAsJson(explanation));
        } else {
          const std::string text = arguments.format == "svg" ? ExplainAsPicture(explanation)
                                                             : ExplainAsTable(explanation);
          std::fputs(text.c_str(), stdout);
        }
        return kExitDone;
      });
}

void AddNames(Command command, ScriptArguments& arguments) {
  command
      .AddOption("--names", &arguments.names_text,
                 "the three data centers as the script calls them, A,B,C; nodes are A-1 to C-3")
      .ValueName("LIST");
}

}  // namespace

void AddScriptCommand(CommandLine& program) {
  const Command script = program.AddSubcommand(
      "script",
      "Examples:\n  worldb script check two-each.script\n  worldb script explain nested\n\nChecks "
      "and explains how values are scattered.");

  const auto check_arguments = std::make_shared<ScriptArguments>();
  const Command check = script.AddSubcommand("check", kCheckDescription);
  check.AddPositional("FILE", &check_arguments->script, "text of the script, - for standard input")
      .Required();
  AddNames(check, *check_arguments);
  check.AddOption("-o,--output", &check_arguments->format, "text (default) or json")
      .OneOf({"text", "json"})
      .ValueName("FORM");
  check.OnRun([check_arguments] { return RunCheck(*check_arguments); });

  const auto arguments = std::make_shared<ScriptArguments>();
  const Command explain = script.AddSubcommand("explain", kExplainDescription);
  explain
      .AddPositional("SCRIPT", &arguments->script,
                     "a file, - for standard input, or nested, flat, copy")
      .Required();
  AddNames(explain, *arguments);
  explain.AddFlag("--subsets", &arguments->subsets, "all 512 sets: who rebuilds, who reads");
  explain.AddOption("--node-failure", &arguments->node_failure_text, "probability to lose a node")
      .ValueName("P")
      .ShowDefault();
  explain
      .AddOption("--site-failure", &arguments->site_failure_text,
                 "probability to lose a data center")
      .ValueName("P")
      .ShowDefault();
  explain.AddOption("-o,--output", &arguments->format, "table, json or svg")
      .OneOf({"table", "json", "svg"})
      .ValueName("FORM")
      .ShowDefault();
  explain.OnRun([arguments] { return RunExplain(*arguments); });
}

}  // namespace worldb::tools
