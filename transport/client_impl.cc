#include "transport/client_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "transport/channel.h"
#include "transport/reasons.h"

namespace worldb::transport {

absl::Status WithDetails(const absl::Status& status, const engine::ErrorDetails& more) {
  engine::ErrorDetails details = engine::DetailsOf(status);
  for (const auto& detail : more) {
    const bool known = std::any_of(details.begin(), details.end(),
                                   [&](const auto& d) { return d.first == detail.first; });
    if (!known) details.push_back(detail);
  }
  return engine::MakeError(status.code(), engine::ReasonOf(status), status.message(), details);
}

std::string CauseOf(const absl::Status& status) {
  const absl::string_view text = status.message();
  for (const absl::string_view cause :
       {"Connection refused", "Connection reset by peer", "Socket closed", "GOAWAY received"}) {
    if (absl::StrContains(text, cause)) return absl::AsciiStrToLower(cause);
  }
  return text.empty() ? std::string(absl::StatusCodeToString(status.code())) : std::string(text);
}

absl::Status AtEndpoint(const absl::Status& status, const std::string& address) {
  engine::ErrorDetails details = {{"endpoint", address}};
  if (engine::ReasonOf(status).empty()) details.emplace_back("cause", CauseOf(status));
  return WithDetails(status, details);
}

bool NeverConnected(const absl::Status& status) {
  return absl::StrContains(status.message(), "failed to connect to all addresses");
}

bool TookNothing(const absl::Status& status) {
  const std::string reason = engine::ReasonOf(status);
  return NeverConnected(status) || reason == engine::reason::kShed ||
         reason == engine::reason::kNoClock || reason == engine::reason::kNodeStopping ||
         reason == reason::kAskAnotherNode;
}

bool MayConnectAgain(const absl::Status& status) {
  return NeverConnected(status) && !absl::StrContains(status.message(), "Connection refused");
}

bool MayTryAnother(const absl::Status& status) {
  const std::string reason = engine::ReasonOf(status);
  if (reason.empty()) {
    // Nobody here cancels, so a cancelled call is a server that went away.
    return absl::IsUnavailable(status) || absl::IsCancelled(status);
  }
  // A node that stops in the middle of a write says OUTCOME_UNKNOWN, and the same op id is safe elsewhere.
  if (reason == engine::reason::kOutcomeUnknown) return absl::IsUnavailable(status);
  return reason == engine::reason::kNodeStopping || reason == engine::reason::kNoClock ||
         reason == reason::kAskAnotherNode;
}

absl::Status BadAnswer(const std::string& endpoint) {
  return engine::MakeError(absl::StatusCode::kInternal, reason::kBadAnswer,
                           "the server's answer makes no sense to this client; versions may differ",
                           {{"endpoint", endpoint}});
}

Client::Impl::Impl(const std::vector<std::string>& endpoints) {
  for (const std::string& address : endpoints) {
    const std::shared_ptr<grpc::Channel> channel = MakeChannel(address);
    endpoints_.push_back({address, channel, v1::KeyValue::NewStub(channel),
                          v1::Tickets::NewStub(channel), v1::Cluster::NewStub(channel),
                          demo::v1::Demo::NewStub(channel)});
  }
}

absl::Status Client::Impl::NoEndpoint(const std::vector<std::string>& causes,
                                      const absl::Status& last) const {
  // One endpoint with something to say of its own says it.
  if (causes.size() == 1 && !engine::ReasonOf(last).empty()) return last;
  return engine::MakeError(
      absl::StatusCode::kUnavailable, reason::kNoEndpoint,
      absl::StrCat("no endpoint answered: ", absl::StrJoin(causes, "; ")),
      {{"endpoint", absl::StrJoin(Addresses(), ",")}, {"cause", absl::StrJoin(causes, "; ")}});
}

absl::Status Client::Impl::NamedTimeout(const absl::Status& status, absl::Duration timeout) {
  if (!absl::IsDeadlineExceeded(status) || !engine::ReasonOf(status).empty()) return status;
  return engine::MakeError(status.code(), reason::kTimeout,
                           absl::StrCat("no answer within ", absl::FormatDuration(timeout)),
                           engine::DetailsOf(status));
}

std::vector<std::string> Client::Impl::Addresses() const {
  std::vector<std::string> addresses;
  for (const Endpoint& endpoint : endpoints_) addresses.push_back(endpoint.address);
  return addresses;
}

}  // namespace worldb::transport
