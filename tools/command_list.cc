// worldb list [PREFIX]

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/command.h"
#include "tools/waiting.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb list\n"
    "  worldb list users/ --limit 20 -o json\n\n"
    "Lists the keys that begin with a prefix, in byte order, with their newest versions.\n"
    "Asks all three homes. Deleted keys are left out.";

struct ListArguments {
  std::string prefix;
  std::uint64_t limit = 0;  // 0: all
  ClientOptions client;
};

void Print(const transport::ListedKey& key, OutputFormat format) {
  if (format == OutputFormat::kText) {
    return PrintLine(absl::StrFormat("%8d  %-8s %10d  %s", key.version.value(),
                                     arbiter::LevelName(key.level), key.payload_bytes,
                                     Printable(AsText(key.key))));
  }
  Json object = {{"event", "key"}};
  AddKey(key.key, object);
  object["version"] = key.version.value();
  object["level"] = std::string(arbiter::LevelName(key.level));
  object["payload_bytes"] = key.payload_bytes;
  object["op_id"] = arbiter::FormatOpId(key.op);
  PrintJson(object);
}

absl::Status Run(const ListArguments& arguments) {
  WORLDB_ASSIGN_OR_RETURN(const absl::Duration timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  const OutputFormat format = arguments.client.format();
  const WaitingLine waiting(format, [] { return "all three homes to answer"; });
  const absl::Time deadline = absl::Now() + timeout;
  std::uint64_t left = arguments.limit == 0 ? ~std::uint64_t{0} : arguments.limit;
  std::string token;
  do {
    const int page_size = static_cast<int>(std::min<std::uint64_t>(left, engine::kListPageMax));
    WORLDB_ASSIGN_OR_RETURN(
        const transport::ListResult page,
        client->List(AsBytes(arguments.prefix), page_size, token, deadline - absl::Now()));
    if (token.empty() && format == OutputFormat::kText) {
      PrintLine(absl::StrFormat("%8s  %-8s %10s  %s", "version", "level", "bytes", "key"));
    }
    for (const transport::ListedKey& key : page.keys) {
      if (left == 0) break;
      --left;
      Print(key, format);
    }
    token = page.next_page_token;
  } while (!token.empty() && left > 0);
  return absl::OkStatus();
}

}  // namespace

void AddListCommand(CommandLine& program) {
  const auto arguments = std::make_shared<ListArguments>();
  const Command command = program.AddSubcommand("list", kDescription);
  command.AddPositional("PREFIX", &arguments->prefix,
                        "what the keys begin with (default: all keys)");
  command.AddOption("--limit", &arguments->limit, "stop after this many keys")
      .WholeNumber(1)
      .ValueName("N");
  AddClientOptions(command, arguments->client);
  command.OnRun([arguments] {
    const absl::Status status = Run(*arguments);
    const std::string what =
        arguments->prefix.empty() ? "list" : absl::StrCat("list ", Printable(arguments->prefix));
    return status.ok() ? kExitDone : ReportError(what, status, arguments->client.format());
  });
}

}  // namespace worldb::tools
