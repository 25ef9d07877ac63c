// The peer network of a cell whose nodes share one process: queues with a one-way delay per link.
//
// The same code serves `worldb demo` over threads and the simulator in virtual time: time and
// scheduling come from the receiver's executor alone.
// Order:   per link first in, first out, whatever the delays do: a message is never due before the
//          one sent before it. One task delivers all that is due on a link, so a busy link costs
//          far less than one task a message.
// Bounds:  a link holds at most Options::link_messages_max messages; above that new ones are lost
//          and counted.
// Threads: any; the hub must outlive every PeerNetwork it handed out.
#ifndef WORLDB_ENGINE_LOCAL_IN_PROCESS_NETWORK_H_
#define WORLDB_ENGINE_LOCAL_IN_PROCESS_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "cryptoscatter/base/ids.h"
#include "engine/ports/executor.h"
#include "engine/ports/peer_network.h"

namespace worldb::engine {

class InProcessNetwork {
 public:
  // One-way delay of a message, asked for each one. It may vary. Called on the sender's thread
  // under a lock: it must be safe for any thread and must not call the network.
  using DelayFunction = std::function<absl::Duration(NodeIndex from, NodeIndex to)>;

  struct Options {
    std::size_t link_messages_max = std::size_t{1} << 18;
    // One delivery task hands over at most this many messages before other tasks get their turn.
    std::size_t delivery_messages_max = 512;
  };

  InProcessNetwork(DelayFunction delay, const Options& options);
  explicit InProcessNetwork(DelayFunction delay) : InProcessNetwork(std::move(delay), Options{}) {}
  // REQUIRES: every PeerNetwork it handed out is destroyed.
  ~InProcessNetwork();
  InProcessNetwork(const InProcessNetwork&) = delete;
  InProcessNetwork& operator=(const InProcessNetwork&) = delete;

  // Joins `node` to the cell; its messages run on `executor`. Destroying the result leaves the cell
  // like Detach(). REQUIRES: `node` is not attached; `executor` outlives the result.
  std::unique_ptr<PeerNetwork> Attach(NodeIndex node, Executor& executor);
  // Takes `node` out: messages from and to it, those in flight included, are lost. Its PeerNetwork
  // then drops what it is given. The node may be attached again.
  void Detach(NodeIndex node);
  // A stopped node stays attached but, as if the machine were off, nothing reaches or leaves it;
  // messages in flight from and to it are lost. Nodes run at first.
  void SetRunning(NodeIndex node, bool running);
  // Cuts or mends one direction of a link; what is in flight on a link being cut is lost.
  void SetLinkUp(NodeIndex from, NodeIndex to, bool up);

  // Messages lost so far for any reason.
  std::uint64_t lost_count() const;

 private:
  class Hub;
  class Endpoint;
  const std::shared_ptr<Hub> hub_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_IN_PROCESS_NETWORK_H_
