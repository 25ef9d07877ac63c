// What an edge sees of the nine nodes at one moment: whom to ask first, and for whom to wait.
//
// A guess for choosing, never a reason to believe anything: a node that looks silent is asked all the same
// when the others do not suffice.
//
// Threads: a plain value.
#ifndef WORLDB_ENGINE_EDGE_OUTLOOK_H_
#define WORLDB_ENGINE_EDGE_OUTLOOK_H_

#include <array>

#include "absl/time/time.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::engine {

struct Outlook {
  NodeSet reachable;                                     // heard from lately
  NodeSet possibly_reachable;                            // and those whose silence cannot tell yet
  std::array<absl::Duration, kNodeCount> round_trips{};  // a guess where none was measured
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_OUTLOOK_H_
