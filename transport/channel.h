// Channels to the nodes of a cell, set up alike for every client.
//
// Threads: any.
#ifndef WORLDB_TRANSPORT_CHANNEL_H_
#define WORLDB_TRANSPORT_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace worldb::transport {

// OK for at least one HOST:PORT, all of this machine: there is no TLS yet. InvalidArgument names the
// one at fault.
absl::Status CheckEndpoints(const std::vector<std::string>& endpoints);
// Connects with the first call. REQUIRES: a checked endpoint.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& endpoint);

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_CHANNEL_H_
