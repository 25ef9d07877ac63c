// What one server's grpc.health.v1 says: SERVING while its node may stamp, applies the log of its data
// center and hears a majority of its triad, and the endpoint takes connections in; for the server as a
// whole ("") and for each of its services.
//
// The node is asked every kRefreshEvery; one that does not answer within that time is not serving.
// Threads: construction and destruction on one thread, which is not the node's.
#ifndef WORLDB_TRANSPORT_HEALTH_REPORTER_H_
#define WORLDB_TRANSPORT_HEALTH_REPORTER_H_

#include <grpcpp/health_check_service_interface.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/api/node_api.h"
#include "transport/connection_acceptor.h"

namespace worldb::transport {

class HealthReporter {
 public:
  static constexpr absl::Duration kRefreshEvery = absl::Milliseconds(250);

  // Servers made from here on serve grpc.health.v1. Threads: any.
  static void Enable();

  // `node`, `acceptor` and `health` outlive it.
  HealthReporter(engine::NodeApi& node, const ConnectionAcceptor& acceptor,
                 grpc::HealthCheckServiceInterface& health, std::vector<std::string> services);
  // NOT_SERVING, for good.
  ~HealthReporter();
  HealthReporter(const HealthReporter&) = delete;
  HealthReporter& operator=(const HealthReporter&) = delete;

 private:
  void Run();
  // Whether the node is well; false when it does not say so in time.
  bool Ask() ABSL_LOCKS_EXCLUDED(mu_);
  void Publish(bool serving);

  engine::NodeApi& node_;
  const ConnectionAcceptor& acceptor_;
  grpc::HealthCheckServiceInterface& health_;
  const std::vector<std::string> services_;

  Mutex mu_;
  CondVar ending_changed_;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_HEALTH_REPORTER_H_
