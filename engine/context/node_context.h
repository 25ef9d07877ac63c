// What the parts of one node share: its identity, its doors to the world, and small tools that belong
// to its one executor.
#ifndef WORLDB_ENGINE_CONTEXT_NODE_CONTEXT_H_
#define WORLDB_ENGINE_CONTEXT_NODE_CONTEXT_H_

#include <memory>
#include <utility>

#include "cryptoscatter/records.h"
#include "engine/context/node_parts.h"
#include "engine/context/node_self.h"
#include "engine/messages/peer_message.h"

namespace worldb::engine {

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
