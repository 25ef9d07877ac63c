// worldb-recover split FILE|- --out DIR

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/script_text.h"
#include "tools/files.h"
#include "tools/recover/command.h"
#include "tools/recover/share_files.h"
#include "tools/recover/split_file.h"

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
    "by where you put them. Up to 1 TiB, from a file or a pipe.";

struct SplitArguments {
  SplitOptions options;
  std::string script = "nested";
  std::string names;
  OutputFormat format = OutputFormat::kText;
};

// A shipped script by its name, any other one from its file.
absl::StatusOr<std::shared_ptr<const Script>> ScriptFor(const std::string& name,
                                                        const cryptoscatter::ScriptNames& names) {
  if (name == "nested") return Script::Nested();
  if (name == "flat") return Script::Flat();
  if (name == "copy") return Script::Copy();
  WORLDB_ASSIGN_OR_RETURN(const SecretBytes text,
                          ReadWholeFile(name, cryptoscatter::kScriptTextBytesMax));
  return Script::Compile(AsText(text.ExposeSecret()), names);
}

struct Places {
  std::array<std::string, kDataCenterCount> names;
  cryptoscatter::ScriptNames script_names = cryptoscatter::ScriptNames::Indices();
};

// Names of the three places; "dc0" to "dc2" when none are given.
absl::StatusOr<Places> PlacesFor(const std::string& list) {
  if (list.empty()) return Places{{"dc0", "dc1", "dc2"}};
  const std::vector<std::string> parts = absl::StrSplit(list, ',');
  if (parts.size() != kDataCenterCount) {
    return absl::InvalidArgumentError(
        absl::StrCat("--names ", Printable(list), ": three names, with commas between them"));
  }
  Places places;
  for (std::size_t d = 0; d < parts.size(); ++d) places.names[d] = parts[d];
  WORLDB_ASSIGN_OR_RETURN(places.script_names, cryptoscatter::ScriptNames::Create(places.names));
  // In the order given when sorted, too.
  for (std::size_t d = 0; d < parts.size(); ++d) places.names[d] = absl::StrCat(d, "-", parts[d]);
  return places;
}

absl::StatusOr<SplitResult> Split(SplitArguments arguments) {
  SplitOptions& options = arguments.options;
  if (options.base_name.empty()) {
    options.base_name =
        options.input == "-" ? "stdin" : std::filesystem::path(options.input).filename().string();
  }
  if (options.base_name.empty() || options.base_name.find('/') != std::string::npos) {
    return absl::InvalidArgumentError("the file needs a name with no slash in it: --name NAME");
  }
  WORLDB_ASSIGN_OR_RETURN(const Places places, PlacesFor(arguments.names));
  WORLDB_ASSIGN_OR_RETURN(options.script, ScriptFor(arguments.script, places.script_names));
  for (std::size_t j = 0; j < options.share_names.size(); ++j) {
    options.share_names[j] =
        absl::StrCat(options.base_name, ".", places.names[j / kNodesPerDataCenter], "-",
                     j % kNodesPerDataCenter + 1, kShareFileEnding);
  }
  return SplitFile(options);
}

void Print(const SplitArguments& arguments, const SplitResult& result) {
  if (arguments.format == OutputFormat::kJson) {
    Json shares = Json::array();
    for (const std::string& path : result.paths) shares.push_back(path);
    return PrintJson({{"outcome", "split"},
                      {"file", arguments.options.input},
                      {"bytes", result.file_bytes},
                      {"core", result.core.Hex()},
                      {"share_bytes", result.share_bytes},
                      {"shares", std::move(shares)}});
  }
  for (const std::string& path : result.paths) PrintLine(Printable(path));
}

Failure FailureOf(const SplitArguments& arguments, const absl::Status& status) {
  std::string next = "worldb-recover split --help";
  if (absl::IsAlreadyExists(status)) next = "another --out, or --force to replace what is there";
  if (absl::IsResourceExhausted(status))
    next = "make room, or another --out; nothing was left behind";
  return {absl::StrCat("split ", Printable(arguments.options.input), ": no share file was written"),
          std::string(status.message()), std::move(next)};
}

}  // namespace

void AddSplitCommand(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<SplitArguments>();
  CLI::App* command = app.add_subcommand("split", kDescription);
  command->add_option("FILE", arguments->options.input, "the file, or - for standard input")
      ->required()
      ->type_name("");
  command
      ->add_option("--out", arguments->options.directory,
                   "directory for the nine share files; made when it is not there")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--script", arguments->script,
                   "who can read: nested (default), flat, copy, or a file with a script")
      ->type_name("NAME|FILE");
  command
      ->add_option("--names", arguments->names,
                   "what the three places are called, in the names of the shares")
      ->type_name("A,B,C");
  command
      ->add_option("--name", arguments->options.base_name,
                   "what the file is called, when not as FILE is (stdin for -)")
      ->type_name("NAME");
  command->add_flag("--force", arguments->options.overwrite, "replace share files that are there");
  AddOutputOption(*command, arguments->format);
  command->callback([arguments, &exit_code] {
    const absl::StatusOr<SplitResult> result = Split(*arguments);
    exit_code = result.ok()
                    ? int{kExitDone}
                    : FailWith(FailureOf(*arguments, result.status()), ExitCodeOf(result.status()));
    if (result.ok()) Print(*arguments, *result);
  });
}

}  // namespace worldb::tools
