// How a node compares what it holds with what a home's log says it does.
#ifndef WORLDB_ENGINE_MESSAGES_INVENTORY_MESSAGES_H_
#define WORLDB_ENGINE_MESSAGES_INVENTORY_MESSAGES_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/records.h"
#include "engine/messages/payload.h"

namespace worldb::engine {

// To the sequencer, page by page, in key tag and version order.
struct InventoryQuery {
  RequestId id = 0;
  std::optional<arbiter::RoundId> after;  // where the last page ended; nullopt at first
};
// A version that every node should hold a share of.
struct InventoryItem {
  arbiter::RoundId version;
  CommitmentId commitment;
  bool counted = false;  // the log has the node among those that hold it
  bool owed = false;     // the home is about to hand it over
};
struct InventoryReply {
  RequestId id = 0;
  absl::Status status;
  std::vector<InventoryItem> items;
  std::optional<arbiter::RoundId>
      told_to;  // where the next page begins; nullopt: this was the last
};

// What differs. A node speaks for itself alone.
struct ShareClaim {
  arbiter::RoundId version;
  cryptoscatter::Receipt receipt;
};
struct InventoryReport {
  std::vector<arbiter::RoundId> missing;  // counted, and not there
  std::vector<ShareClaim> held;           // there, whole, and not counted
};
inline constexpr std::size_t kInventoryItemsMax = 1024;

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_INVENTORY_MESSAGES_H_
