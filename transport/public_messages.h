// The words of worldb.v1 from and to our own.
//
// Threads: pure functions.
#ifndef WORLDB_TRANSPORT_PUBLIC_MESSAGES_H_
#define WORLDB_TRANSPORT_PUBLIC_MESSAGES_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/node_set.h"
#include "engine/cell.h"
#include "engine/node_api.h"
#include "transport/client_types.h"
#include "worldb/v1/cluster.pb.h"
#include "worldb/v1/key_value.pb.h"
#include "worldb/v1/tickets.pb.h"
#include "worldb/v1/types.pb.h"

namespace worldb::transport {

// Overwrites the bytes of a value that passed through a protobuf field, best effort: copies that
// protobuf and gRPC made on the way are out of reach.
void WipeString(std::string& text);

// -- server side: names instead of indices

v1::Level LevelToWire(arbiter::Level level);
v1::SetEvent SetEventToWire(const engine::SetAccepted& accepted, const engine::Cell& cell);
v1::SetEvent SetEventToWire(const engine::SetDecided& decided, const engine::Cell& cell);
v1::SetEvent SetEventToWire(const engine::SetLevel& level, const engine::Cell& cell);
void GetReplyToWire(const engine::GetReply& reply, const engine::Cell& cell, v1::GetResponse& out);
void TicketToWire(const engine::TicketStatus& ticket, const engine::Cell& cell, v1::Ticket& out);
void NodeStatusToWire(const engine::NodeStatus& status, const engine::Cell& cell,
                      v1::StatusResponse& out);

// Takes the value out of `request` and wipes it there. InvalidArgument names the field at fault; key
// and value are the node's to judge.
absl::StatusOr<engine::SetRequest> SetRequestFromWire(v1::SetRequest& request);
// The level that ends the call.
absl::StatusOr<arbiter::Level> UntilFromWire(v1::Level until);
absl::StatusOr<engine::GetRequest> GetRequestFromWire(const v1::GetRequest& request);

// -- client side. Nullopt or false for what this build does not know.

std::optional<arbiter::Level> LevelFromWire(v1::Level level);
std::optional<arbiter::OutcomeKind> OutcomeFromWire(v1::Outcome outcome);
std::optional<SetEvent> SetEventFromWire(const v1::SetEvent& event);
bool GetResultFromWire(v1::GetResponse& response, GetResult& out);
bool TicketFromWire(const v1::Ticket& ticket, TicketResult& out);
NodeResult NodeResultFromWire(const v1::StatusResponse& status);

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_PUBLIC_MESSAGES_H_
