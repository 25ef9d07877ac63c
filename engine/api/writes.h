// Set and Delete: what a caller gives and is told, and when it has been told all.
//
// Secrets: values travel in SecretBytes.
#ifndef WORLDB_ENGINE_API_WRITES_H_
#define WORLDB_ENGINE_API_WRITES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/base/secret.h"

namespace worldb::engine {

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
// Never PENDING. A WON may be followed by VOID or PERISHED.
struct SetDecided {
  arbiter::Outcome outcome;
};
struct SetLevel {
  arbiter::Level level = arbiter::Level::kHeld;
  Version version;
  NodeSet held;
};
// This call knows no outcome and ends. The op may live on: the ticket, if any, is among
// the details.
struct SetFailed {
  absl::Status status;
};
using SetEvent = std::variant<SetAccepted, SetDecided, SetLevel, SetFailed>;
// Runs on the node's executor; must not block. Nothing comes after the event that ends the call.
using SetObserver = std::function<void(const SetEvent&)>;

// Whether that was the last a caller is told who waits for `until`: once that level is reached,
// with an outcome other than WON, and with a failure.
inline bool EndsCall(arbiter::Level reached, arbiter::Level until) { return reached >= until; }
inline bool EndsCall(arbiter::OutcomeKind outcome, arbiter::Level until) {
  if (outcome == arbiter::OutcomeKind::kPending) return false;
  return outcome != arbiter::OutcomeKind::kWon || EndsCall(arbiter::Level::kDecided, until);
}
inline bool EndsCall(const SetEvent& event, arbiter::Level until) {
  if (std::holds_alternative<SetAccepted>(event)) return EndsCall(arbiter::Level::kAccepted, until);
  if (const auto* decided = std::get_if<SetDecided>(&event)) {
    return EndsCall(decided->outcome.kind, until);
  }
  const auto* level = std::get_if<SetLevel>(&event);
  return level == nullptr || EndsCall(level->level, until);
}

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_API_WRITES_H_
