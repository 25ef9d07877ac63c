// worldb node stop|start NAME

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/command.h"
#include "tools/waiting.h"

namespace worldb::tools {
namespace {

struct NodeArguments {
  std::string name;
  bool new_disk = false;
  ClientOptions client;
};

absl::StatusOr<bool> Run(const NodeArguments& arguments, bool start) {
  WORLDB_ASSIGN_OR_RETURN(const absl::Duration timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  const WaitingLine waiting(arguments.client.format(), [&] {
    return absl::StrCat("the triad of ", arguments.name, " to settle who writes its log");
  });
  return start ? client->StartNode(arguments.name, arguments.new_disk, timeout)
               : client->StopNode(arguments.name, timeout);
}

ExitCode RunAndReport(const NodeArguments& arguments, bool start) {
  const OutputFormat format = arguments.client.format();
  const char* verb = start ? "start" : "stop";
  const absl::StatusOr<bool> changed = Run(arguments, start);
  if (!changed.ok()) {
    return ReportError(absl::StrCat("node ", verb, " ", Printable(arguments.name)),
                       changed.status(), format);
  }
  if (format == OutputFormat::kJson) {
    PrintJson(
        {{"event", "node"}, {"node", arguments.name}, {"running", start}, {"changed", *changed}});
  } else {
    PrintLine(
        absl::StrCat(arguments.name, *changed ? "" : " already", start ? " runs" : " is stopped"));
  }
  return kExitDone;
}

void AddVerb(Command node, bool start) {
  const auto arguments = std::make_shared<NodeArguments>();
  const Command command = node.AddSubcommand(
      start ? "start" : "stop",
      start ? "Examples:\n  worldb node start tokyo-2\n  worldb node start tokyo-2 -o json\n\n"
              "Brings a stopped node of a demo back on its old data and port."
            : "Examples:\n  worldb node stop tokyo-2\n  worldb node stop tokyo-2 -o json\n\n"
              "Takes one node of a demo off: its endpoint refuses connections from then on.");
  command.AddPositional("NAME", &arguments->name, "of the node, such as tokyo-2").Required();
  if (start) {
    command.AddFlag("--new-disk", &arguments->new_disk,
                    "its store is gone for good: it starts on an empty one");
  }
  AddClientOptions(command, arguments->client);
  command.OnRun([arguments, start] { return RunAndReport(*arguments, start); });
}

}  // namespace

void AddNodeCommand(CommandLine& program) {
  const Command node = program.AddSubcommand(
      "node",
      "Examples:\n  worldb node stop tokyo-2\n  worldb node start tokyo-2\n\nStops and starts "
      "single nodes of a demo.");
  AddVerb(node, false);
  AddVerb(node, true);
}

}  // namespace worldb::tools
