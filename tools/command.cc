#include "tools/command.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace worldb::tools {
namespace {
constexpr char kDefaultEndpoints[] =
    "127.0.0.1:7070,127.0.0.1:7071,127.0.0.1:7072,127.0.0.1:7073,127.0.0.1:7074,"
    "127.0.0.1:7075,127.0.0.1:7076,127.0.0.1:7077,127.0.0.1:7078";
}  // namespace

absl::StatusOr<absl::Duration> ParseSpan(absl::string_view option, absl::string_view text) {
  absl::Duration span;
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    span = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &span)) {
    return absl::InvalidArgumentError(absl::StrCat(
        option, " ", text, ": expected seconds, or a number with a unit such as 500ms or 10s"));
  }
  if (!(span > absl::ZeroDuration()) || span > absl::Hours(24)) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", text, ": expected more than zero and at most a day"));
  }
  return span;
}

absl::StatusOr<absl::Duration> ClientOptions::timeout() const {
  return ParseSpan("--timeout", timeout_text);
}

std::vector<std::string> ClientOptions::EndpointList() const {
  const std::string& list = endpoints.empty() ? kDefaultEndpoints : endpoints;
  return absl::StrSplit(list, ',', absl::SkipWhitespace());
}

absl::StatusOr<std::unique_ptr<transport::Client>> ClientOptions::Connect() const {
  return transport::Client::Create(EndpointList());
}

void AddClientOptions(Command command, ClientOptions& options) {
  command
      .AddOption("--endpoints", &options.endpoints,
                 "HOST:PORT,... tried in order (default 127.0.0.1:7070 to 7078)")
      .ValueName("LIST")
      .Env("WORLDB_ENDPOINTS");
  command.AddOption("--timeout", &options.timeout_text, "seconds, or with a unit: 500ms, 10s")
      .ValueName("TIME")
      .ShowDefault();
  command.AddOption("-o,--output", &options.format_text, "text or json, one object a line")
      .OneOf({"text", "json"})
      .ValueName("FORM")
      .ShowDefault();
}

}  // namespace worldb::tools
