// gRPC's own log lines.
#ifndef WORLDB_TRANSPORT_GRPC_LOG_H_
#define WORLDB_TRANSPORT_GRPC_LOG_H_

namespace worldb::transport {

// What gRPC would print (a port in use, a lost connection) comes back as a status; printed as well, it
// only puzzles people. GRPC_VERBOSITY in the environment brings the lines back. Threads: any.
void QuietGrpc();

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_GRPC_LOG_H_
