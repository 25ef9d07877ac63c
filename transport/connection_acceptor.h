// The listening socket of one endpoint, on 127.0.0.1: takes connections in and hands them on.
//
// gRPC 1.51 never accepts again on a socket once accept() failed for want of descriptors, and stores need
// descriptors, too. So connections are accepted here, and one that would take a descriptor from the reserve of
// the process is closed at once: its client hears so and goes elsewhere.
// Threads: Listen, Start, Stop and the destructor from one thread; HasRoom from any.
#ifndef WORLDB_TRANSPORT_CONNECTION_ACCEPTOR_H_
#define WORLDB_TRANSPORT_CONNECTION_ACCEPTOR_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/mutex.h"

namespace worldb::transport {

class ConnectionAcceptor {
 public:
  // Of the descriptors the process may have, connections leave a quarter to the rest of it, at most this.
  static constexpr int kReserveMax = 1024;
  static constexpr absl::Duration kTryAgainAfter = absl::Milliseconds(100);

  // Takes a connected socket over. On the acceptor's thread.
  using Taker = std::function<void(int socket)>;

  // Listens; nothing is taken in yet. `port` 0: a free one. Unavailable when the port cannot be had.
  static absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> Listen(int port);
  // Stops.
  ~ConnectionAcceptor();
  ConnectionAcceptor(const ConnectionAcceptor&) = delete;
  ConnectionAcceptor& operator=(const ConnectionAcceptor&) = delete;

  // At most once.
  void Start(Taker taker);
  // Refuses connections from here on; the taker is not called any more. May be called twice.
  void Stop();

  int port() const { return port_; }
  // Whether a connection that came now would be taken in.
  bool HasRoom() const;

 private:
  ConnectionAcceptor(int listener, int port);
  void Run(const Taker& taker);
  // True at once when it is ending, else false after kTryAgainAfter.
  bool EndsWithinPause() ABSL_LOCKS_EXCLUDED(mu_);

  int listener_;  // -1 once stopped
  const int port_;
  const int ceiling_;  // the first number of a descriptor that is not for a connection

  Mutex mu_;
  CondVar ending_changed_;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_CONNECTION_ACCEPTOR_H_
