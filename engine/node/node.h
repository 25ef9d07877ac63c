// One node of a cell: it takes writes in, judges those its data center is home to, stores shares, and
// gathers values for readers.
//
// Threads: as NodeApi says; Stop() and the destructor must not run on the node's executor.
// Source:  ARCHITECTURE.md.
#ifndef WORLDB_ENGINE_NODE_NODE_H_
#define WORLDB_ENGINE_NODE_NODE_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/api/node_api.h"
#include "engine/context/node_parts.h"

namespace worldb::engine {

class Node : public NodeApi {
 public:
  // The stream epoch is read from and raised in the node's store first; `ready` then gets OK, or why
  // the node cannot run. Calls made earlier wait for it.
  static std::unique_ptr<Node> Start(NodeParts parts, NodeOptions options,
                                     std::function<void(absl::Status)> ready);

  // Shuts the executor down and ends every call with NODE_STOPPING, on the calling thread. May be
  // called twice; the destructor calls it.
  virtual void Stop() = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_NODE_NODE_H_
