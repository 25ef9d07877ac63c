// worldb get KEY

#include <cstdio>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/command.h"
#include "tools/files.h"
#include "tools/waiting.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb get greeting\n"
    "  worldb get greeting --surviving --out hello.txt\n\n"
    "Writes the value to standard output and nothing else, or to a file.";

struct GetArguments {
  std::string key;
  bool surviving = false;
  std::uint64_t version = 0;
  std::string out;
  ClientOptions client;
};

absl::StatusOr<transport::GetResult> Run(const GetArguments& arguments) {
  engine::ReadMode mode = engine::ReadMode::kLatest;
  if (arguments.surviving) mode = engine::ReadMode::kSurviving;
  if (arguments.version != 0) mode = engine::ReadMode::kVersion;
  WORLDB_ASSIGN_OR_RETURN(const absl::Duration timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  const WaitingLine waiting(arguments.client.format(), [&]() -> std::string {
    if (arguments.surviving) return "enough nodes to give their shares";
    return WaitingForHome(*client, AsBytes(arguments.key));
  });
  return client->Get(AsBytes(arguments.key), mode, Version(arguments.version), timeout);
}

std::vector<std::uint64_t> VersionNumbers(const std::vector<Version>& versions) {
  std::vector<std::uint64_t> numbers;
  for (const Version version : versions) numbers.push_back(version.value());
  return numbers;
}

absl::Status Deliver(const GetArguments& arguments, const transport::GetResult& result) {
  const ByteSpan value = result.value.ExposeSecret();
  const bool json = arguments.client.format() == OutputFormat::kJson;
  if (!arguments.out.empty()) {
    WORLDB_RETURN_IF_ERROR(WriteFileAtomically(arguments.out, value));
  } else if (!json) {
    // What goes wrong with it is told at the end, as for all that is printed.
    std::fwrite(value.data(), 1, value.size(), stdout);
  }
  if (json) {
    Json object = {{"event", "value"},
                   {"version", result.version.value()},
                   {"op_id", arbiter::FormatOpId(result.op)},
                   {"level", std::string(arbiter::LevelName(result.level))},
                   {"home_silent", result.home_silent},
                   {"bytes", value.size()},
                   {"read_from", result.read_from},
                   {"rejected_shares", result.rejected},
                   {"void_versions", VersionNumbers(result.void_versions)}};
    if (arguments.out.empty()) object["value_base64"] = absl::Base64Escape(AsText(value));
    PrintJson(object);
  }
  for (const std::string& reason : result.rejected) {
    std::fprintf(stderr, "worldb: passed over a bad share: %s\n", Printable(reason).c_str());
  }
  for (const std::uint64_t version : VersionNumbers(result.void_versions)) {
    std::fprintf(stderr, "worldb: version %llu is newer, but VOID: it can never be read\n",
                 static_cast<unsigned long long>(version));
  }
  if (result.home_silent && !json) {
    std::fprintf(stderr, "worldb: version %llu, home not asked: there may be a newer one\n",
                 static_cast<unsigned long long>(result.version.value()));
  }
  return absl::OkStatus();
}

ExitCode RunAndReport(const GetArguments& arguments) {
  const std::string what = absl::StrCat("get ", Printable(arguments.key));
  const OutputFormat format = arguments.client.format();
  const absl::StatusOr<transport::GetResult> result = Run(arguments);
  if (!result.ok()) return ReportError(what, result.status(), format);
  const absl::Status delivered = Deliver(arguments, *result);
  return delivered.ok() ? kExitDone : ReportError(what, delivered, format);
}

}  // namespace

void AddGetCommand(CommandLine& program) {
  const auto arguments = std::make_shared<GetArguments>();
  const Command command = program.AddSubcommand("get", kDescription);
  command.AddPositional("KEY", &arguments->key, "the key").Required();
  const Option surviving =
      command.AddFlag("--surviving", &arguments->surviving,
                      "ask no home: the newest version the reachable nodes can read");
  command.AddOption("--version", &arguments->version, "this version instead of the newest")
      .WholeNumber(1)
      .ValueName("VERSION")
      .Excludes(surviving);
  command.AddOption("--out", &arguments->out, "write the value to this file, whole or not at all")
      .ValueName("FILE");
  AddClientOptions(command, arguments->client);
  command.OnRun([arguments] { return RunAndReport(*arguments); });
}

}  // namespace worldb::tools
