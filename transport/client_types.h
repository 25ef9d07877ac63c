// What a client hears, with names instead of indices: it knows no cell directory.
#ifndef WORLDB_TRANSPORT_CLIENT_TYPES_H_
#define WORLDB_TRANSPORT_CLIENT_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"
#include "engine/api/node_api.h"

namespace worldb::transport {

struct StampInfo {
  absl::Time midpoint;
  absl::Duration bound;
  std::string node;
};
struct RivalInfo {
  OpId op;
  StampInfo stamp;
};
struct Decision {
  arbiter::OutcomeKind outcome = arbiter::OutcomeKind::kPending;
  Version version;
  std::optional<RivalInfo> rival;
  absl::Duration margin;
  bool ambiguous = false;
  Version present;
  // Absent where nothing was contested.
  std::optional<arbiter::Fairness> certificate;
};
struct DataCenterCount {
  std::string data_center;
  int count = 0;
};

struct Accepted {
  std::string ticket;
  StampInfo stamp;
  std::string home;
  Version version;
  bool leading = false;
  std::vector<std::string> out;                         // data centers that are gone for now
  arbiter::Level within_reach = arbiter::Level::kFull;  // without them
};
struct LevelReached {
  arbiter::Level level = arbiter::Level::kHeld;
  Version version;
  std::vector<DataCenterCount> shares;
};
using SetEvent = std::variant<Accepted, Decision, LevelReached>;

// All that was heard of one Set.
struct SetResult {
  OpId op;
  std::string endpoint;  // that answered
  std::optional<Accepted> accepted;
  std::optional<Decision> decision;
  std::optional<LevelReached> level;  // the highest
};
struct GetResult {
  std::string endpoint;
  Version version;
  OpId op;
  arbiter::Level level = arbiter::Level::kHeld;
  bool home_silent = false;
  SecretBytes value;
  std::vector<std::string> read_from;
  std::vector<std::string> rejected;
  std::vector<Version> void_versions;  // newer ones, which won but can never be read
};
struct TicketResult {
  std::string endpoint;
  OpId op;
  std::string home;
  StampInfo stamp;
  Decision decision;
  arbiter::Level level = arbiter::Level::kAccepted;
  bool final = false;
  std::vector<DataCenterCount> shares;
};
struct ListedKey {
  Bytes key;
  Version version;
  arbiter::Level level = arbiter::Level::kDecided;
  std::uint64_t payload_bytes = 0;
  OpId op;
};
struct ListResult {
  std::string endpoint;
  std::vector<ListedKey> keys;
  std::string next_page_token;  // empty at the end
};
struct VersionInfo {
  Version version;
  arbiter::OpKind kind = arbiter::OpKind::kSet;
  arbiter::OutcomeKind outcome = arbiter::OutcomeKind::kWon;
  arbiter::Level level = arbiter::Level::kDecided;
  std::optional<arbiter::Fairness> certificate;
  std::vector<DataCenterCount> shares;
  OpId op;
  StampInfo stamp;
  std::string script;
  std::uint64_t payload_bytes = 0;
  absl::Time closed;
};
struct HistoryResult {
  std::string endpoint;
  std::vector<VersionInfo> versions;
  std::string next_page_token;
};
struct WatchUpdate {
  struct Change {
    Bytes key;
    VersionInfo version;
  };
  std::optional<Change> change;  // without one, only the token moved on
  std::string resume_token;
};
struct WatchEnd {
  std::string resume_token;  // empty if nothing was heard
  bool stopped = false;      // by the caller; else the time was up
};
struct HomeResult {
  bool serving = false;
  bool sequencer = false;
  std::uint64_t log_epoch = 0;
  std::uint64_t applied = 0;
  std::uint64_t checkpoint = 0;  // the last entry whose state is on the node's disk; 0 for none
  absl::Duration window;
  std::uint64_t open_rounds = 0;
  std::uint64_t ops = 0;
  std::uint64_t unsettled = 0;   // won versions that were never FULL
  std::uint64_t incomplete = 0;  // were FULL, and have lost a share since
  std::uint64_t late_first = 0;
  std::vector<std::string> out;  // data centers its log marks as gone for now
  std::string halted;            // why it stopped applying; empty while it has not
};
struct NodeResult {
  std::string endpoint;
  std::string node;
  std::string data_center;
  CellId cell;
  absl::Duration clock_bound;
  bool may_stamp = false;
  std::vector<std::string> reachable;
  std::uint64_t shares_stored = 0;
  std::uint64_t pending_ops = 0;
  std::uint64_t staged_bytes = 0;
  std::string store_error;  // why the last share could not be stored; empty if it was
  engine::RepairStatus repair;
  HomeResult home;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_CLIENT_TYPES_H_
