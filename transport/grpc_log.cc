#include "transport/grpc_log.h"

#include <grpc/support/log.h>

#include <cstdlib>

namespace worldb::transport {

void QuietGrpc() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
}

}  // namespace worldb::transport
