// worldb demo

#include <sys/stat.h>

#include <csignal>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/command.h"
#include "tools/demo_cell.h"
#include "tools/demo_story.h"
#include "tools/files.h"

namespace worldb::tools {
namespace {

constexpr int kDefaultPort = 7070;
constexpr char kDescription[] =
    "Examples:\n"
    "  worldb demo --data ./demo-data\n"
    "  worldb demo --once\n\n"
    "Runs nine nodes in three data centers in this process, with WAN delays between them, and "
    "nine\n"
    "endpoints on this machine. With --once it plays a short story instead and exits with 0 if all "
    "of\n"
    "it held.";

struct DemoArguments {
  bool once = false;
  std::string data;
  int port = -1;
  std::string window = "20ms..2s";
  double window_factor = arbiter::WindowLimits().factor;
  std::vector<std::string> scripts;     // NAME=FILE
  std::vector<std::string> namespaces;  // PREFIX=NAME
  std::vector<std::string> new_disks;   // names of nodes
};

absl::StatusOr<arbiter::WindowLimits> ParseWindow(const std::string& text, double factor) {
  const std::pair<std::string, std::string> ends = absl::StrSplit(text, absl::MaxSplits("..", 1));
  arbiter::WindowLimits limits;
  if (!absl::ParseDuration(ends.first, &limits.window_min) ||
      !absl::ParseDuration(ends.second, &limits.window_max) ||
      limits.window_min < absl::Milliseconds(1) || limits.window_max < limits.window_min ||
      limits.window_max > absl::Minutes(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--window ", text, ": expected MIN..MAX such as 20ms..2s, from 1ms to 1m"));
  }
  // Not "below or above": that would let NaN through.
  if (!(factor >= 0.1 && factor <= 100)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--window-factor ", factor, ": expected 0.1 to 100"));
  }
  limits.factor = factor;
  return limits;
}

// What stands before and after the last "=".
absl::StatusOr<std::pair<std::string, std::string>> ParsePair(absl::string_view option,
                                                              const std::string& text) {
  const std::size_t at = text.rfind('=');
  if (at == std::string::npos || at + 1 == text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", text, ": there is no \"=\" in it, ", "or nothing behind it"));
  }
  return std::pair(text.substr(0, at), text.substr(at + 1));
}

absl::Status AddScripts(const DemoArguments& arguments, LocalCell::Options& options) {
  WORLDB_ASSIGN_OR_RETURN(const auto names,
                          cryptoscatter::ScriptNames::Create(LocalCell::DataCenterNames()));
  for (const std::string& text : arguments.scripts) {
    WORLDB_ASSIGN_OR_RETURN(const auto pair, ParsePair("--script", text));
    WORLDB_ASSIGN_OR_RETURN(const SecretBytes file,
                            ReadWholeFile(pair.second, cryptoscatter::kScriptTextBytesMax));
    const auto script = cryptoscatter::Script::Compile(AsText(file.ExposeSecret()), names);
    if (!script.ok()) {
      return absl::DataLossError(absl::StrCat(pair.second, ": ", script.status().message()));
    }
    options.scripts.emplace_back(pair.first, *script);
  }
  for (const std::string& text : arguments.namespaces) {
    WORLDB_ASSIGN_OR_RETURN(auto pair, ParsePair("--namespace", text));
    options.namespaces.push_back(std::move(pair));
  }
  return absl::OkStatus();
}

void PrintBanner(const DemoCell& demo, const DemoCell::Options& options, bool temporary) {
  const LocalCell& cell = demo.cell();
  const WanDelays& wan = options.cell.delays;
  PrintLine("WorlDb demo: nine nodes, three data centers, one process");
  PrintLine(absl::StrCat("  data    ", cell.data_dir(), temporary ? " (removed at the end)" : ""));
  PrintLine(absl::StrCat("  clock   a configured bound of ",
                         absl::FormatDuration(options.cell.clock_bound),
                         ": taken on trust, nothing here measures it"));
  PrintLine(absl::StrFormat(
      "  delays  round trips virginia-frankfurt %s, virginia-tokyo %s, "
      "frankfurt-tokyo %s (illustrative figures)",
      absl::FormatDuration(wan.virginia_frankfurt), absl::FormatDuration(wan.virginia_tokyo),
      absl::FormatDuration(wan.frankfurt_tokyo)));
  PrintLine(absl::StrCat("  window  ", absl::FormatDuration(options.cell.window.window_min), "..",
                         absl::FormatDuration(options.cell.window.window_max), ", ",
                         options.cell.window.factor,
                         " times the longest delays measured; the upper end until there are some"));
  PrintLine(
      "  reach   this machine only; no TLS and no access control yet, every node is a gateway");
  for (int dc = 0; dc < kDataCenterCount; ++dc) {
    if (cell.IsOut(NodeAt(dc * kNodesPerDataCenter))) {
      PrintLine(absl::StrCat("  ", cell.cell()->data_center_name(DataCenterAt(dc)), " is OUT"));
      continue;
    }
    std::string line;
    for (int i = 0; i < kNodesPerDataCenter; ++i) {
      const NodeIndex node = NodeAt(dc * kNodesPerDataCenter + i);
      absl::StrAppendFormat(&line, "  %-11s %s", cell.cell()->node(node).name, demo.endpoint(node));
    }
    PrintLine(line);
  }
}

void PrintOutage(const LocalCell& cell) {
  const LocalCell::Outage& outage = *cell.outage();
  const std::string& name = cell.cell()->data_center_name(outage.data_center);
  PrintLine(absl::StrCat("\n", name, " is OUT: ", outage.cause, "."));
  PrintLine(
      "  Its nodes are not started, and nothing is made in their place. Writes to keys at home");
  PrintLine(absl::StrCat("  elsewhere reach HELD, and SAFE when ", name,
                         " is back. Keys at home in ", name, " cannot be written;"));
  PrintLine("  worldb get KEY --surviving reads them, and so does worldb-recover from the disks.");
  PrintLine("  To end this, bring the disks back, end the demo and start it again.");
}

void PrintNextSteps(const DemoCell& demo, bool default_ports) {
  if (demo.cell().outage().has_value()) PrintOutage(demo.cell());
  PrintLine("\nIn another terminal:");
  if (!default_ports) {
    PrintLine(absl::StrCat("  export WORLDB_ENDPOINTS=", absl::StrJoin(demo.endpoints(), ",")));
  }
  if (demo.cell().outage().has_value()) {
    PrintLine("  echo -n hello | worldb set greeting - --wait held");
    PrintLine("  worldb get greeting --surviving");
    PrintLine("  worldb status");
  } else {
    PrintLine("  echo -n hello | worldb set greeting -");
    PrintLine("  worldb get greeting");
    PrintLine("  worldb status");
    PrintLine("  worldb node stop virginia-1");
  }
  PrintLine("\nReady. Ctrl-C ends it.");
}

absl::Status Run(const DemoArguments& arguments) {
  DemoCell::Options options;
  WORLDB_ASSIGN_OR_RETURN(options.cell.window,
                          ParseWindow(arguments.window, arguments.window_factor));
  WORLDB_RETURN_IF_ERROR(AddScripts(arguments, options.cell));
  options.port = arguments.port >= 0 ? arguments.port : arguments.once ? 0 : kDefaultPort;
  options.new_disks = arguments.new_disks;
  options.cell.needs_all_disks = arguments.once;
  umask(0077);  // what the demo writes is for its owner alone

  // Blocked before any thread is made, so that all of them inherit it and only sigwait() sees them.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  if (!arguments.once) pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  std::unique_ptr<TemporaryDirectory> temporary;
  options.cell.data_dir = arguments.data;
  if (arguments.data.empty()) {
    WORLDB_ASSIGN_OR_RETURN(temporary, TemporaryDirectory::Create("worldb-demo"));
    options.cell.data_dir = temporary->path();
  }
  WORLDB_ASSIGN_OR_RETURN(std::unique_ptr<DemoCell> demo, DemoCell::Start(options));
  PrintBanner(*demo, options, temporary != nullptr);
  if (arguments.once) {
    WORLDB_RETURN_IF_ERROR(TellStory(std::move(demo), options));
    PrintLine("\nEvery step held.");
    return absl::OkStatus();
  }
  PrintNextSteps(*demo, options.port == kDefaultPort);
  while (sigwaitinfo(&ending, nullptr) < 0) {
  }
  PrintLine("\nStopping.");
  return absl::OkStatus();
}

}  // namespace

void AddDemoCommand(CommandLine& program) {
  const auto arguments = std::make_shared<DemoArguments>();
  const Command command = program.AddSubcommand("demo", kDescription);
  command.AddFlag("--once", &arguments->once, "play the story and exit");
  command
      .AddOption("--data", &arguments->data,
                 "keep the nodes' data here (default: a temporary directory)")
      .ValueName("DIR");
  command
      .AddOption("--port", &arguments->port,
                 "of the first endpoint, the others follow; 0: free ones "
                 "(default 7070, with --once 0)")
      .WholeNumber(0, 65535 - kNodeCount + 1)
      .ValueName("N");
  command
      .AddOption("--window", &arguments->window, "how long a round stays open for earlier stamps")
      .ValueName("MIN..MAX")
      .ShowDefault();
  command
      .AddOption("--window-factor", &arguments->window_factor,
                 "the window is this many times the longest delays, within --window (0.1 to 100)")
      .ValueName("X")
      .ShowDefault();
  command
      .AddOption("--script", &arguments->scripts,
                 "adds a script to the cell: a name for --script of set, and its file")
      .ValueName("NAME=FILE");
  command
      .AddOption("--namespace", &arguments->namespaces,
                 "keys that begin with PREFIX are scattered under this script")
      .ValueName("PREFIX=NAME");
  command
      .AddOption("--new-disk", &arguments->new_disks,
                 "this node's store is gone for good: it starts on an empty one")
      .ValueName("NODE");
  command.OnRun([arguments] {
    const absl::Status status = Run(*arguments);
    if (status.ok()) return kExitDone;
    // Two scripts that differ are shown as they are, in lines.
    std::vector<std::string> lines =
        absl::StrSplit(ToString(AsBytes(status.message())), '\n', absl::SkipEmpty());
    PrintFailure({arguments->once ? "demo --once: a step did not hold" : "demo: cannot run", "",
                  absl::StrContains(status.message(), "cannot listen")
                      ? "worldb demo --port 0, or end what uses the port"
                  : absl::IsUnavailable(status) ? "run it again when the machine has less to do"
                                                : "worldb demo --help",
                  std::move(lines)});
    return ExitCodeOf(status) == kExitDone ? kExitFailed : ExitCodeOf(status);
  });
}

}  // namespace worldb::tools
