// What any node may ask a home, and what it answers.
#ifndef WORLDB_ENGINE_MESSAGES_HOME_QUESTIONS_H_
#define WORLDB_ENGINE_MESSAGES_HOME_QUESTIONS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "engine/api/versions.h"
#include "engine/messages/payload.h"

namespace worldb::engine {

struct TicketQuery {
  RequestId id = 0;
  OpId op;
  KeyTag key_tag;  // where to look for a win whose op is forgotten
  // Answer again once the outcome is final or this level is reached, for as long as `patience`.
  std::optional<arbiter::Level> until;
  absl::Duration patience;
};
struct TicketFacts {
  arbiter::OpIdentity identity;  // no content tag either when the home has forgotten the op itself
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
  // Without facts: it may have been on record, and is too old to be remembered.
  bool forgotten = false;
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
  std::uint64_t payload_bytes = 0;     // of sealed ciphertext
  std::vector<Version> void_versions;  // newer ones that ended VOID, newest first
};
struct ReadReply {
  RequestId id = 0;
  absl::Status status;  // NotFound without a version, or with a tombstone; else `facts` is set
  std::optional<VersionFacts> facts;
};
// Reads that go to one home together, and answers that go to one asker together. Each is judged for itself.
// Of a message above the bound the rest is not answered.
struct ReadQueries {
  static constexpr std::size_t kQueriesMax = 256;
  std::vector<ReadQuery> queries;
};
struct ReadReplies {
  std::vector<ReadReply> replies;
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

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_HOME_QUESTIONS_H_
