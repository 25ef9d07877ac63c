// One node's public endpoint: KeyValue, Tickets and Cluster of worldb.v1 over gRPC, grpc.health.v1, and
// in the demo also worldb.demo.v1 and server reflection.
//
// It binds the loopback interface only: there is no TLS and no access control yet. Connections for which the
// process has too few descriptors are closed at once.
// gRPC's threads copy a request, hand it to the node and return; answers come back from the node's
// executor and are handed to gRPC, with no lock held and nothing awaited.
// Threads: Start and Stop from any one thread that is not gRPC's and not the node's.
#ifndef WORLDB_TRANSPORT_NODE_SERVICE_H_
#define WORLDB_TRANSPORT_NODE_SERVICE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/api/node_api.h"
#include "engine/cell/cell.h"
#include "transport/demo_control.h"

namespace worldb::transport {

class NodeService {
 public:
  struct Options {
    int port = 0;                 // 0: a free one
    DemoControl* demo = nullptr;  // serves worldb.demo.v1 if set; outlives the service
    bool reflection = false;      // tells whoever asks which services and messages there are
  };
  // Listens on 127.0.0.1. `node` outlives the service. Unavailable when the port cannot be had.
  static absl::StatusOr<std::unique_ptr<NodeService>> Start(
      engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell, NodeIndex index,
      const Options& options);
  // Stops.
  ~NodeService();
  NodeService(const NodeService&) = delete;
  NodeService& operator=(const NodeService&) = delete;

  int port() const;
  // Says NOT_SERVING to health checks, refuses connections from here on, gives calls in flight `grace` to
  // end, then ends them as NODE_STOPPING. May be called twice.
  void Stop(absl::Duration grace);

 private:
  class Impl;
  explicit NodeService(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_NODE_SERVICE_H_
