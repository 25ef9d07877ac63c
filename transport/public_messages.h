// The words of worldb.v1 from and to our own: writes, Get, tickets and Status. Those of List, History and
// Watch are in version_messages.h, what messages share in message_fields.h.
//
// Threads: pure functions.
#ifndef WORLDB_TRANSPORT_PUBLIC_MESSAGES_H_
#define WORLDB_TRANSPORT_PUBLIC_MESSAGES_H_

#include <optional>

#include "absl/status/statusor.h"
#include "engine/api/node_api.h"
#include "engine/cell/cell.h"
#include "transport/client_types.h"
#include "worldb/v1/cluster.pb.h"
#include "worldb/v1/key_value.pb.h"
#include "worldb/v1/tickets.pb.h"

namespace worldb::transport {

// -- server side: names instead of indices

// REQUIRES: not SetFailed, which is an error and no event.
v1::SetEvent SetEventToWire(const engine::SetEvent& event, const engine::Cell& cell);
void GetReplyToWire(const engine::GetReply& reply, const engine::Cell& cell, v1::GetResponse& out);
void TicketToWire(const engine::TicketStatus& ticket, const engine::Cell& cell, v1::Ticket& out);
void NodeStatusToWire(const engine::NodeStatus& status, const engine::Cell& cell,
                      v1::StatusResponse& out);

// Takes the value out of `request` and wipes it there. InvalidArgument names the field at fault; key
// and value are the node's to judge.
absl::StatusOr<engine::SetRequest> SetRequestFromWire(v1::SetRequest& request,
                                                      const engine::Cell& cell);
absl::StatusOr<engine::SetRequest> DeleteRequestFromWire(const v1::DeleteRequest& request);
absl::StatusOr<engine::GetRequest> GetRequestFromWire(const v1::GetRequest& request);

// -- client side. Nullopt or false for what this build does not know.

std::optional<SetEvent> SetEventFromWire(const v1::SetEvent& event);
bool GetResultFromWire(v1::GetResponse& response, GetResult& out);
bool TicketFromWire(const v1::Ticket& ticket, TicketResult& out);
NodeResult NodeResultFromWire(const v1::StatusResponse& status);

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_PUBLIC_MESSAGES_H_
