// The worldb program: see the commands in command_*.cc.

#include <csignal>

#include "tools/command.h"
#include "tools/process_guard.h"

// jemalloc's settings, where it is linked: what lies free for ten seconds goes back to the system, by a thread
// of its own.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:10000,muzzy_decay_ms:0";
}

int main(int argc, char** argv) {
  using namespace worldb::tools;  // NOLINT: nothing else lives here
  std::signal(SIGPIPE, SIG_IGN);  // both are errors of the write then
  std::signal(SIGXFSZ, SIG_IGN);
  GuardProcess("worldb");
  CommandLine program(
      "worldb",
      "Examples:\n"
      "  worldb demo                      nine nodes in three data centers, in this process\n"
      "  echo -n hello | worldb set greeting -\n\n"
      "WorlDb: a private, geo-dispersed store in which the chronologically first write wins.",
      WORLDB_VERSION);
  AddDemoCommand(program);
  AddSetCommand(program);
  AddDeleteCommand(program);
  AddGetCommand(program);
  AddListCommand(program);
  AddHistoryCommand(program);
  AddWatchCommand(program);
  AddTicketCommand(program);
  AddStatusCommand(program);
  AddNodeCommand(program);
  AddScriptCommand(program);
  AddBenchCommand(program);
  const int code = program.ParseAndRun(argc, argv);
  WarnOfUnlockedSecrets("worldb");
  return code;
}
