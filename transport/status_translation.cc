#include "transport/status_translation.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/cell/errors.h"
#include "transport/reasons.h"
#include "worldb/rpc/v1/errors.pb.h"

namespace worldb::transport {
namespace {

constexpr std::size_t kMessageBytesMax = 1024;
constexpr std::size_t kDetailBytesMax = 512;
constexpr std::size_t kDetailCountMax = 16;

std::string Cut(absl::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  return absl::StrCat(text.substr(0, bytes_max - 3), "...");
}

// Status details may hold any bytes, protobuf strings only UTF-8.
std::string Ascii(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c != '\n' && (c < ' ' || c > '~'); }, '?');
  return text;
}

// The published name of a message we declare under our own.
template <typename Message>
void Pack(const char* published_name, const Message& message, rpc::v1::Status& out) {
  google::protobuf::Any& any = *out.add_details();
  any.set_type_url(absl::StrCat("type.googleapis.com/google.rpc.", published_name));
  any.set_value(message.SerializeAsString());
}

const char* BadFieldOf(absl::string_view reason) {
  if (reason == engine::reason::kBadKey) return "key";
  if (reason == engine::reason::kValueTooLarge) return "value";
  if (reason == engine::reason::kBadOpId) return "op_id";
  if (reason == engine::reason::kBadTicket) return "ticket";
  if (reason == engine::reason::kBadScript) return "script";
  if (reason == engine::reason::kBadPageToken) return "page_token";
  if (reason == engine::reason::kBadResumeToken) return "resume_token";
  return nullptr;
}

// Nullopt where the same call at the same node will not do better.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status, absl::string_view reason) {
  if (reason == reason::kAskAnotherNode) return std::nullopt;
  if (reason == engine::reason::kNoClock) return absl::Milliseconds(200);
  if (reason == engine::reason::kShed) return absl::Milliseconds(200);
  if (reason == engine::reason::kNodeStopping) return absl::Milliseconds(100);
  if (reason == reason::kNotRead) return absl::Milliseconds(100);
  if (absl::IsUnavailable(status)) return absl::Seconds(1);
  return std::nullopt;
}

}  // namespace

rpc::v1::Status ToRpcStatus(const absl::Status& status) {
  const std::string message = Ascii(Cut(status.message(), kMessageBytesMax));
  std::string reason = engine::ReasonOf(status);
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());

  rpc::v1::Status details;
  details.set_code(status.raw_code());
  details.set_message(message);
  rpc::v1::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(kErrorDomain);
  std::size_t count = 0;
  std::string field;
  std::string ticket;
  for (const auto& [name, value] : engine::DetailsOf(status)) {
    if (name == "field") field = value;
    if (name == "ticket") ticket = value;
    if (++count > kDetailCountMax) break;
    (*info.mutable_metadata())[Ascii(name)] = Ascii(Cut(value, kDetailBytesMax));
  }
  Pack("ErrorInfo", info, details);
  if (const char* known = BadFieldOf(reason); known != nullptr && field.empty()) field = known;
  if (!field.empty()) {
    rpc::v1::BadRequest bad;
    rpc::v1::BadRequest::FieldViolation& violation = *bad.add_field_violations();
    violation.set_field(Ascii(field));
    violation.set_description(message);
    Pack("BadRequest", bad, details);
  }
  if (reason == engine::reason::kToleranceNotReached) {
    rpc::v1::PreconditionFailure failure;
    rpc::v1::PreconditionFailure::Violation& violation = *failure.add_violations();
    violation.set_type(reason);
    violation.set_subject(Ascii(ticket));
    violation.set_description(message);
    Pack("PreconditionFailure", failure, details);
  }
  if (const auto delay = RetryDelayOf(status, reason); delay.has_value()) {
    rpc::v1::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(*delay));
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int>(absl::ToInt64Nanoseconds(*delay % absl::Seconds(1))));
    Pack("RetryInfo", retry, details);
  }
  return details;
}

absl::Status FromRpcStatus(const rpc::v1::Status& status) {
  const auto code = static_cast<absl::StatusCode>(status.code());
  for (const google::protobuf::Any& any : status.details()) {
    rpc::v1::ErrorInfo info;
    if (any.type_url() != "type.googleapis.com/google.rpc.ErrorInfo" ||
        !info.ParseFromString(any.value()) || info.domain() != kErrorDomain) {
      continue;
    }
    if (info.reason() == absl::StatusCodeToString(code)) break;  // there was no reason
    engine::ErrorDetails named(info.metadata().begin(), info.metadata().end());
    std::sort(named.begin(), named.end());
    return engine::MakeError(code, info.reason(), status.message(), named);
  }
  return absl::Status(code, status.message());
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const rpc::v1::Status all = ToRpcStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(all.code()), all.message(),
                      all.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  rpc::v1::Status all;
  if (status.error_details().empty() || !all.ParseFromString(status.error_details())) all.Clear();
  // gRPC's own word counts; what came with it may be anybody's.
  all.set_code(static_cast<int>(status.error_code()));
  all.set_message(status.error_message());
  return FromRpcStatus(all);
}

}  // namespace worldb::transport
