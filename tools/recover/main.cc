// The worldb-recover program: see the commands in command_*.cc beside it.

#include <algorithm>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "tools/help.h"
#include "tools/recover/command.h"

int main(int argc, char** argv) {
  using namespace worldb::tools;  // NOLINT: nothing else lives here
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("WorlDb recovery: values from raw shares, with no cluster and no database.");
  app.name(kRecoverProgram);
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", absl::StrCat(kRecoverProgram, " ", WORLDB_VERSION));
  app.require_subcommand(1);
  int exit_code = kExitDone;
  AddSplitCommand(app, exit_code);
  AddJoinCommand(app, exit_code);
  return ParseAndRun(app, argc, argv, exit_code);
}
