// worldb set KEY VALUE|@FILE|-

#include <utility>

#include "absl/strings/match.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/records.h"
#include "engine/cell/errors.h"
#include "tools/command.h"
#include "tools/files.h"
#include "tools/write_command.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb set greeting @hello.txt\n"
    "  echo -n hello | worldb set greeting - --wait full -o json\n\n"
    "Stores a value under a key and tells how it goes: accepted with a ticket, won or lost,\n"
    "and how far it has spread. A lost write exits with 4. Other users of this machine can see\n"
    "a value given as text: prefer @FILE or -.";

struct SetArguments {
  WriteArguments write;
  std::string value;
  std::string script;
};

absl::StatusOr<SecretBytes> ReadValue(const std::string& argument) {
  const std::size_t bytes_max = cryptoscatter::kValueBytesMax;
  absl::StatusOr<SecretBytes> value;
  if (argument == "-") {
    value = ReadWholeFile("-", bytes_max);
  } else if (absl::StartsWith(argument, "@@")) {
    return SecretBytes(ToBytes(AsBytes(absl::string_view(argument).substr(1))));
  } else if (absl::StartsWith(argument, "@")) {
    value = ReadWholeFile(argument.substr(1), bytes_max);
  } else {
    return SecretBytes(ToBytes(AsBytes(argument)));
  }
  if (absl::IsOutOfRange(value.status())) {
    return engine::MakeError(absl::StatusCode::kInvalidArgument, engine::reason::kValueTooLarge,
                             value.status().message());
  }
  return value;
}

}  // namespace

void AddSetCommand(CommandLine& program) {
  const auto arguments = std::make_shared<SetArguments>();
  const Command command = program.AddSubcommand("set", kDescription);
  AddKeyArgument(command, arguments->write);
  command
      .AddPositional(
          "VALUE", &arguments->value,
          "text, @FILE, or - for standard input; at most 4 MiB (@@ for a text with one @)")
      .Required();
  command
      .AddOption("--script", &arguments->script,
                 "how it is scattered: nested, flat, copy or a script of the cell's own "
                 "(default: that of the "
                 "key's namespace, or nested)")
      .ValueName("NAME");
  AddWriteOptions(command, arguments->write);
  command.OnRun([arguments] {
    const StartWrite set = [&](transport::Client& client, transport::SetOptions options,
                               const auto& on_event) -> absl::StatusOr<transport::SetResult> {
      WORLDB_ASSIGN_OR_RETURN(const SecretBytes value, ReadValue(arguments->value));
      options.script = arguments->script;
      return client.Set(AsBytes(arguments->write.key), value.ExposeSecret(), options, on_event);
    };
    return RunWrite("set", arguments->write, set);
  });
}

}  // namespace worldb::tools
