// The worldb-recover program: see the commands in command_*.cc beside it.

#include <csignal>

#include "cryptoscatter/base/process_memory.h"
#include "tools/process_guard.h"
#include "tools/recover/command.h"
#include "tools/stop_signals.h"

int main(int argc, char** argv) {
  using namespace worldb::tools;  // NOLINT: nothing else lives here
  std::signal(SIGPIPE, SIG_IGN);  // both are errors of the write then
  std::signal(SIGXFSZ, SIG_IGN);
  worldb::KeepFreedBuffers();
  GuardProcess(kRecoverProgram);
  CommandLine program(kRecoverProgram,
                      "WorlDb recovery: values from raw shares, with no cluster and no database.",
                      WORLDB_VERSION);
  AddInspectCommand(program);
  AddVerifyCommand(program);
  AddRunCommand(program);
  AddJudgeCommand(program);
  AddExportCommand(program);
  AddKeygenCommand(program);
  AddExportKeysCommand(program);
  AddSplitCommand(program);
  AddJoinCommand(program);
  const int code = program.ParseAndRun(argc, argv);
  WarnOfUnlockedSecrets(kRecoverProgram);
  EndIfStopped();
  return code;
}
