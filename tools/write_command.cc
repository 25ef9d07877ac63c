#include "tools/write_command.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/waiting.h"

namespace worldb::tools {
namespace {

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
    out = {{"event", "accepted"},
           {"op_id", arbiter::FormatOpId(op)},
           {"ticket", accepted->ticket},
           {"stamp", StampJson(accepted->stamp)},
           {"home", accepted->home},
           {"version", accepted->version.value()},
           {"leading", accepted->leading},
           {"out", accepted->out},
           {"within_reach", std::string(arbiter::LevelName(accepted->within_reach))}};
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

// What cannot be reached for now, as a line of its own; empty where everything can.
std::string OutText(const transport::Accepted& accepted) {
  if (accepted.out.empty()) return "";
  const std::string names = absl::StrCat(absl::StrJoin(accepted.out, " and "),
                                         accepted.out.size() == 1 ? " is OUT" : " are OUT");
  const bool safe = accepted.within_reach >= arbiter::Level::kSafe;
  return absl::StrCat("\n  ", names, ": ", safe ? "FULL" : "SAFE", " is out of reach for now, ",
                      arbiter::LevelName(accepted.within_reach), " is not");
}

std::string EventText(const transport::SetEvent& event) {
  if (const auto* accepted = std::get_if<transport::Accepted>(&event)) {
    return absl::StrCat("ACCEPTED ", accepted->ticket, "\n  stamped ",
                        FormatMoment(accepted->stamp.midpoint), " +-",
                        FormatSpan(accepted->stamp.bound), " by ", accepted->stamp.node, "; home ",
                        accepted->home, ", version ", accepted->version.value(),
                        accepted->leading ? ", leading" : "", OutText(*accepted));
  }
  if (const auto* decision = std::get_if<transport::Decision>(&event)) {
    return DescribeDecision(*decision);
  }
  const auto& level = std::get<transport::LevelReached>(event);
  return absl::StrCat(arbiter::LevelName(level.level), " version ", level.version.value(),
                      "; shares ", FormatShares(level.shares));
}

// What has been heard so far, for the line that says what the command waits for.
class Heard {
 public:
  void Note(const transport::SetEvent& event) {
    MutexLock lock(mu_);
    if (const auto* accepted = std::get_if<transport::Accepted>(&event)) accepted_ = *accepted;
    if (std::holds_alternative<transport::Decision>(event)) decided_ = true;
    if (const auto* level = std::get_if<transport::LevelReached>(&event)) shares_ = level->shares;
  }
  std::string WaitingFor(transport::Client& client, ByteSpan key, arbiter::Level until) {
    std::optional<transport::Accepted> accepted;
    bool decided = false;
    std::vector<transport::DataCenterCount> shares;
    {
      MutexLock lock(mu_);
      accepted = accepted_;
      decided = decided_;
      shares = shares_;
    }
    if (!accepted.has_value()) return WaitingForHome(client, key);
    if (!decided) {
      return absl::StrCat("the round of version ", accepted->version.value(),
                          " to close at the home ", accepted->home);
    }
    return WaitingForLevel(client, until, shares, accepted->out);
  }

 private:
  Mutex mu_;
  std::optional<transport::Accepted> accepted_ ABSL_GUARDED_BY(mu_);
  bool decided_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<transport::DataCenterCount> shares_ ABSL_GUARDED_BY(mu_);
};

absl::StatusOr<transport::SetResult> Run(const WriteArguments& arguments, const StartWrite& start) {
  transport::SetOptions options;
  WORLDB_ASSIGN_OR_RETURN(options.until, ParseLevel("--wait", arguments.wait));
  WORLDB_ASSIGN_OR_RETURN(options.base, ParseBase(arguments.base));
  WORLDB_ASSIGN_OR_RETURN(options.timeout, arguments.client.timeout());
  if (arguments.op_id.empty()) {
    options.op = arbiter::MakeOpId(absl::Now(), SystemEntropy());
  } else {
    WORLDB_ASSIGN_OR_RETURN(options.op, arbiter::ParseOpId(arguments.op_id));
    options.attempt = 1;
  }
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  const OutputFormat format = arguments.client.format();
  Heard heard;
  const WaitingLine waiting(
      format, [&] { return heard.WaitingFor(*client, AsBytes(arguments.key), options.until); });
  return start(*client, options, [&](const transport::SetEvent& event) {
    heard.Note(event);
    if (format == OutputFormat::kJson) {
      PrintJson(EventJson(event, options.op));
    } else {
      PrintLine(EventText(event));
    }
  });
}

}  // namespace

absl::StatusOr<arbiter::Level> ParseLevel(absl::string_view option, const std::string& text) {
  for (const arbiter::Level level :
       {arbiter::Level::kAccepted, arbiter::Level::kDecided, arbiter::Level::kHeld,
        arbiter::Level::kSafe, arbiter::Level::kFull}) {
    if (absl::EqualsIgnoreCase(text, arbiter::LevelName(level))) return level;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, " ", text, ": expected accepted, decided, held, safe or full"));
}

void AddKeyArgument(Command command, WriteArguments& arguments) {
  command.AddPositional("KEY", &arguments.key, "1 byte to 1 KiB").Required();
}

void AddWriteOptions(Command command, WriteArguments& arguments) {
  command.AddOption("--wait", &arguments.wait, "return once accepted, decided, held, safe or full")
      .ValueName("LEVEL")
      .ShowDefault();
  command
      .AddOption("--base", &arguments.base,
                 "the version it builds on (set: or absent); STALE if that is outdated")
      .ValueName("VERSION");
  command
      .AddOption("--op-id", &arguments.op_id,
                 "of a write that was cut off: tried again under it, it happens only once")
      .ValueName("UUID");
  AddClientOptions(command, arguments.client);
}

ExitCode RunWrite(const std::string& verb, const WriteArguments& arguments,
                  const StartWrite& start) {
  const std::string what = absl::StrCat(verb, " ", Printable(arguments.key));
  const absl::StatusOr<transport::SetResult> result = Run(arguments, start);
  if (!result.ok()) return ReportError(what, result.status(), arguments.client.format());
  if (!result->decision.has_value()) return kExitDone;
  const ExitCode code = ExitCodeOf(result->decision->outcome);
  if (code != kExitDone) {
    PrintFailure({absl::StrCat(what, ": ", arbiter::OutcomeName(result->decision->outcome), " (",
                               result->endpoint, ")"),
                  DescribeDecision(*result->decision),
                  WayOn(verb, arguments.key, *result->decision, absl::Now())});
  }
  return code;
}

}  // namespace worldb::tools
