// The worldb program: see the commands in command_*.cc.

#include <csignal>

#include "cryptoscatter/base/process_memory.h"
#include "tools/command.h"
#include "tools/help.h"
#include "tools/process_guard.h"

int main(int argc, char** argv) {
  using namespace worldb::tools;  // NOLINT: nothing else lives here
  std::signal(SIGPIPE, SIG_IGN);  // both are errors of the write then
  std::signal(SIGXFSZ, SIG_IGN);
  worldb::KeepFreedBuffers();
  GuardProcess("worldb");
  CLI::App app(
      "Examples:\n"
      "  worldb demo                      nine nodes in three data centers, in this process\n"
      "  echo -n hello | worldb set greeting -\n\n"
      "WorlDb: a private, geo-dispersed store in which the chronologically first write wins.");
  app.name("worldb");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", std::string("worldb ") + WORLDB_VERSION);
  app.require_subcommand(1);
  int exit_code = kExitDone;
  AddDemoCommand(app, exit_code);
  AddSetCommand(app, exit_code);
  AddDeleteCommand(app, exit_code);
  AddGetCommand(app, exit_code);
  AddListCommand(app, exit_code);
  AddHistoryCommand(app, exit_code);
  AddWatchCommand(app, exit_code);
  AddTicketCommand(app, exit_code);
  AddStatusCommand(app, exit_code);
  AddNodeCommand(app, exit_code);
  AddScriptCommand(app, exit_code);
  AddBenchCommand(app, exit_code);
  const int code = ParseAndRun(app, argc, argv, exit_code);
  WarnOfUnlockedSecrets("worldb");
  return code;
}
