// How a gateway follows a home: a subscription, and batches that are acknowledged.
#ifndef WORLDB_ENGINE_MESSAGES_WATCH_MESSAGES_H_
#define WORLDB_ENGINE_MESSAGES_WATCH_MESSAGES_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "arbiter/log_entry.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "engine/api/versions.h"

namespace worldb::engine {

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

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_WATCH_MESSAGES_H_
