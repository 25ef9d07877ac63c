// Where in its triad the payload of a version lies that nobody can read yet, and what follows from it.
//
// Until a version is HELD its staged copies are all there is of it, so two of them are kept alive. When
// every node that could have one says that it has none, and what is held cannot read, the version is lost.
// Threads: pure functions.
// Source:  docs/protocol.md 4; ARCHITECTURE.md invariant 17.
#ifndef WORLDB_ENGINE_SCATTER_STAGED_COPIES_H_
#define WORLDB_ENGINE_SCATTER_STAGED_COPIES_H_

#include "cryptoscatter/base/node_set.h"

namespace worldb::engine {

// Nodes of one triad.
struct StagedCopies {
  static constexpr int kAliveMin = 2;

  NodeSet staged;    // the log names them as having it, or they said so
  NodeSet not_here;  // they said that they do not have it
};

// The nodes to stage it on again, of those that are up; none while enough copies are alive.
inline NodeSet ToRestage(const StagedCopies& copies, NodeSet up) {
  if ((copies.staged & up).Count() >= StagedCopies::kAliveMin) return {};
  return up.Minus(copies.staged);
}

// Whether the version is to end VOID. A node that is named may come back with its copy; one that is up
// may have one that the log does not tell of. `readable`: by what is held.
inline bool IsLost(const StagedCopies& copies, NodeSet up, bool readable) {
  if (readable || copies.staged.empty()) return false;
  return (copies.staged | up).Minus(copies.not_here).empty();
}

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SCATTER_STAGED_COPIES_H_
