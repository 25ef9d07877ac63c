// What the repair of one share asks of the world: the effects of a RepairJob, in the order they are to
// be carried out.
//
// Inspect, each Ask, Rebuild and Mend have an answer, which is the job's next event. Pause, GiveUp and Done
// end an attempt and come last.
// Threads: plain values.
#ifndef WORLDB_ENGINE_REPAIR_REPAIR_EFFECTS_H_
#define WORLDB_ENGINE_REPAIR_REPAIR_EFFECTS_H_

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "engine/repair/fragment_rebuild.h"

namespace worldb::engine::repair {

// Whatever was asked or begun before is void: its answers must not reach the job any more.
struct NewTurn {};
// Look at what is stored.
struct Inspect {};
// Shares of this version without their fragments, and with them.
struct AskMetadata {
  NodeSet whom;
};
struct AskFragments {
  NodeSet whom;
};
// Contributions to the key share; those asked are the helper set.
struct AskContributions {
  NodeSet whom;
};
struct Rebuild {
  FragmentRebuild task;
};
// Write what RepairJob has of share and key share.
struct Mend {};

// To be counted: a share of this node is bad; two values go by one version; a fragment came in.
struct FoundBad {};
struct Alarm {};
struct Fetched {
  NodeIndex from;
  std::size_t bytes = 0;
};

// Whoever waits for a receipt of the owed share is told why there will be none.
struct RefuseOwed {
  std::string why;
};
// Begin again after a while, or when a node is back.
struct Pause {
  absl::Duration length;
};
struct GiveUp {
  std::string why;
};
// The share is whole: it was written, with these parts rebuilt, or nothing was wrong with it.
struct Done {
  bool written = false;
  bool fragment_rebuilt = false;
  bool key_share_rebuilt = false;
};

using Effect = std::variant<NewTurn, Inspect, AskMetadata, AskFragments, AskContributions, Rebuild,
                            Mend, FoundBad, Alarm, Fetched, RefuseOwed, Pause, GiveUp, Done>;
using Effects = std::vector<Effect>;

}  // namespace worldb::engine::repair

#endif  // WORLDB_ENGINE_REPAIR_REPAIR_EFFECTS_H_
