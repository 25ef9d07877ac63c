// The words of List, History and Watch from and to our own.
//
// Errors:  where our own are made of a request: InvalidArgument naming the field. Nullopt or false for
//          what this build does not know in an answer.
// Threads: pure functions.
#ifndef WORLDB_TRANSPORT_VERSION_MESSAGES_H_
#define WORLDB_TRANSPORT_VERSION_MESSAGES_H_

#include <optional>

#include "absl/status/statusor.h"
#include "engine/api/node_api.h"
#include "engine/cell/cell.h"
#include "transport/client_types.h"
#include "worldb/v1/key_value.pb.h"

namespace worldb::transport {

// -- server side. Keys and tokens are the node's to judge.

absl::StatusOr<engine::ListRequest> ListRequestFromWire(const v1::ListRequest& request);
absl::StatusOr<engine::HistoryRequest> HistoryRequestFromWire(const v1::HistoryRequest& request);
absl::StatusOr<engine::WatchRequest> WatchRequestFromWire(const v1::WatchRequest& request);

void ListReplyToWire(const engine::ListReply& reply, v1::ListResponse& out);
void HistoryReplyToWire(const engine::HistoryReply& reply, const engine::Cell& cell,
                        v1::HistoryResponse& out);
// REQUIRES: a change or a progress.
v1::WatchEvent WatchEventToWire(const engine::WatchEvent& event, const engine::Cell& cell);

// -- client side

bool ListResultFromWire(const v1::ListResponse& response, ListResult& out);
bool HistoryResultFromWire(const v1::HistoryResponse& response, HistoryResult& out);
std::optional<WatchUpdate> WatchUpdateFromWire(const v1::WatchEvent& event);

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_VERSION_MESSAGES_H_
