// What a node is asked to do and what it answers, as plain structs: the door transport/ knocks at.
//
// Secrets: values travel in SecretBytes.
#ifndef WORLDB_ENGINE_API_NODE_API_H_
#define WORLDB_ENGINE_API_NODE_API_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::engine {

// Names a Set or a Watch under way at one node.
using CallId = std::uint64_t;

// A Set, or a Delete: a write without a value, judged and scattered like any other.
struct SetRequest {
  Bytes key;  // 1 byte to 1 KiB
  arbiter::OpKind kind = arbiter::OpKind::kSet;
  SecretBytes value;  // at most 4 MiB; empty for a Delete
  // How the value is scattered: the id of one of the cell's scripts; without one, that of the key's
  // namespace.
  std::optional<ScriptId> script;
  OpId op;
  arbiter::Base base;
  Version seen;
  std::uint32_t attempt = 0;
  std::optional<ContentTag> content_tag;
  // The level the caller waits for; the call is over when it is reached.
  arbiter::Level until = arbiter::Level::kFull;
  // After this long without an end the call fails, naming the ticket; the op itself goes on.
  absl::Duration timeout = absl::Seconds(10);
};

// The record was applied from the log; from here on the ticket says how the op ends.
struct SetAccepted {
  std::string ticket;
  arbiter::Stamp stamp;
  DataCenterIndex home;
  Version version;  // the one it competes for or was judged against
  bool leading = false;
  // The data centers the home's log marks as OUT, and the highest level that can be reached without
  // them under the value's script.
  std::vector<DataCenterIndex> out = {};
  arbiter::Level within_reach = arbiter::Level::kFull;
};
// A WON may be followed by VOID or PERISHED.
struct SetDecided {
  arbiter::Outcome outcome;
};
struct SetLevel {
  arbiter::Level level = arbiter::Level::kHeld;
  Version version;
  NodeSet held;
};
// This call knows no outcome and ends. The op may live on: the ticket, if any, is among the details.
struct SetFailed {
  absl::Status status;
};
using SetEvent = std::variant<SetAccepted, SetDecided, SetLevel, SetFailed>;
// Runs on the node's executor; must not block. The call is over after SetFailed, after a decided
// outcome other than WON, and once `until` is reached.
using SetObserver = std::function<void(const SetEvent&)>;

enum class ReadMode : std::uint8_t {
  kLatest,     // linearizable, through the key's home
  kSurviving,  // asks no home: the newest version the reachable nodes can read and rebuild
  kVersion,    // one version, through the key's home
};
struct GetRequest {
  Bytes key;
  ReadMode mode = ReadMode::kLatest;
  Version version;  // kVersion only
  absl::Duration timeout = absl::Seconds(10);
};
struct GetReply {
  Version version;
  OpId op;
  arbiter::Level level = arbiter::Level::kSafe;  // as the home knows it; kHeld when home_silent
  bool home_silent = false;                      // SURVIVING: may be older than LATEST
  SecretBytes value;
  std::vector<Version> void_versions;  // LATEST: newer versions, which won and can never be read
  NodeSet read_from;                   // nodes whose key share or fragment was used
  std::vector<std::string> rejected;   // bad shares, each named with its reason
};

struct TicketStatus {
  OpId op;
  DataCenterIndex home;
  Slot slot;
  arbiter::Stamp stamp;
  arbiter::Outcome outcome;
  arbiter::Level level = arbiter::Level::kAccepted;
  bool final = false;
  NodeSet held;
};

// The newest version of every key under a prefix, in byte order of the names, from all three homes.
// Deleted keys are left out.
struct ListRequest {
  Bytes prefix;                 // may be empty: all keys
  std::size_t page_size = 100;  // at most kListPageMax
  std::string page_token;       // empty, or next_page_token of a call with the same prefix
  absl::Duration timeout = absl::Seconds(10);
};
inline constexpr std::size_t kListPageMax = 1000;
struct ListedKey {
  Bytes key;
  Version version;
  arbiter::Level level = arbiter::Level::kDecided;
  std::uint64_t payload_bytes = 0;  // of sealed ciphertext
  OpId op;
};
struct ListReply {
  std::vector<ListedKey> keys;
  std::string next_page_token;  // empty at the end
};

// All versions of one key, newest first, deletions and void versions included.
struct HistoryRequest {
  Bytes key;
  std::size_t page_size = 100;  // at most kListPageMax
  std::string page_token;
  absl::Duration timeout = absl::Seconds(10);
};
struct VersionRecord {
  Version version;
  arbiter::OpKind kind = arbiter::OpKind::kSet;
  arbiter::OutcomeKind outcome = arbiter::OutcomeKind::kWon;  // or VOID
  arbiter::Level level = arbiter::Level::kDecided;
  arbiter::Fairness fairness = arbiter::Fairness::kTimeout;
  NodeSet held;
  OpId op;
  arbiter::Stamp stamp;
  ScriptId script;
  std::uint64_t payload_bytes = 0;
  absl::Time closed;  // earliest bound of the closer's clock
};
struct HistoryReply {
  std::vector<VersionRecord> versions;
  std::string next_page_token;
};

// Every version of one key, or of every key under a prefix, from the moment LATEST may answer with
// it, in version order per key. At least once: a resumed watch may repeat what came after its token.
struct WatchRequest {
  Bytes key;
  bool prefix = false;       // `key` is a prefix, which may be empty
  std::string resume_token;  // empty: from now on
};
struct WatchChange {
  Bytes key;
  VersionRecord version;
  std::string resume_token;  // everything up to and including this change has been told
};
// Nothing new, but the token moved on. Sent once when the watch stands, and every few seconds.
struct WatchProgress {
  std::string resume_token;
};
// The watch is over.
struct WatchFailed {
  absl::Status status;
};
using WatchEvent = std::variant<WatchChange, WatchProgress, WatchFailed>;
// Runs on the node's executor; must not block.
using WatchObserver = std::function<void(const WatchEvent&)>;

struct HomeStatus {
  // This node applies the log of its data center, and hears enough of its triad for it to grow.
  bool serving = false;
  std::string halted;  // why it stopped applying for good; empty while it has not
  bool sequencer = false;
  LogEpoch log_epoch;
  LogIndex applied;
  LogIndex checkpoint;  // the last entry whose state this node has on disk; 0 for none
  absl::Duration window;
  std::uint64_t open_rounds = 0;
  std::uint64_t ops = 0;
  std::uint64_t unsettled = 0;  // won versions below FULL
  std::uint64_t late_first = 0;
  std::vector<DataCenterIndex> out;  // data centers the log marks as gone for now
};
// Since this process started.
struct RepairStatus {
  std::uint64_t bad_shares_found = 0;    // of this node's own: damaged or missing, in whole or part
  std::uint64_t shares_repaired = 0;     // rows written back, with what the next two count
  std::uint64_t fragments_repaired = 0;  // rebuilt from other nodes' fragments
  std::uint64_t key_shares_repaired = 0;  // rebuilt from other nodes' contributions
  std::uint64_t fragment_bytes_lan = 0;   // fetched for it within the data center
  std::uint64_t fragment_bytes_wan = 0;   // and from other ones
  std::uint64_t waiting = 0;              // repairs that are not done
  std::uint64_t given_up = 0;
  std::uint64_t core_conflicts = 0;  // two values under one version: call an auditor

  friend bool operator==(const RepairStatus&, const RepairStatus&) = default;
};
struct NodeStatus {
  NodeIndex node;
  std::string name;
  std::string data_center;
  CellId cell;
  absl::Duration clock_bound;
  bool may_stamp = false;
  NodeSet reachable;                // nodes heard from lately, itself included
  std::uint64_t shares_stored = 0;  // by this process since its start
  std::uint64_t pending_ops = 0;    // ops this node took in and whose end it has not heard
  std::string store_error;          // why the last share could not be stored; empty if it was
  std::uint64_t staged_bytes = 0;   // of sealed payloads kept for values that are not FULL
  RepairStatus repair;
  HomeStatus home;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_API_NODE_API_H_
