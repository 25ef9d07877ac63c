// worldb delete KEY

#include <utility>

#include "tools/command.h"
#include "tools/write_command.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb delete greeting\n"
    "  worldb delete greeting --base 3 --wait full\n\n"
    "Deletes a key: a write without a value, which competes like any other and, if it wins,\n"
    "leaves a tombstone as the newest version. Older versions stay readable by their number.\n"
    "A lost delete exits with 4.";

}  // namespace

void AddDeleteCommand(CommandLine& program) {
  const auto arguments = std::make_shared<WriteArguments>();
  const Command command = program.AddSubcommand("delete", kDescription);
  AddKeyArgument(command, *arguments);
  AddWriteOptions(command, *arguments);
  command.OnRun([arguments] {
    return RunWrite(
        "delete", *arguments,
        [&](transport::Client& client, const transport::SetOptions& options, const auto& on_event) {
          return client.Delete(AsBytes(arguments->key), options, on_event);
        });
  });
}

}  // namespace worldb::tools
