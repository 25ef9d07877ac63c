// What the parts of one node share: its identity, its doors to the world, and small tools that belong
// to its one executor.
#ifndef WORLDB_ENGINE_CONTEXT_NODE_CONTEXT_H_
#define WORLDB_ENGINE_CONTEXT_NODE_CONTEXT_H_

#include <memory>
#include <utility>

#include "cryptoscatter/records.h"
#include "cryptoscatter/script.h"
#include "engine/context/node_parts.h"
#include "engine/context/node_self.h"
#include "engine/messages/peer_message.h"

namespace worldb::engine {

// Sealing, coding and hashing of more than this goes to the pool.
inline constexpr std::size_t kOffloadBytes = 64 * 1024;
// Values up to this ride in the frame; larger ones are staged first and stamped then.
inline constexpr std::size_t kValueInFrameBytesMax = 16 * 1024;

// What the writer of such an op seals.
inline cryptoscatter::ValueKind ValueKindOf(arbiter::OpKind kind) {
  return kind == arbiter::OpKind::kDelete ? cryptoscatter::ValueKind::kTombstone
                                          : cryptoscatter::ValueKind::kValue;
}

// Threads: all parts of a node run on its executor; only `parts.clock`, `parts.entropy` and
// `parts.executor` may be used from elsewhere.
struct NodeContext : NodeSelf {
  NodeContext(NodeParts p, NodeOptions o)
      : NodeSelf(p.cell, p.index, *p.executor, *p.network, *p.entropy),
        parts(std::move(p)),
        options(o) {}

  NodeParts parts;
  NodeOptions options;
  cryptoscatter::BatchVerifier verifier;

  RequestId NextRequest() { return request_ids().Next(); }
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CONTEXT_NODE_CONTEXT_H_
