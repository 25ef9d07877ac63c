#include "transport/client.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/errors.h"
#include "transport/channel.h"
#include "transport/grpc_log.h"
#include "transport/limits.h"
#include "transport/public_messages.h"
#include "transport/reasons.h"
#include "transport/status_translation.h"
#include "worldb/demo/v1/demo.grpc.pb.h"
#include "worldb/v1/cluster.grpc.pb.h"
#include "worldb/v1/key_value.grpc.pb.h"
#include "worldb/v1/tickets.grpc.pb.h"

namespace worldb::transport {
namespace {

// `status` with more details; those it has already stay.
absl::Status WithDetails(const absl::Status& status, const engine::ErrorDetails& more) {
  engine::ErrorDetails details = engine::DetailsOf(status);
  for (const auto& detail : more) {
    const bool known = std::any_of(details.begin(), details.end(),
                                   [&](const auto& d) { return d.first == detail.first; });
    if (!known) details.push_back(detail);
  }
  return engine::MakeError(status.code(), engine::ReasonOf(status), status.message(), details);
}

// What gRPC says about a connection, without its wrapping.
std::string CauseOf(const absl::Status& status) {
  const absl::string_view text = status.message();
  for (const absl::string_view cause :
       {"Connection refused", "Connection reset by peer", "Socket closed", "GOAWAY received"}) {
    if (absl::StrContains(text, cause)) return absl::AsciiStrToLower(cause);
  }
  return text.empty() ? std::string(absl::StatusCodeToString(status.code())) : std::string(text);
}

// `status` of a call to `address`: who failed and, where the server has not said why, how.
absl::Status AtEndpoint(const absl::Status& status, const std::string& address) {
  engine::ErrorDetails details = {{"endpoint", address}};
  if (engine::ReasonOf(status).empty()) details.emplace_back("cause", CauseOf(status));
  return WithDetails(status, details);
}

// The request cannot have reached the server.
bool NeverConnected(const absl::Status& status) {
  return absl::StrContains(status.message(), "failed to connect to all addresses");
}

// Another endpoint may do better, and this one has done nothing that counts.
bool MayTryAnother(const absl::Status& status) {
  const std::string reason = engine::ReasonOf(status);
  if (reason.empty()) {
    // Nobody here cancels, so a cancelled call is a server that went away.
    return absl::IsUnavailable(status) || absl::IsCancelled(status);
  }
  return reason == engine::reason::kNodeStopping || reason == engine::reason::kNoClock ||
         reason == reason::kAskAnotherNode;
}

}  // namespace

class Client::Impl {
 public:
  struct Endpoint {
    std::string address;
    std::unique_ptr<v1::KeyValue::Stub> key_value;
    std::unique_ptr<v1::Tickets::Stub> tickets;
    std::unique_ptr<v1::Cluster::Stub> cluster;
    std::unique_ptr<demo::v1::Demo::Stub> demo;
  };

  explicit Impl(const std::vector<std::string>& endpoints) {
    for (const std::string& address : endpoints) {
      const std::shared_ptr<grpc::Channel> channel = MakeChannel(address);
      endpoints_.push_back({address, v1::KeyValue::NewStub(channel), v1::Tickets::NewStub(channel),
                            v1::Cluster::NewStub(channel), demo::v1::Demo::NewStub(channel)});
    }
  }

  Endpoint& endpoint(std::size_t index) { return endpoints_[index]; }

  struct Progress {
    bool heard = false;            // something came back: no second try
    bool maybe_delivered = false;  // some server may have taken the request
  };

  // Runs `try_once(endpoint, context, tries_before)` on one endpoint after the other until one gives
  // an answer that counts.
  template <typename TryOnce>
  absl::Status Call(absl::Duration timeout, Progress& progress, TryOnce try_once) {
    const absl::Time deadline = absl::Now() + timeout;
    std::vector<std::string> causes;
    absl::Status status;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      status = FromGrpcStatus(try_once(endpoints_[i], context, static_cast<std::uint32_t>(i)));
      if (status.ok()) return status;
      status = AtEndpoint(status, endpoints_[i].address);
      progress.maybe_delivered |= !NeverConnected(status);
      if (progress.heard || !MayTryAnother(status)) return NamedTimeout(status, timeout);
      causes.push_back(absl::StrCat(endpoints_[i].address, ": ", CauseOf(status)));
    }
    // One endpoint with something to say of its own says it.
    if (causes.size() == 1 && !engine::ReasonOf(status).empty()) return status;
    return engine::MakeError(
        absl::StatusCode::kUnavailable, reason::kNoEndpoint,
        absl::StrCat("no endpoint answered: ", absl::StrJoin(causes, "; ")),
        {{"endpoint", absl::StrJoin(Addresses(), ",")}, {"cause", absl::StrJoin(causes, "; ")}});
  }

 private:
  static absl::Status NamedTimeout(const absl::Status& status, absl::Duration timeout) {
    if (!absl::IsDeadlineExceeded(status) || !engine::ReasonOf(status).empty()) return status;
    return engine::MakeError(status.code(), reason::kTimeout,
                             absl::StrCat("no answer within ", absl::FormatDuration(timeout)),
                             engine::DetailsOf(status));
  }

  std::vector<std::string> Addresses() const {
    std::vector<std::string> addresses;
    for (const Endpoint& endpoint : endpoints_) addresses.push_back(endpoint.address);
    return addresses;
  }

  std::vector<Endpoint> endpoints_;
};

Client::Client(std::vector<std::string> endpoints, std::unique_ptr<Impl> impl)
    : endpoints_(std::move(endpoints)), impl_(std::move(impl)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Create(std::vector<std::string> endpoints) {
  WORLDB_RETURN_IF_ERROR(CheckEndpoints(endpoints));
  QuietGrpc();
  auto impl = std::make_unique<Impl>(endpoints);
  return std::unique_ptr<Client>(new Client(std::move(endpoints), std::move(impl)));
}

namespace {

void FillSetRequest(ByteSpan key, ByteSpan value, const SetOptions& options, v1::SetRequest& out) {
  out.set_key(key.data(), key.size());
  out.set_value(value.data(), value.size());
  out.set_op_id(options.op.bytes.data(), options.op.bytes.size());
  if (options.base.kind == arbiter::Base::Kind::kVersion) {
    out.set_base_version(options.base.version.value());
  } else if (options.base.kind == arbiter::Base::Kind::kAbsent) {
    out.mutable_base_absent();
  }
  out.set_seen(options.seen.value());
  if (options.content_tag.has_value()) {
    out.set_content_tag(options.content_tag->bytes.data(), options.content_tag->bytes.size());
  }
  out.set_until(LevelToWire(options.until));
}

// False when the server said something this build does not understand.
bool Note(const std::optional<SetEvent>& event, SetResult& result) {
  if (!event.has_value()) return false;
  if (const auto* accepted = std::get_if<Accepted>(&*event)) result.accepted = *accepted;
  if (const auto* decision = std::get_if<Decision>(&*event)) result.decision = *decision;
  if (const auto* level = std::get_if<LevelReached>(&*event)) result.level = *level;
  return true;
}

// What a failed Set means: without a reason of the server's own, nobody knows how it ends.
absl::Status SetError(const absl::Status& status, const SetResult& result, bool maybe_delivered) {
  engine::ErrorDetails details = {{"op_id", arbiter::FormatOpId(result.op)}};
  if (result.accepted.has_value()) details.emplace_back("ticket", result.accepted->ticket);
  const absl::Status named = WithDetails(status, details);
  const std::string reason = engine::ReasonOf(status);
  const bool unknown = reason.empty() || reason == reason::kTimeout ||
                       reason == reason::kNoEndpoint || reason == engine::reason::kNodeStopping;
  const bool told = !absl::IsUnavailable(status) && !absl::IsCancelled(status) &&
                    !absl::IsDeadlineExceeded(status) && !absl::IsUnknown(status);
  if (!unknown || told || !maybe_delivered) return named;
  const auto code = absl::IsDeadlineExceeded(status) ? absl::StatusCode::kDeadlineExceeded
                                                     : absl::StatusCode::kUnavailable;
  return engine::MakeError(code, engine::reason::kOutcomeUnknown, status.message(),
                           engine::DetailsOf(named));
}

absl::Status BadAnswer(const std::string& endpoint) {
  return engine::MakeError(absl::StatusCode::kInternal, reason::kBadAnswer,
                           "the server's answer makes no sense to this client; versions may differ",
                           {{"endpoint", endpoint}});
}

}  // namespace

absl::StatusOr<SetResult> Client::Set(ByteSpan key, ByteSpan value, const SetOptions& options,
                                      const std::function<void(const SetEvent&)>& on_event) {
  SetResult result;
  result.op = options.op;
  // What would not even reach the node that refuses it.
  if (key.size() + value.size() + 1024 > static_cast<std::size_t>(kMessageBytesMax)) {
    const bool key_at_fault = key.size() > cryptoscatter::kKeyNameBytesMax;
    return engine::MakeError(
        absl::StatusCode::kInvalidArgument,
        key_at_fault ? engine::reason::kBadKey : engine::reason::kValueTooLarge,
        key_at_fault ? absl::StrCat("key of ", key.size(), " bytes; at most ",
                                    cryptoscatter::kKeyNameBytesMax)
                     : absl::StrCat("value of ", value.size(), " bytes; at most ",
                                    cryptoscatter::kValueBytesMax));
  }
  v1::SetRequest request;
  FillSetRequest(key, value, options, request);
  Impl::Progress progress;
  bool understood = true;
  const absl::Status status = impl_->Call(
      options.timeout, progress,
      [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, std::uint32_t tries_before) {
        result.endpoint = endpoint.address;
        request.set_attempt(options.attempt + tries_before);
        const auto stream = endpoint.key_value->Set(&context, request);
        v1::SetEvent event;
        while (stream->Read(&event)) {
          progress.heard = true;
          const std::optional<SetEvent> translated = SetEventFromWire(event);
          understood &= Note(translated, result);
          if (translated.has_value() && on_event) on_event(*translated);
        }
        return stream->Finish();
      });
  WipeString(*request.mutable_value());
  if (!status.ok()) return SetError(status, result, progress.maybe_delivered);
  const bool complete = options.until == arbiter::Level::kAccepted
                            ? result.accepted.has_value() || result.decision.has_value()
                            : result.decision.has_value();
  if (!understood || !complete) return BadAnswer(result.endpoint);
  return result;
}

absl::StatusOr<GetResult> Client::Get(ByteSpan key, engine::ReadMode mode, Version version,
                                      absl::Duration timeout) {
  v1::GetRequest request;
  request.set_key(key.data(), key.size());
  request.set_mode(mode == engine::ReadMode::kSurviving ? v1::READ_MODE_SURVIVING
                   : mode == engine::ReadMode::kVersion ? v1::READ_MODE_VERSION
                                                        : v1::READ_MODE_LATEST);
  request.set_version(version.value());
  GetResult result;
  v1::GetResponse response;
  Impl::Progress progress;
  WORLDB_RETURN_IF_ERROR(
      impl_->Call(timeout, progress,
                  [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, std::uint32_t) {
                    result.endpoint = endpoint.address;
                    return endpoint.key_value->Get(&context, request, &response);
                  }));
  if (!GetResultFromWire(response, result)) return BadAnswer(result.endpoint);
  return result;
}

absl::StatusOr<TicketResult> Client::TicketGet(const std::string& ticket, absl::Duration timeout) {
  v1::GetTicketRequest request;
  // Protobuf strings are UTF-8; anything else is no ticket, and the node says so of a mangled one.
  request.set_ticket(absl::CEscape(ticket));
  TicketResult result;
  v1::Ticket response;
  Impl::Progress progress;
  WORLDB_RETURN_IF_ERROR(
      impl_->Call(timeout, progress,
                  [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, std::uint32_t) {
                    result.endpoint = endpoint.address;
                    return endpoint.tickets->Get(&context, request, &response);
                  }));
  if (!TicketFromWire(response, result)) return BadAnswer(result.endpoint);
  return result;
}

absl::StatusOr<NodeResult> Client::Status(std::size_t endpoint_index, absl::Duration timeout) {
  Impl::Endpoint& endpoint = impl_->endpoint(endpoint_index);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  v1::StatusResponse response;
  const absl::Status status =
      FromGrpcStatus(endpoint.cluster->Status(&context, v1::StatusRequest(), &response));
  if (!status.ok()) {
    return AtEndpoint(status, endpoint.address);
  }
  NodeResult result = NodeResultFromWire(response);
  result.endpoint = endpoint.address;
  return result;
}

absl::StatusOr<bool> Client::StopNode(const std::string& node, absl::Duration timeout) {
  demo::v1::StopNodeRequest request;
  request.set_node(absl::CEscape(node));
  demo::v1::StopNodeResponse response;
  Impl::Progress progress;
  WORLDB_RETURN_IF_ERROR(
      impl_->Call(timeout, progress,
                  [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, std::uint32_t) {
                    return endpoint.demo->StopNode(&context, request, &response);
                  }));
  return response.changed();
}

absl::StatusOr<bool> Client::StartNode(const std::string& node, absl::Duration timeout) {
  demo::v1::StartNodeRequest request;
  request.set_node(absl::CEscape(node));
  demo::v1::StartNodeResponse response;
  Impl::Progress progress;
  WORLDB_RETURN_IF_ERROR(
      impl_->Call(timeout, progress,
                  [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, std::uint32_t) {
                    return endpoint.demo->StartNode(&context, request, &response);
                  }));
  return response.changed();
}

}  // namespace worldb::transport
