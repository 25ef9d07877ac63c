// When a staged payload may go: the one rule, over what the applied log says of its op.
//
// A payload is kept whole until its value is HELD: until then nobody else could bring it back. From there
// on what other nodes have is enough to read, and only what nodes without a receipt are owed must stay;
// at FULL nobody is owed anything.
// Threads: pure functions.
// Source:  docs/protocol.md 4; ARCHITECTURE.md invariant 18.
#ifndef WORLDB_ENGINE_HOME_STAGING_RULE_H_
#define WORLDB_ENGINE_HOME_STAGING_RULE_H_

#include "arbiter/home_state.h"
#include "arbiter/outcome.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::engine {

enum class StagingWish {
  kUnknown,   // its op is not on record
  kWanted,    // it stays whole
  kHeld,      // won and HELD, or
  kSafe,      // SAFE: may shrink when there is too much
  kUnwanted,  // it goes
};

// Of a payload whose value has won and spread so far.
StagingWish WishAt(arbiter::Level level);
// Of a payload staged for the op.
StagingWish WishFor(const arbiter::HomeState& state, const OpId& op,
                    const CommitmentId& commitment);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_STAGING_RULE_H_
