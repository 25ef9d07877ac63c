#include "transport/channel.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "transport/limits.h"

namespace worldb::transport {
namespace {

// No name but localhost: any other is looked up, and leads where somebody else says.
bool IsThisMachine(const std::string& host) {
  if (host == "localhost" || host == "[::1]") return true;
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

absl::Status CheckEndpoint(absl::string_view endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(endpoint.substr(colon + 1), &port) ||
      port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("endpoint \"", endpoint, "\": expected HOST:PORT"));
  }
  if (!IsThisMachine(std::string(endpoint.substr(0, colon)))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "endpoint \"", endpoint, "\": only this machine (127.0.0.1, localhost, [::1]) until ",
        "there is TLS; values would cross the network in the clear"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckEndpoints(const std::vector<std::string>& endpoints) {
  if (endpoints.empty()) return absl::InvalidArgumentError("no endpoint given");
  for (const std::string& endpoint : endpoints) WORLDB_RETURN_IF_ERROR(CheckEndpoint(endpoint));
  return absl::OkStatus();
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(-1);
  // A proxy named by the environment is not for this machine's own ports.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  // Retries are ours: only we know that the op id makes them safe.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // In spite of its name, how long one attempt to connect may take: a busy server needs its time. A
  // refused one still fails at once, and the next follows after the backoff.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace worldb::transport
