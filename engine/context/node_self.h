// Who a node is, and what every part of it may do: run tasks in order, and send.
//
// All else a part touches of the world is handed to its constructor by name.
#ifndef WORLDB_ENGINE_CONTEXT_NODE_SELF_H_
#define WORLDB_ENGINE_CONTEXT_NODE_SELF_H_

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "engine/cell/cell.h"
#include "engine/messages/asked.h"
#include "engine/messages/peer_message.h"
#include "engine/ports/executor.h"
#include "engine/ports/peer_network.h"

namespace worldb::engine {

// Threads: the node's executor, but for cell(), index() and executor(): any.
class NodeSelf {
 public:
  // All of it outlives this object; `entropy` is drawn from here alone.
  NodeSelf(std::shared_ptr<const Cell> cell, NodeIndex index, Executor& executor,
           PeerNetwork& network, Entropy& entropy)
      : cell_(std::move(cell)),
        index_(index),
        executor_(executor),
        network_(network),
        request_ids_(entropy) {}

  const Cell& cell() const { return *cell_; }
  // For work on the pool, which may outlive the node.
  const std::shared_ptr<const Cell>& shared_cell() const { return cell_; }
  NodeIndex index() const { return index_; }
  DataCenterIndex data_center() const { return DataCenterOf(index_); }
  Executor& executor() const { return executor_; }
  absl::Duration now() const { return executor_.Elapsed(); }
  RequestIds& request_ids() { return request_ids_; }
  void Send(NodeIndex to, PeerMessage message) const { network_.Send(to, std::move(message)); }

 private:
  const std::shared_ptr<const Cell> cell_;
  const NodeIndex index_;
  Executor& executor_;
  PeerNetwork& network_;
  RequestIds request_ids_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CONTEXT_NODE_SELF_H_
