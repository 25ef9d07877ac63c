// worldb watch KEY | --prefix P

#include <atomic>
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/errors.h"
#include "tools/command.h"
#include "tools/waiting.h"
#include "transport/reasons.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb watch greeting\n"
    "  worldb watch --prefix users/ --count 3 -o json\n\n"
    "Tells of every new version of a key, or of every key with a prefix, until Ctrl-C, --count\n"
    "or --timeout. Goes on through another node when one is lost. A change may be told twice.";

struct WatchArguments {
  std::string key;
  std::optional<std::string> prefix;
  std::string from;
  std::uint64_t count = 0;  // 0: no end
  ClientOptions client;
};

std::string Target(const WatchArguments& arguments) {
  return arguments.prefix.has_value() ? absl::StrCat("--prefix ", *arguments.prefix)
                                      : arguments.key;
}

void Print(const transport::WatchUpdate& update, OutputFormat format) {
  if (format == OutputFormat::kText) {
    if (!update.change.has_value()) return;
    return PrintLine(absl::StrCat(Printable(AsText(update.change->key)), "  ",
                                  DescribeVersion(update.change->version)));
  }
  Json object;
  if (update.change.has_value()) {
    object["event"] = "change";
    AddKey(update.change->key, object);
    AddVersion(update.change->version, object);
  } else {
    object["event"] = "progress";
  }
  object["resume_token"] = update.resume_token;
  PrintJson(object);
}

absl::Status Run(const WatchArguments& arguments) {
  if (arguments.prefix.has_value() == !arguments.key.empty()) {
    return absl::InvalidArgumentError("expected either KEY or --prefix");
  }
  transport::WatchOptions options;
  options.prefix = arguments.prefix.has_value();
  options.resume_token = arguments.from;
  WORLDB_ASSIGN_OR_RETURN(options.timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(const auto client, arguments.client.Connect());
  const OutputFormat format = arguments.client.format();
  std::atomic<bool> stands = false;
  const WaitingLine waiting(format, [&] { return stands ? "" : "the watch to stand"; });
  std::uint64_t told = 0;
  WORLDB_ASSIGN_OR_RETURN(
      const transport::WatchEnd end,
      client->Watch(AsBytes(arguments.prefix.value_or(arguments.key)), options,
                    [&](const transport::WatchUpdate& update) {
                      if (!stands.exchange(true) && format == OutputFormat::kText) {
                        std::fprintf(stderr, "worldb: watching; --from %s begins here\n",
                                     Printable(update.resume_token).c_str());
                      }
                      Print(update, format);
                      told += update.change.has_value() ? 1 : 0;
                      if (std::ferror(stdout) != 0) return false;  // nobody hears it any more
                      return arguments.count == 0 || told < arguments.count;
                    }));
  if (end.stopped || arguments.count == 0) return absl::OkStatus();
  return engine::MakeError(
      absl::StatusCode::kDeadlineExceeded, transport::reason::kTimeout,
      absl::StrCat(told, " of ", arguments.count, " changes in the time given"),
      {{"resume_token", end.resume_token}});
}

}  // namespace

void AddWatchCommand(CommandLine& program) {
  const auto arguments = std::make_shared<WatchArguments>();
  arguments->client.timeout_text = "24h";
  const Command command = program.AddSubcommand("watch", kDescription);
  command.AddPositional("KEY", &arguments->key, "the key");
  command.AddOption("--prefix", &arguments->prefix, "every key that begins with this")
      .ValueName("P");
  command
      .AddOption("--from", &arguments->from,
                 "resume_token of an earlier watch (default: from now on)")
      .ValueName("TOKEN");
  command.AddOption("--count", &arguments->count, "end after this many changes")
      .WholeNumber(1)
      .ValueName("N");
  AddClientOptions(command, arguments->client);
  command.OnRun([arguments] {
    const absl::Status status = Run(*arguments);
    return status.ok() ? kExitDone
                       : ReportError(absl::StrCat("watch ", Printable(Target(*arguments))), status,
                                     arguments->client.format());
  });
}

}  // namespace worldb::tools
