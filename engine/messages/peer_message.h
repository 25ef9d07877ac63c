// What nodes say to each other, as plain structs. transport/wire turns them into bytes for the
// network between machines; inside one process they travel as they are.
//
// Large things are shared and immutable, so a message costs no copy of them.
// Naming: X asks, XReply answers and repeats the request id; the rest expect no answer.
#ifndef WORLDB_ENGINE_MESSAGES_PEER_MESSAGE_H_
#define WORLDB_ENGINE_MESSAGES_PEER_MESSAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "arbiter/checkpoint.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "engine/api/node_api.h"

namespace worldb::engine {

// Unique per sending node; 0 is never used.
using RequestId = std::uint64_t;

// A sealed value on its way to being scattered, with what is costly to derive from it. Without
// ciphertext it is what is left in staging once enough nodes hold their fragments: the key shares that
// others are still owed.
struct Payload {
  bool whole() const { return !sealed.ciphertext.empty(); }

  cryptoscatter::SealedValue sealed;
  CommitmentId commitment;
  SharedBytes encoded;  // sealed.Encode(): what staging stores
  Bytes key;            // the key's name, for the home's index; empty where it is not known
};
using PayloadPtr = std::shared_ptr<const Payload>;

// -- between any two nodes

// Sent to every node every kHeartbeatEvery; the answer measures the round trip.
struct Heartbeat {
  absl::Duration sent;  // the sender's Executor::Elapsed
};
struct HeartbeatReply {
  absl::Duration sent;  // repeated
};

// -- ingress to home

// One number of a stream: a candidate, or nothing (void) when the op died after it was numbered.
struct Frame {
  FrameNumber number;
  std::optional<arbiter::Candidate> candidate;
  PayloadPtr payload;  // null when it was staged before, or for a void frame
};
struct FrameBatch {
  DataCenterIndex home;
  StreamEpoch stream_epoch;
  std::vector<Frame> frames;  // numbers without gaps
};
// Stage a value too large for a frame; it has no place in line yet.
struct StageValue {
  RequestId id = 0;
  PayloadPtr payload;
};
struct StageValueReply {
  RequestId id = 0;
  absl::Status status;
};

// -- home to ingress

// The sequencer names itself, and says how far the receiver's stream is recorded.
struct SequencerBeat {
  DataCenterIndex home;
  LogEpoch log_epoch;
  arbiter::StreamCursor cursor;  // the receiver's; number 0 when its stream is unknown
};
struct NoticeAccepted {
  arbiter::Stamp stamp;
  Version version;
  bool leading = false;
  std::vector<DataCenterIndex> out;  // data centers the log marks as gone for now
  arbiter::Level within_reach = arbiter::Level::kFull;
};
struct NoticeLevel {
  arbiter::Level level = arbiter::Level::kHeld;
  Version version;
  NodeSet held;
};
struct NoticeRefused {
  absl::Status status;
  FrameNumber number;  // the frame refused, of the receiver's stream
};
struct OpNotice {
  OpId op;
  std::variant<NoticeAccepted, arbiter::Outcome, NoticeLevel, NoticeRefused> what;
};
struct OpNotices {
  DataCenterIndex home;
  std::vector<OpNotice> notices;
};

// -- questions to a home

struct TicketQuery {
  RequestId id = 0;
  OpId op;
  // Answer again once the outcome is final or this level is reached, for as long as `patience`.
  std::optional<arbiter::Level> until;
  absl::Duration patience;
};
struct TicketFacts {
  arbiter::Stamp stamp;
  arbiter::Outcome outcome;
  arbiter::Level level = arbiter::Level::kAccepted;
  NodeSet held;
  std::vector<DataCenterIndex> out;
  arbiter::Level within_reach = arbiter::Level::kFull;
};
struct TicketReply {
  RequestId id = 0;
  // Answered from the state applied with a READ mark: without facts, the op is not on record.
  bool authoritative = false;
  std::optional<TicketFacts> facts;
};
struct ReadQuery {
  RequestId id = 0;
  KeyTag key_tag;
  std::optional<Version> version;  // the newest without one
  absl::Duration patience;         // how long to wait for SAFE
};
struct VersionFacts {
  arbiter::RoundId id;
  SlotEpoch slot_epoch;
  arbiter::OpKind kind = arbiter::OpKind::kSet;
  OpId op;
  CommitmentId commitment;
  ScriptId script;
  arbiter::Level level = arbiter::Level::kDecided;
  NodeSet held;
  std::vector<Version> void_versions;  // newer ones that ended VOID, newest first
};
struct ReadReply {
  RequestId id = 0;
  absl::Status status;  // NotFound without a version, or with a tombstone; else `facts` is set
  std::optional<VersionFacts> facts;
};
// Names with `prefix` that come after `after`, in byte order.
struct ListQuery {
  RequestId id = 0;
  Bytes prefix;
  Bytes after;  // empty: from the first one
  std::size_t keys_max = 0;
};
struct ListQueryReply {
  RequestId id = 0;
  std::vector<ListedKey> keys;
  // Every key up to and including this name is told. Empty: every key of this home under the prefix.
  Bytes told_to;
};
struct HistoryQuery {
  RequestId id = 0;
  KeyTag key_tag;
  Version before;  // older than this; 0: from the newest
  std::size_t versions_max = 0;
};
struct HistoryQueryReply {
  RequestId id = 0;
  std::vector<VersionRecord> versions;  // none: there is no such version
  bool more = false;
};

// -- watching a home

// A place in the order in which the versions of one home become visible: that of the version, or
// before all of entry `index` with a zero version.
struct WatchPosition {
  LogIndex index;
  arbiter::RoundId id;
  friend auto operator<=>(const WatchPosition&, const WatchPosition&) = default;
};
// Drawn at random for each subscription: never that of another one, nor of an earlier run.
using SubscriptionId = std::uint64_t;
struct WatchOpen {
  SubscriptionId id = 0;
  SubscriptionId replaces = 0;  // an earlier one of the same node, which ends
  Bytes key;
  bool prefix = false;
  std::optional<WatchPosition> after;  // without one: what becomes visible from now on
};
struct WatchedVersion {
  Bytes key;
  VersionRecord version;
  LogIndex visible_at;
};
// Numbered from 1 without gaps; an empty one says that there is nothing new up to `position`.
struct WatchBatch {
  SubscriptionId id = 0;
  std::uint64_t number = 0;
  std::vector<WatchedVersion> changes;
  WatchPosition position;  // everything up to and including it is told
};
struct WatchAck {
  SubscriptionId id = 0;
  std::uint64_t number = 0;  // and all before it
  bool over = false;         // nobody listens any more
};

// -- inside a triad

struct StagePut {
  RequestId id = 0;
  std::vector<PayloadPtr> payloads;
};
struct StagePutReply {
  RequestId id = 0;
  absl::Status status;  // OK: synced
};

// To the sequencer, after each checkpoint and now and then.
struct CheckpointSynced {
  LogIndex index;  // the newest this node would start from
};
// A node behind the log's floor takes a sibling's state, page by page in key order.
struct CheckpointGet {
  RequestId id = 0;
  std::string after;  // the last key received; empty at first
};
struct CheckpointGetReply {
  RequestId id = 0;
  absl::Status status;
  LogIndex index;  // a page of another checkpoint means: begin again
  std::vector<arbiter::CheckpointRow> rows;
  bool last = false;
};

// A triad node that leads without having the payload asks its siblings.
struct StageGet {
  RequestId id = 0;
  CommitmentId commitment;
};
struct StageGetReply {
  RequestId id = 0;
  absl::Status status;
  PayloadPtr payload;
};

// Names of keys, for a node that was down when it should have learnt them.
struct NamesGet {
  RequestId id = 0;
  std::vector<KeyTag> key_tags;
};
struct NamesGetReply {
  RequestId id = 0;
  std::vector<Bytes> names;  // those known here
};

// -- shares

// One node's share of one version, with its key share still sealed by the writer.
struct ShareDelivery {
  cryptoscatter::Share share;
  cryptoscatter::SealedKeyShare key_share;
  cryptoscatter::ExchangePublicKey writer_exchange_key;
};
struct PutShares {
  RequestId id = 0;
  std::vector<std::shared_ptr<const ShareDelivery>> deliveries;
};
struct ShareRefusal {
  arbiter::RoundId version;
  std::string reason;
};
struct PutSharesReply {
  RequestId id = 0;
  std::vector<cryptoscatter::Receipt> receipts;  // verified and synced
  std::vector<ShareRefusal> refusals;
};
struct ListShares {
  RequestId id = 0;
  KeyTag key_tag;
};
struct ListedShare {
  SlotEpoch slot_epoch;
  Version version;
  CoreId core;
  ScriptId script;
  friend auto operator<=>(const ListedShare&, const ListedShare&) = default;
};
struct ListSharesReply {
  RequestId id = 0;
  absl::Status status;
  std::vector<ListedShare> shares;
};
struct FetchShare {
  RequestId id = 0;
  KeyTag key_tag;
  SlotEpoch slot_epoch;
  Version version;
  cryptoscatter::ExchangePublicKey reader_exchange_key;
};
struct FetchShareReply {
  RequestId id = 0;
  absl::Status status;
  std::shared_ptr<const cryptoscatter::Share> share;
  cryptoscatter::SealedKeyShare key_share;  // sealed to the reader
};

// -- repair of shares

// Names one version of one key, whatever is stored of it.
struct VersionRef {
  KeyTag key_tag;
  SlotEpoch slot_epoch;
  Version version;
  friend auto operator<=>(const VersionRef&, const VersionRef&) = default;
};

// A share to repair from: the sender asks on behalf of its own index.
struct FetchFragment {
  RequestId id = 0;
  VersionRef version;
  bool with_fragment = true;  // metadata alone without it
};
struct FetchFragmentReply {
  RequestId id = 0;
  absl::Status status;
  std::shared_ptr<const cryptoscatter::Share> share;  // never a key share
};
// The target of the repair is the sender: a node helps nobody with the share of another.
struct RepairKeyShare {
  RequestId id = 0;
  VersionRef version;
  CommitmentId commitment;
  NodeSet helpers;
};
struct RepairKeyShareReply {
  RequestId id = 0;
  absl::Status status;
  cryptoscatter::SealedContribution contribution;  // sealed to the sender of the request
};
// A reader could not use the receiver's share and thinks that it should be there.
struct ShareDoubt {
  VersionRef version;
};
// A share whose ciphertext is not staged any more: the receiver makes its fragment out of others'
// and answers with PutSharesReply once all of it is verified and synced.
struct OwedShare {
  RequestId id = 0;
  std::shared_ptr<const ShareDelivery> delivery;  // its fragment is empty
};

using PeerMessage = std::variant<
    Heartbeat, HeartbeatReply, FrameBatch, StageValue, StageValueReply, SequencerBeat, OpNotices,
    TicketQuery, TicketReply, ReadQuery, ReadReply, StagePut, StagePutReply, CheckpointSynced,
    CheckpointGet, CheckpointGetReply, StageGet, StageGetReply, PutShares, PutSharesReply,
    ListShares, ListSharesReply, FetchShare, FetchShareReply, FetchFragment, FetchFragmentReply,
    RepairKeyShare, RepairKeyShareReply, ShareDoubt, OwedShare, ListQuery, ListQueryReply,
    HistoryQuery, HistoryQueryReply, WatchOpen, WatchBatch, WatchAck, NamesGet, NamesGetReply>;

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_PEER_MESSAGE_H_
