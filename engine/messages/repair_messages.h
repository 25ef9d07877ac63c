// How a node makes its share whole again out of what others hold.
#ifndef WORLDB_ENGINE_MESSAGES_REPAIR_MESSAGES_H_
#define WORLDB_ENGINE_MESSAGES_REPAIR_MESSAGES_H_

#include <memory>

#include "absl/status/status.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/share.h"
#include "engine/messages/payload.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

// A share to repair from: the sender asks on behalf of its own index.
struct FetchFragment {
  RequestId id = 0;
  VersionRef version;
  bool with_fragment = true;  // metadata alone without it
};
struct FetchFragmentReply {
  RequestId id = 0;
  absl::Status status;
  std::shared_ptr<const cryptoscatter::Share> share;  // never a key share
};
// The target of the repair is the sender: a node helps nobody with the share of another.
struct RepairKeyShare {
  RequestId id = 0;
  VersionRef version;
  CommitmentId commitment;
  NodeSet helpers;
};
struct RepairKeyShareReply {
  RequestId id = 0;
  absl::Status status;
  cryptoscatter::SealedContribution contribution;  // sealed to the sender of the request
};
// A reader could not use the receiver's share and thinks that it should be there.
struct ShareDoubt {
  VersionRef version;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_REPAIR_MESSAGES_H_
