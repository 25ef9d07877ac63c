// The worldb-recover program: see the commands in command_*.cc beside it.

#include <algorithm>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/process_memory.h"
#include "tools/help.h"
#include "tools/process_guard.h"
#include "tools/recover/command.h"
#include "tools/stop_signals.h"

int main(int argc, char** argv) {
  using namespace worldb::tools;  // NOLINT: nothing else lives here
  std::signal(SIGPIPE, SIG_IGN);  // both are errors of the write then
  std::signal(SIGXFSZ, SIG_IGN);
  worldb::KeepFreedBuffers();
  GuardProcess(kRecoverProgram);
  CLI::App app("WorlDb recovery: values from raw shares, with no cluster and no database.");
  app.name(kRecoverProgram);
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", absl::StrCat(kRecoverProgram, " ", WORLDB_VERSION));
  app.require_subcommand(1);
  int exit_code = kExitDone;
  AddInspectCommand(app, exit_code);
  AddVerifyCommand(app, exit_code);
  AddRunCommand(app, exit_code);
  AddJudgeCommand(app, exit_code);
  AddExportCommand(app, exit_code);
  AddKeygenCommand(app, exit_code);
  AddExportKeysCommand(app, exit_code);
  AddSplitCommand(app, exit_code);
  AddJoinCommand(app, exit_code);
  const int code = ParseAndRun(app, argc, argv, exit_code);
  WarnOfUnlockedSecrets(kRecoverProgram);
  EndIfStopped();
  return code;
}
