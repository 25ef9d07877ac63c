// What the files of the client share: its endpoints, and how a call goes from one to the next.
#ifndef WORLDB_TRANSPORT_CLIENT_IMPL_H_
#define WORLDB_TRANSPORT_CLIENT_IMPL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/cell/errors.h"
#include "transport/client.h"
#include "transport/status_translation.h"
#include "worldb/demo/v1/demo.grpc.pb.h"
#include "worldb/v1/cluster.grpc.pb.h"
#include "worldb/v1/key_value.grpc.pb.h"
#include "worldb/v1/tickets.grpc.pb.h"

namespace worldb::transport {

// `status` with more details; those it has already stay.
absl::Status WithDetails(const absl::Status& status, const engine::ErrorDetails& more);
// What gRPC says about a connection, without its wrapping.
std::string CauseOf(const absl::Status& status);
// `status` of a call to `address`: who failed and, where the server has not said why, how.
absl::Status AtEndpoint(const absl::Status& status, const std::string& address);
// The request cannot have reached the server.
bool NeverConnected(const absl::Status& status);
// Nor has it put anything on record: it was not reached, or refused the request in its own name.
bool TookNothing(const absl::Status& status);
// It did not, though nobody refused the connection: what failed may have been a moment's matter.
bool MayConnectAgain(const absl::Status& status);
// Another endpoint may do better, and this one has done nothing that counts.
bool MayTryAnother(const absl::Status& status);
absl::Status BadAnswer(const std::string& endpoint);

class Client::Impl {
 public:
  static constexpr absl::Duration kConnectAgainTimeMax = absl::Seconds(1);

  struct Endpoint {
    std::string address;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::KeyValue::Stub> key_value;
    std::unique_ptr<v1::Tickets::Stub> tickets;
    std::unique_ptr<v1::Cluster::Stub> cluster;
    std::unique_ptr<demo::v1::Demo::Stub> demo;
  };

  explicit Impl(const std::vector<std::string>& endpoints);

  Endpoint& endpoint(std::size_t index) { return endpoints_[index]; }
  std::size_t endpoint_count() const { return endpoints_.size(); }

  struct Progress {
    bool heard = false;            // something came back: no second try
    bool maybe_delivered = false;  // some server may have taken the request
  };

  // Runs `try_once(context)`, and once more when the endpoint is connected after all.
  template <typename TryOnce>
  static absl::Status CallOne(Endpoint& endpoint, absl::Time deadline, TryOnce try_once) {
    for (bool again = false;; again = true) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      const absl::Status status = FromGrpcStatus(try_once(context));
      if (again || !MayConnectAgain(status)) return status;
      const absl::Time patience = std::min(deadline, absl::Now() + kConnectAgainTimeMax);
      if (!endpoint.channel->WaitForConnected(absl::ToChronoTime(patience))) return status;
    }
  }

  // Runs `try_once(endpoint, context, tries_before)` on one endpoint after the other until one gives
  // an answer that counts.
  template <typename TryOnce>
  absl::Status Call(absl::Duration timeout, Progress& progress, TryOnce try_once) {
    const absl::Time deadline = absl::Now() + timeout;
    std::vector<std::string> causes;
    absl::Status status;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      status = CallOne(endpoints_[i], deadline, [&](grpc::ClientContext& context) {
        return try_once(endpoints_[i], context, static_cast<std::uint32_t>(i));
      });
      if (status.ok()) return status;
      status = AtEndpoint(status, endpoints_[i].address);
      progress.maybe_delivered |= !TookNothing(status);
      if (progress.heard || !MayTryAnother(status)) return NamedTimeout(status, timeout);
      causes.push_back(endpoints_[i].address + ": " + CauseOf(status));
    }
    return NoEndpoint(causes, status);
  }

  // One question with one answer. `put(endpoint, context, response)` asks one endpoint;
  // `read(response, result)` is false for an answer that makes no sense.
  template <typename Result, typename Response, typename Put, typename Read>
  absl::StatusOr<Result> Ask(absl::Duration timeout, Put put, Read read) {
    Result result;
    Response response;
    Progress progress;
    const absl::Status status = Call(
        timeout, progress, [&](Endpoint& endpoint, grpc::ClientContext& context, std::uint32_t) {
          result.endpoint = endpoint.address;
          return put(endpoint, context, response);
        });
    if (!status.ok()) return status;
    if (!read(response, result)) return BadAnswer(result.endpoint);
    return result;
  }

  // TIMEOUT where gRPC alone said that the time is up.
  static absl::Status NamedTimeout(const absl::Status& status, absl::Duration timeout);
  // None of them answered; `causes` says of each why, `last` is what the last one said.
  absl::Status NoEndpoint(const std::vector<std::string>& causes, const absl::Status& last) const;

 private:
  std::vector<std::string> Addresses() const;

  std::vector<Endpoint> endpoints_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_CLIENT_IMPL_H_
