// absl::Status to grpc::Status and back: the one place where they meet.
//
// The reason and details of engine/cell/errors.h travel as google.rpc.ErrorInfo (domain "worldb"); an error
// without a reason is sent under the name of its code. A bad field also travels as BadRequest, a level
// not reached as PreconditionFailure, and where the same call may be tried again, RetryInfo says when.
// Long texts are cut so that the trailing metadata stays within what every client accepts.
// Threads: pure functions.
#ifndef WORLDB_TRANSPORT_STATUS_TRANSLATION_H_
#define WORLDB_TRANSPORT_STATUS_TRANSLATION_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "worldb/rpc/v1/errors.pb.h"

namespace worldb::transport {

inline constexpr char kErrorDomain[] = "worldb";

// google.rpc.Status, with all of that; of an error.
rpc::v1::Status ToRpcStatus(const absl::Status& status);
absl::Status FromRpcStatus(const rpc::v1::Status& status);

grpc::Status ToGrpcStatus(const absl::Status& status);
// Details come back in order of their names. A reason of another domain is ignored.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_STATUS_TRANSLATION_H_
