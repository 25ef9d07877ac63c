// How far a value has spread, by the nodes that hold it and its script.
//
// Threads: pure functions.
// Source:  docs/glossary.md, levels.
#ifndef WORLDB_ENGINE_CELL_LEVELS_H_
#define WORLDB_ENGINE_CELL_LEVELS_H_

#include "arbiter/outcome.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/script.h"

namespace worldb::engine {

// DECIDED when `held` is too few for any level.
inline arbiter::Level LevelOf(const cryptoscatter::Script& script, NodeSet held) {
  if (held == NodeSet::All()) return arbiter::Level::kFull;
  if (script.HeldSurvivesAnyDataCenter(held)) return arbiter::Level::kSafe;
  if (script.HeldSurvivesAnyNode(held)) return arbiter::Level::kHeld;
  return arbiter::Level::kDecided;
}

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CELL_LEVELS_H_
