// worldb ticket get|wait TICKET

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/errors.h"
#include "tools/command.h"
#include "tools/waiting.h"
#include "tools/write_command.h"

namespace worldb::tools {
namespace {

constexpr char kWaitDescription[] =
    "Examples:\n"
    "  worldb ticket wait wt1_...\n"
    "  worldb ticket wait wt1_... --until full --timeout 1m\n\n"
    "Waits until a write has reached a level or has ended otherwise, through any node. Exits as\n"
    "the write would have: 0 reached, 4 lost, 9 won but not reached in time, 7 still open.";

constexpr char kGetDescription[] =
    "Examples:\n"
    "  worldb ticket get wt1_...\n"
    "  worldb ticket get wt1_... -o json\n\n"
    "Tells what became of a write, through any node. Exits with 0 whatever became of it.";

struct TicketArguments {
  std::string ticket;
  std::string until = "safe";  // of wait
  ClientOptions client;
};

void Print(const transport::TicketResult& ticket, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    Json object = {{"event", "ticket"},
                   {"op_id", arbiter::FormatOpId(ticket.op)},
                   {"home", ticket.home},
                   {"stamp", StampJson(ticket.stamp)},
                   {"level", std::string(arbiter::LevelName(ticket.level))},
                   {"final", ticket.final},
                   {"shares", SharesJson(ticket.shares)}};
    AddDecision(ticket.decision, object);
    PrintJson(object);
    return;
  }
  PrintLine(absl::StrCat(DescribeDecision(ticket.decision),
                         ticket.final ? "; final" : "; not final yet"));
  PrintLine(absl::StrCat("  level ", arbiter::LevelName(ticket.level), "; shares ",
                         FormatShares(ticket.shares)));
  PrintLine(absl::StrCat("  stamped ", FormatMoment(ticket.stamp.midpoint), " +-",
                         FormatSpan(ticket.stamp.bound), " by ", ticket.stamp.node, "; home ",
                         ticket.home, "; op ", arbiter::FormatOpId(ticket.op)));
}

absl::StatusOr<transport::TicketResult> Get(const TicketArguments& arguments) {
  WORLDB_ASSIGN_OR_RETURN(const absl::Duration timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  const WaitingLine waiting(arguments.client.format(),
                            [] { return "the home of the write to answer"; });
  return client->TicketGet(arguments.ticket, timeout);
}

ExitCode RunGet(const TicketArguments& arguments) {
  const OutputFormat format = arguments.client.format();
  const absl::StatusOr<transport::TicketResult> result = Get(arguments);
  if (!result.ok()) return ReportError("ticket get", result.status(), format);
  Print(*result, format);
  return kExitDone;
}

absl::StatusOr<transport::TicketResult> Wait(const TicketArguments& arguments,
                                             arbiter::Level until) {
  WORLDB_ASSIGN_OR_RETURN(const absl::Duration timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  const WaitingLine waiting(arguments.client.format(), [&]() -> std::string {
    const auto now = client->TicketGet(arguments.ticket, WaitingLine::kAskTimeMax);
    if (!now.ok()) return "the home of the write to answer";
    if (now->decision.outcome == arbiter::OutcomeKind::kPending) {
      return absl::StrCat("the round of version ", now->decision.version.value(),
                          " to close at the home ", now->home);
    }
    return WaitingForLevel(*client, until, now->shares, {});
  });
  return client->TicketWait(arguments.ticket, until, timeout);
}

// Why the time was up before the wait was over.
absl::Status NotReached(const TicketArguments& arguments, const transport::TicketResult& ticket,
                        arbiter::Level until) {
  const bool won = ticket.decision.outcome == arbiter::OutcomeKind::kWon;
  engine::ErrorDetails details = {{"endpoint", ticket.endpoint},
                                  {"ticket", arguments.ticket},
                                  {"wanted", std::string(arbiter::LevelName(until))},
                                  {"reached", std::string(arbiter::LevelName(ticket.level))}};
  for (const transport::DataCenterCount& in_one : ticket.shares) {
    details.emplace_back(absl::StrCat("shares_", in_one.data_center), absl::StrCat(in_one.count));
  }
  if (!won) {
    return engine::MakeError(absl::StatusCode::kDeadlineExceeded, engine::reason::kOutcomeUnknown,
                             "its round has not closed in the time given", details);
  }
  return engine::MakeError(
      absl::StatusCode::kFailedPrecondition, engine::reason::kToleranceNotReached,
      absl::StrCat("won, but ", arbiter::LevelName(ticket.level), " and not ",
                   arbiter::LevelName(until),
                   " in the time given; shares: ", FormatShares(ticket.shares)),
      details);
}

ExitCode RunWait(const TicketArguments& arguments) {
  const OutputFormat format = arguments.client.format();
  const absl::StatusOr<arbiter::Level> until = ParseLevel("--until", arguments.until);
  if (!until.ok()) return ReportError("ticket wait", until.status(), format);
  const absl::StatusOr<transport::TicketResult> result = Wait(arguments, *until);
  if (!result.ok()) return ReportError("ticket wait", result.status(), format);
  Print(*result, format);
  const bool waits = result->decision.outcome == arbiter::OutcomeKind::kWon ||
                     result->decision.outcome == arbiter::OutcomeKind::kPending;
  if (!waits) return ExitCodeOf(result->decision.outcome);
  if (result->level >= *until) return kExitDone;
  return ReportError("ticket wait", NotReached(arguments, *result, *until), format);
}

void AddVerb(Command ticket, bool wait) {
  const auto arguments = std::make_shared<TicketArguments>();
  const Command command =
      ticket.AddSubcommand(wait ? "wait" : "get", wait ? kWaitDescription : kGetDescription);
  command.AddPositional("TICKET", &arguments->ticket, "from the ACCEPTED line of a set or delete")
      .Required();
  if (wait) {
    command
        .AddOption("--until", &arguments->until,
                   "return once accepted, decided, held, safe or full")
        .ValueName("LEVEL")
        .ShowDefault();
  }
  AddClientOptions(command, arguments->client);
  command.OnRun([arguments, wait] { return wait ? RunWait(*arguments) : RunGet(*arguments); });
}

}  // namespace

void AddTicketCommand(CommandLine& program) {
  const Command ticket = program.AddSubcommand(
      "ticket",
      "Examples:\n  worldb ticket get wt1_...\n  worldb ticket wait wt1_... --until full\n\n"
      "Tickets: the claim checks of writes.");
  AddVerb(ticket, /*wait=*/false);
  AddVerb(ticket, /*wait=*/true);
}

}  // namespace worldb::tools
