// How the nodes of a cell speak to each other.
//
// Messages are plain structs (engine/messages/peer_message.h). Delivery is not promised: a message may be lost
// when either end stops, never altered, and what arrives over one link arrives in the order it was
// sent. Senders that need an answer keep their own deadline.
// Contract suite: tests/support/peer_network_contract.h.
#ifndef WORLDB_ENGINE_PORTS_PEER_NETWORK_H_
#define WORLDB_ENGINE_PORTS_PEER_NETWORK_H_

#include <functional>

#include "cryptoscatter/base/ids.h"
#include "engine/messages/peer_message.h"

namespace worldb::engine {

class PeerNetwork {
 public:
  virtual ~PeerNetwork() = default;
  // Returns at once. Sending to oneself is allowed and takes the same road.
  virtual void Send(NodeIndex to, PeerMessage message) = 0;
  // Incoming messages run `handler` on the executor this network was made with. Set once; what arrives
  // before is lost.
  virtual void SetHandler(std::function<void(NodeIndex from, PeerMessage)> handler) = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_PORTS_PEER_NETWORK_H_
