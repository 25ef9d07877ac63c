// What set and delete share: options, the telling of events, and the end.
#ifndef WORLDB_TOOLS_WRITE_COMMAND_H_
#define WORLDB_TOOLS_WRITE_COMMAND_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/command.h"
#include "transport/client.h"

namespace worldb::tools {

struct WriteArguments {
  std::string key;
  std::string wait = "safe";
  std::string base;
  std::string op_id;
  ClientOptions client;
};

// Adds KEY, and in a second step --wait, --base, --op-id and those of every command. `arguments` outlives the
// CommandLine of `command`.
void AddKeyArgument(Command command, WriteArguments& arguments);
void AddWriteOptions(Command command, WriteArguments& arguments);

// "accepted" to "full", in any case; `option` is named in the error.
absl::StatusOr<arbiter::Level> ParseLevel(absl::string_view option, const std::string& text);

// One write, to be started at `client`, which tells `on_event` how it goes.
using StartWrite = std::function<absl::StatusOr<transport::SetResult>(
    transport::Client& client, transport::SetOptions options,
    const std::function<void(const transport::SetEvent&)>& on_event)>;

// Runs it, prints its events and its end. `verb` is "set" or "delete".
ExitCode RunWrite(const std::string& verb, const WriteArguments& arguments,
                  const StartWrite& start);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_WRITE_COMMAND_H_
