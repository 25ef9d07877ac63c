// Makes one node's fragment of a value out of other nodes' fragments: the long work of a repair, all by
// value, so that it may run on the pool.
//
// Every helper's fragment is checked against the root that the writer signed before any is used, so what
// comes out is right if the writer's nine fragments are one codeword, and whose fragment is bad is known.
// Errors:  in RebuiltFragment: helpers that gave bad fragments, or why the code cannot rebuild.
// Threads: plain values and pure functions.
// Source:  docs/share-format.md sections 4 and 14.
#ifndef WORLDB_ENGINE_REPAIR_FRAGMENT_REBUILD_H_
#define WORLDB_ENGINE_REPAIR_FRAGMENT_REBUILD_H_

#include <array>
#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell.h"

namespace worldb::engine {

// Null where there is none.
using SharesByNode = std::array<std::shared_ptr<const cryptoscatter::Share>, kNodeCount>;

struct RebuiltFragment {
  NodeSet bad;  // helpers whose fragment is not of the signed root; then there is no fragment
  absl::StatusOr<Bytes> fragment = absl::UnknownError("not rebuilt");
  Hash256 root;  // of the fragment
};

struct FragmentRebuild {
  std::shared_ptr<const Cell> cell;
  std::shared_ptr<const cryptoscatter::Script> script;
  NodeIndex target;
  NodeSet helpers;  // of the target, as the script's code names them
  SharesByNode shares;

  // Of fragments to be looked at.
  std::size_t bytes() const;
  // REQUIRES: `shares` has those of the helpers, all of one commitment, their proofs verified.
  RebuiltFragment Run(cryptoscatter::BatchVerifier& verifier) const;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_REPAIR_FRAGMENT_REBUILD_H_
