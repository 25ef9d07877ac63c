// worldb history KEY

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/command.h"
#include "tools/waiting.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb history greeting\n"
    "  worldb history greeting --limit 5 -o json\n\n"
    "Lists the versions of one key, newest first: who wrote it when, how far it has spread.\n"
    "Deletions and void versions are versions, too.";

struct HistoryArguments {
  std::string key;
  std::uint64_t limit = 0;  // 0: all
  ClientOptions client;
};

absl::Status Run(const HistoryArguments& arguments) {
  WORLDB_ASSIGN_OR_RETURN(const absl::Duration timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  const OutputFormat format = arguments.client.format();
  const WaitingLine waiting(format,
                            [&] { return WaitingForHome(*client, AsBytes(arguments.key)); });
  const absl::Time deadline = absl::Now() + timeout;
  std::uint64_t left = arguments.limit == 0 ? ~std::uint64_t{0} : arguments.limit;
  std::string token;
  do {
    const int page_size = static_cast<int>(std::min<std::uint64_t>(left, engine::kListPageMax));
    WORLDB_ASSIGN_OR_RETURN(
        const transport::HistoryResult page,
        client->History(AsBytes(arguments.key), page_size, token, deadline - absl::Now()));
    for (const transport::VersionInfo& version : page.versions) {
      if (left == 0) break;
      --left;
      if (format == OutputFormat::kText) {
        PrintLine(DescribeVersion(version));
        continue;
      }
      Json object = {{"event", "version"}};
      AddVersion(version, object);
      PrintJson(object);
    }
    token = page.next_page_token;
  } while (!token.empty() && left > 0);
  return absl::OkStatus();
}

}  // namespace

void AddHistoryCommand(CommandLine& program) {
  const auto arguments = std::make_shared<HistoryArguments>();
  const Command command = program.AddSubcommand("history", kDescription);
  command.AddPositional("KEY", &arguments->key, "the key").Required();
  command.AddOption("--limit", &arguments->limit, "stop after this many versions")
      .WholeNumber(1)
      .ValueName("N");
  AddClientOptions(command, arguments->client);
  command.OnRun([arguments] {
    const absl::Status status = Run(*arguments);
    return status.ok() ? kExitDone
                       : ReportError(absl::StrCat("history ", Printable(arguments->key)), status,
                                     arguments->client.format());
  });
}

}  // namespace worldb::tools
