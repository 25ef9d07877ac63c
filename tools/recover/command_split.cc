// worldb-recover split FILE|- --out DIR

#include <climits>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/command.h"
#include "tools/recover/files/share_files.h"
#include "tools/recover/split/split_file.h"
#include "tools/script_choice.h"

namespace worldb::tools {
namespace {

using cryptoscatter::Script;

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb-recover split report.pdf --out shares\n"
    "  tar c photos | worldb-recover split - --out shares --names tokyo,frankfurt,virginia\n\n"
    "Splits one file into nine share files, three for each of three places.\n"
    "Any set of shares that the script lets read brings the file back (see join); with the "
    "default,\n"
    "two shares of each of two places. Whoever holds such a set reads the file: the shares protect "
    "it\n"
    "by where you put them. Up to 512 GiB with the default script, from a file or a pipe.";

struct SplitArguments {
  SplitOptions options;
  std::optional<std::string> name;
  std::string script = "nested";
  std::string names;
  OutputFormat format = OutputFormat::kText;
};

absl::StatusOr<SplitResult> Split(SplitArguments arguments) {
  SplitOptions& options = arguments.options;
  options.base_name = arguments.name.has_value() ? *arguments.name
                      : options.input == "-"
                          ? "stdin"
                          : std::filesystem::path(options.input).filename().string();
  const std::string& name = options.base_name;
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(
        "the file needs a name, not \".\" or \"..\", with no slash in it: --name NAME");
  }
  WORLDB_ASSIGN_OR_RETURN(const DataCenterNames places, ParseDataCenterNames(arguments.names));
  options.script = ShippedScript(arguments.script);
  if (options.script == nullptr) {
    WORLDB_ASSIGN_OR_RETURN(const std::string text, ReadScriptText(arguments.script));
    WORLDB_ASSIGN_OR_RETURN(options.script, Script::Compile(text, places.script_names));
  }
  for (std::size_t j = 0; j < options.share_names.size(); ++j) {
    const std::size_t place = j / kNodesPerDataCenter;
    // Names of one's own come with a number, to be in the order given when sorted, too.
    options.share_names[j] = absl::StrCat(
        options.base_name, ".", arguments.names.empty() ? "" : absl::StrCat(place, "-"),
        places.names[place], "-", j % kNodesPerDataCenter + 1, kShareFileEnding);
    if (options.share_names[j].size() > NAME_MAX) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the name of a share would have ", options.share_names[j].size(),
          " bytes, more than the ", NAME_MAX, " of a file name: a shorter --name NAME"));
    }
  }
  ProgressLine line;
  return SplitFile(options, [&line](std::uint64_t done, std::uint64_t total) {
    line.ShowBytes("worldb-recover: split", done, total);
  });
}

void Print(const SplitArguments& arguments, const SplitResult& result) {
  if (arguments.format == OutputFormat::kJson) {
    Json files = Json::array();
    for (const std::string& path : result.paths) files.push_back(path);
    return PrintJson({{"outcome", "split"},
                      {"file", arguments.options.input},
                      {"bytes", result.file_bytes},
                      {"core", result.core.Hex()},
                      {"shares", result.paths.size()},
                      {"share_bytes", result.share_bytes},
                      {"share_files", std::move(files)}});
  }
  for (const std::string& path : result.paths) PrintLine(Printable(path));
}

ExitCode Fail(const SplitArguments& arguments, const absl::Status& status) {
  std::string next = "worldb-recover split --help";
  if (absl::IsAlreadyExists(status)) next = "another --out, or --force to replace what is there";
  if (absl::IsResourceExhausted(status)) {
    next = "make room, or another --out; nothing was left behind";
  }
  std::string what = "no share file was written";
  if (absl::IsInternal(status)) {
    what = "old and new share files are mixed";
    next = "split it again; join tells the shares of two splittings apart";
  }
  return ReportFailure(absl::StrCat("split ", Printable(arguments.options.input), ": ", what),
                       status, arguments.format, next);
}

}  // namespace

void AddSplitCommand(CommandLine& program) {
  const auto arguments = std::make_shared<SplitArguments>();
  const Command command = program.AddSubcommand("split", kDescription);
  command.AddPositional("FILE", &arguments->options.input, "the file, or - for standard input")
      .Required();
  command
      .AddOption("--out", &arguments->options.directory,
                 "directory for the nine share files; made when it is not there")
      .Required()
      .ValueName("DIR");
  command
      .AddOption("--script", &arguments->script,
                 "who can read: nested (default), flat, copy, or a file with a script")
      .ValueName("NAME|FILE");
  command
      .AddOption("--names", &arguments->names,
                 "what the three places are called, in the names of the shares")
      .ValueName("A,B,C");
  command
      .AddOption("--name", &arguments->name,
                 "what the file is called, when not as FILE is (stdin for -)")
      .ValueName("NAME");
  command.AddFlag("--force", &arguments->options.overwrite, "replace share files that are there");
  AddFormatOption(command, arguments->format);
  command.OnRun([arguments] {
    const absl::StatusOr<SplitResult> result = Split(*arguments);
    if (!result.ok()) return Fail(*arguments, result.status());
    Print(*arguments, *result);
    return kExitDone;
  });
}

}  // namespace worldb::tools
