#include "transport/client.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/errors.h"
#include "transport/channel.h"
#include "transport/client_impl.h"
#include "transport/grpc_log.h"
#include "transport/limits.h"
#include "transport/message_fields.h"
#include "transport/public_messages.h"
#include "transport/reasons.h"

namespace worldb::transport {

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

// What a Set and a Delete have in common.
template <typename Request>
void FillWrite(ByteSpan key, const SetOptions& options, Request& out) {
  out.set_key(key.data(), key.size());
  out.set_op_id(options.op.bytes.data(), options.op.bytes.size());
  if (options.base.kind == arbiter::Base::Kind::kVersion) {
    out.set_base_version(options.base.version.value());
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

// What a failed Set means: without a reason of the server's own, nobody knows how it ends. Nor when the last
// server asked took nothing, and one before it may have.
absl::Status SetError(const absl::Status& status, const SetResult& result, bool maybe_delivered) {
  engine::ErrorDetails details = {{"op_id", arbiter::FormatOpId(result.op)}};
  if (result.accepted.has_value()) details.emplace_back("ticket", result.accepted->ticket);
  const absl::Status named = WithDetails(status, details);
  const std::string reason = engine::ReasonOf(status);
  const bool silent =
      (reason.empty() || reason == reason::kTimeout || reason == reason::kNoEndpoint) &&
      (absl::IsUnavailable(status) || absl::IsCancelled(status) ||
       absl::IsDeadlineExceeded(status) || absl::IsUnknown(status));
  if (!maybe_delivered || !(silent || TookNothing(status))) return named;
  const auto code = absl::IsDeadlineExceeded(status) ? absl::StatusCode::kDeadlineExceeded
                                                     : absl::StatusCode::kUnavailable;
  return engine::MakeError(code, engine::reason::kOutcomeUnknown, status.message(),
                           engine::DetailsOf(named));
}

// Refuses what would not even reach the node that refuses it.
absl::Status CheckSize(ByteSpan key, ByteSpan value) {
  if (key.size() + value.size() + 1024 <= static_cast<std::size_t>(kMessageBytesMax)) {
    return absl::OkStatus();
  }
  const bool key_at_fault = key.size() > cryptoscatter::kKeyNameBytesMax;
  return engine::MakeError(
      absl::StatusCode::kInvalidArgument,
      key_at_fault ? engine::reason::kBadKey : engine::reason::kValueTooLarge,
      key_at_fault
          ? absl::StrCat("key of ", key.size(), " bytes; at most ", cryptoscatter::kKeyNameBytesMax)
          : absl::StrCat("value of ", value.size(), " bytes; at most ",
                         cryptoscatter::kValueBytesMax));
}

}  // namespace

template <typename Open>
absl::StatusOr<SetResult> Client::Write(const SetOptions& options,
                                        const std::function<void(const SetEvent&)>& on_event,
                                        Open open) {
  SetResult result;
  result.op = options.op;
  Impl::Progress progress;
  bool understood = true;
  const absl::Status status = impl_->Call(
      options.timeout, progress,
      [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, std::uint32_t tries_before) {
        result.endpoint = endpoint.address;
        const auto stream = open(*endpoint.key_value, context, options.attempt + tries_before);
        v1::SetEvent event;
        while (stream->Read(&event)) {
          progress.heard = true;
          const std::optional<SetEvent> translated = SetEventFromWire(event);
          understood &= Note(translated, result);
          if (translated.has_value() && on_event) on_event(*translated);
        }
        return stream->Finish();
      });
  if (!status.ok()) return SetError(status, result, progress.maybe_delivered);
  const bool complete = options.until == arbiter::Level::kAccepted
                            ? result.accepted.has_value() || result.decision.has_value()
                            : result.decision.has_value();
  if (!understood || !complete) return BadAnswer(result.endpoint);
  return result;
}

absl::StatusOr<SetResult> Client::Set(ByteSpan key, ByteSpan value, const SetOptions& options,
                                      const std::function<void(const SetEvent&)>& on_event) {
  WORLDB_RETURN_IF_ERROR(CheckSize(key, value));
  v1::SetRequest request;
  FillWrite(key, options, request);
  request.set_value(value.data(), value.size());
  if (options.base.kind == arbiter::Base::Kind::kAbsent) request.mutable_base_absent();
  request.set_script(absl::CEscape(options.script));  // any bytes, so that the node can refuse them
  absl::StatusOr<SetResult> result =
      Write(options, on_event,
            [&](v1::KeyValue::Stub& stub, grpc::ClientContext& context, std::uint32_t attempt) {
              request.set_attempt(attempt);
              return stub.Set(&context, request);
            });
  WipeString(*request.mutable_value());
  return result;
}

absl::StatusOr<SetResult> Client::Delete(ByteSpan key, const SetOptions& options,
                                         const std::function<void(const SetEvent&)>& on_event) {
  WORLDB_RETURN_IF_ERROR(CheckSize(key, {}));
  if (options.base.kind == arbiter::Base::Kind::kAbsent) {
    return engine::MakeError(absl::StatusCode::kInvalidArgument, reason::kBadRequest,
                             "base: what is absent cannot be deleted; name a version, or none",
                             {{"field", "base"}});
  }
  v1::DeleteRequest request;
  FillWrite(key, options, request);
  return Write(options, on_event,
               [&](v1::KeyValue::Stub& stub, grpc::ClientContext& context, std::uint32_t attempt) {
                 request.set_attempt(attempt);
                 return stub.Delete(&context, request);
               });
}

absl::StatusOr<GetResult> Client::Get(ByteSpan key, engine::ReadMode mode, Version version,
                                      absl::Duration timeout) {
  v1::GetRequest request;
  request.set_key(key.data(), key.size());
  request.set_mode(mode == engine::ReadMode::kSurviving ? v1::READ_MODE_SURVIVING
                   : mode == engine::ReadMode::kVersion ? v1::READ_MODE_VERSION
                                                        : v1::READ_MODE_LATEST);
  request.set_version(version.value());
  return impl_->Ask<GetResult, v1::GetResponse>(
      timeout,
      [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, v1::GetResponse& response) {
        return endpoint.key_value->Get(&context, request, &response);
      },
      GetResultFromWire);
}

absl::StatusOr<TicketResult> Client::TicketGet(const std::string& ticket, absl::Duration timeout) {
  v1::GetTicketRequest request;
  // Protobuf strings are UTF-8; anything else is no ticket, and the node says so of a mangled one.
  request.set_ticket(absl::CEscape(ticket));
  return impl_->Ask<TicketResult, v1::Ticket>(
      timeout,
      [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, v1::Ticket& response) {
        return endpoint.tickets->Get(&context, request, &response);
      },
      TicketFromWire);
}

absl::StatusOr<TicketResult> Client::TicketWait(const std::string& ticket, arbiter::Level until,
                                                absl::Duration timeout) {
  v1::WaitTicketRequest request;
  request.set_ticket(absl::CEscape(ticket));
  request.set_until(LevelToWire(until));
  return impl_->Ask<TicketResult, v1::Ticket>(
      timeout,
      [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, v1::Ticket& response) {
        return endpoint.tickets->Wait(&context, request, &response);
      },
      TicketFromWire);
}

absl::StatusOr<std::string> Client::Locate(ByteSpan key, absl::Duration timeout) {
  v1::LocateRequest request;
  request.set_key(key.data(), key.size());
  v1::LocateResponse response;
  Impl::Progress progress;
  WORLDB_RETURN_IF_ERROR(
      impl_->Call(timeout, progress,
                  [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, std::uint32_t) {
                    return endpoint.cluster->Locate(&context, request, &response);
                  }));
  return response.home_data_center();
}

absl::StatusOr<NodeResult> Client::Status(std::size_t endpoint_index, absl::Duration timeout) {
  Impl::Endpoint& endpoint = impl_->endpoint(endpoint_index);
  v1::StatusResponse response;
  const absl::Status status =
      Impl::CallOne(endpoint, absl::Now() + timeout, [&](grpc::ClientContext& context) {
        return endpoint.cluster->Status(&context, v1::StatusRequest(), &response);
      });
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

absl::StatusOr<bool> Client::StartNode(const std::string& node, bool new_disk,
                                       absl::Duration timeout) {
  demo::v1::StartNodeRequest request;
  request.set_new_disk(new_disk);
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
