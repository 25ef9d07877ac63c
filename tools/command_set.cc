// worldb set KEY VALUE|@FILE|-

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/records.h"
#include "engine/errors.h"
#include "tools/command.h"
#include "tools/files.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb set greeting @hello.txt\n"
    "  echo -n hello | worldb set greeting - --wait full -o json\n\n"
    "Stores a value under a key and tells how it goes: accepted with a ticket, won or lost,\n"
    "and how far it has spread. A lost write exits with 4. Other users of this machine can see\n"
    "a value given as text: prefer @FILE or -.";

struct SetArguments {
  std::string key;
  std::string value;
  std::string wait = "safe";
  std::string base;
  std::string op_id;
  ClientOptions client;
};

absl::StatusOr<SecretBytes> ReadValue(const std::string& argument) {
  const std::size_t bytes_max = cryptoscatter::kValueBytesMax;
  absl::StatusOr<SecretBytes> value;
  if (argument == "-") {
    value = ReadWholeFile("-", bytes_max);
  } else if (absl::StartsWith(argument, "@@")) {
    return SecretBytes(ToBytes(AsBytes(absl::string_view(argument).substr(1))));
  } else if (absl::StartsWith(argument, "@")) {
    value = ReadWholeFile(argument.substr(1), bytes_max);
  } else {
    return SecretBytes(ToBytes(AsBytes(argument)));
  }
  if (absl::IsInvalidArgument(value.status())) {
    return engine::MakeError(absl::StatusCode::kInvalidArgument, engine::reason::kValueTooLarge,
                             value.status().message());
  }
  return value;
}

absl::StatusOr<arbiter::Base> ParseBase(const std::string& text) {
  arbiter::Base base;
  std::uint64_t version = 0;
  if (text == "absent") {
    base.kind = arbiter::Base::Kind::kAbsent;
  } else if (absl::SimpleAtoi(text, &version) && version > 0) {
    base = {arbiter::Base::Kind::kVersion, Version(version)};
  } else if (!text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--base ", text, ": expected a version, or absent"));
  }
  return base;
}

Json EventJson(const transport::SetEvent& event, const OpId& op) {
  Json out;
  if (const auto* accepted = std::get_if<transport::Accepted>(&event)) {
    out = {{"event", "accepted"},         {"op_id", arbiter::FormatOpId(op)},
           {"ticket", accepted->ticket},  {"stamp", StampJson(accepted->stamp)},
           {"home", accepted->home},      {"version", accepted->version.value()},
           {"leading", accepted->leading}};
  } else if (const auto* decision = std::get_if<transport::Decision>(&event)) {
    out["event"] = "decided";
    AddDecision(*decision, out);
  } else {
    const auto& level = std::get<transport::LevelReached>(event);
    out = {{"event", "level"},
           {"level", std::string(arbiter::LevelName(level.level))},
           {"version", level.version.value()},
           {"shares", SharesJson(level.shares)}};
  }
  return out;
}

std::string EventText(const transport::SetEvent& event) {
  if (const auto* accepted = std::get_if<transport::Accepted>(&event)) {
    return absl::StrCat("ACCEPTED ", accepted->ticket, "\n  stamped ",
                        FormatMoment(accepted->stamp.midpoint), " +-",
                        FormatSpan(accepted->stamp.bound), " by ", accepted->stamp.node, "; home ",
                        accepted->home, ", version ", accepted->version.value(),
                        accepted->leading ? ", leading" : "");
  }
  if (const auto* decision = std::get_if<transport::Decision>(&event)) {
    return DescribeDecision(*decision);
  }
  const auto& level = std::get<transport::LevelReached>(event);
  return absl::StrCat(arbiter::LevelName(level.level), " version ", level.version.value(),
                      "; shares ", FormatShares(level.shares));
}

absl::StatusOr<transport::SetResult> Run(const SetArguments& arguments) {
  transport::SetOptions options;
  WORLDB_ASSIGN_OR_RETURN(options.until, ParseLevel(arguments.wait));
  WORLDB_ASSIGN_OR_RETURN(options.base, ParseBase(arguments.base));
  WORLDB_ASSIGN_OR_RETURN(options.timeout, arguments.client.timeout());
  if (arguments.op_id.empty()) {
    options.op = arbiter::MakeOpId(absl::Now(), SystemEntropy());
  } else {
    WORLDB_ASSIGN_OR_RETURN(options.op, arbiter::ParseOpId(arguments.op_id));
    options.attempt = 1;
  }
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  WORLDB_ASSIGN_OR_RETURN(const SecretBytes value, ReadValue(arguments.value));
  const OutputFormat format = arguments.client.format();
  return client->Set(AsBytes(arguments.key), value.ExposeSecret(), options,
                     [&](const transport::SetEvent& event) {
                       if (format == OutputFormat::kJson) {
                         PrintJson(EventJson(event, options.op));
                       } else {
                         PrintLine(EventText(event));
                       }
                     });
}

ExitCode RunAndReport(const SetArguments& arguments) {
  const std::string what = absl::StrCat("set ", Printable(arguments.key));
  const absl::StatusOr<transport::SetResult> result = Run(arguments);
  if (!result.ok()) return ReportError(what, result.status(), arguments.client.format());
  if (!result->decision.has_value()) return kExitDone;
  const ExitCode code = ExitCodeOf(result->decision->outcome);
  if (code != kExitDone) {
    PrintFailure({absl::StrCat(what, ": ", arbiter::OutcomeName(result->decision->outcome), " (",
                               result->endpoint, ")"),
                  DescribeDecision(*result->decision),
                  absl::StrCat("worldb get ", Printable(arguments.key),
                               " to see what is there now; set again to compete for the next "
                               "version")});
  }
  return code;
}

}  // namespace

void AddSetCommand(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<SetArguments>();
  CLI::App* command = app.add_subcommand("set", kDescription);
  command->add_option("KEY", arguments->key, "1 byte to 1 KiB")->required()->type_name("");
  command
      ->add_option("VALUE", arguments->value,
                   "text, @FILE, or - for standard input; at most 4 MiB (@@ for a text with one @)")
      ->required()
      ->type_name("");
  command
      ->add_option("--wait", arguments->wait, "return once accepted, decided, held, safe or full")
      ->type_name("LEVEL")
      ->capture_default_str();
  command
      ->add_option("--base", arguments->base,
                   "the version it builds on, or absent; STALE if that is outdated")
      ->type_name("VERSION");
  command
      ->add_option("--op-id", arguments->op_id,
                   "of a set that was cut off: tried again under it, it happens only once")
      ->type_name("UUID");
  AddClientOptions(*command, arguments->client);
  command->callback([arguments, &exit_code] { exit_code = RunAndReport(*arguments); });
}

}  // namespace worldb::tools
