// What nodes say to each other, as plain structs. transport/wire turns them into bytes for the
// network between machines; inside one process they travel as they are.
//
// A header for each conversation. Large things are shared and immutable, so a message costs no copy of
// them.
// Naming: X asks, XReply answers and repeats the request id; the rest expect no answer.
#ifndef WORLDB_ENGINE_MESSAGES_PEER_MESSAGE_H_
#define WORLDB_ENGINE_MESSAGES_PEER_MESSAGE_H_

#include <variant>

#include "absl/time/time.h"
#include "arbiter/clock.h"
#include "engine/messages/home_questions.h"
#include "engine/messages/inventory_messages.h"
#include "engine/messages/repair_messages.h"
#include "engine/messages/share_messages.h"
#include "engine/messages/stream_messages.h"
#include "engine/messages/triad_messages.h"
#include "engine/messages/watch_messages.h"

namespace worldb::engine {

// Sent to every node every kHeartbeatEvery; the answer measures the round trip.
struct Heartbeat {
  absl::Duration sent;            // the sender's Executor::Elapsed
  arbiter::ClockReading reading;  // and its clock at that moment
};
struct HeartbeatReply {
  absl::Duration sent;  // repeated
};

using PeerMessage = std::variant<
    Heartbeat, HeartbeatReply, FrameBatch, StageValue, StageValueReply, SequencerBeat, OpNotices,
    TicketQuery, TicketReply, ReadQueries, ReadReplies, StagePut, StagePutReply, CheckpointSynced,
    CheckpointGet, CheckpointGetReply, StageGet, StageGetReply, PutShares, PutSharesReply,
    ListShares, ListSharesReply, FetchShares, FetchSharesReply, FetchFragment, FetchFragmentReply,
    RepairKeyShare, RepairKeyShareReply, ShareDoubt, OwedShare, ListQuery, ListQueryReply,
    HistoryQuery, HistoryQueryReply, WatchOpen, WatchBatch, WatchAck, NamesGet, NamesGetReply,
    InventoryQuery, InventoryReply, InventoryReport, ProbeShare, ProbeShareReply>;

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_PEER_MESSAGE_H_
