// List, History and Watch: what a caller gives and is told.
#ifndef WORLDB_ENGINE_API_VERSIONS_H_
#define WORLDB_ENGINE_API_VERSIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::engine {

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

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_API_VERSIONS_H_
