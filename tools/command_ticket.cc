// worldb ticket get TICKET

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/command.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb ticket get wt1_...\n"
    "  worldb ticket get wt1_... -o json\n\n"
    "Tells what became of a write, through any node. Exits with 0 whatever became of it.";

struct TicketArguments {
  std::string ticket;
  ClientOptions client;
};

absl::StatusOr<transport::TicketResult> Run(const TicketArguments& arguments) {
  WORLDB_ASSIGN_OR_RETURN(const absl::Duration timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  return client->TicketGet(arguments.ticket, timeout);
}

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

}  // namespace

void AddTicketCommand(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<TicketArguments>();
  CLI::App* ticket = app.add_subcommand(
      "ticket",
      "Examples:\n  worldb ticket get wt1_...\n  worldb ticket get wt1_... -o json\n\nTickets: the "
      "claim checks of writes.");
  ticket->require_subcommand(1);
  CLI::App* command = ticket->add_subcommand("get", kDescription);
  command->add_option("TICKET", arguments->ticket, "from the ACCEPTED line of a set")
      ->required()
      ->type_name("");
  AddClientOptions(*command, arguments->client);
  command->callback([arguments, &exit_code] {
    const OutputFormat format = arguments->client.format();
    const absl::StatusOr<transport::TicketResult> result = Run(*arguments);
    if (result.ok()) {
      Print(*result, format);
      exit_code = kExitDone;
    } else {
      exit_code = ReportError("ticket get", result.status(), format);
    }
  });
}

}  // namespace worldb::tools
