// Helps other nodes to repair their shares: gives fragments, and masked contributions to key shares.
//
// Who asks is helped with the share of its own index only: the placement names no other node for it.
// Nothing leaves that was not verified here first; damage found on the way is reported to the node's
// own repairer.
// Errors:  in the reply: NotFound, DataLoss with what is wrong, AlreadyExists for another commitment.
// Threads: its node's executor.
// Secrets: key shares leave as masked contributions alone, each sealed to the node that asks.
// Source:  docs/protocol.md 7; docs/share-format.md section 14; ARCHITECTURE.md invariant 16.
#ifndef WORLDB_ENGINE_REPAIR_REPAIR_DESK_H_
#define WORLDB_ENGINE_REPAIR_REPAIR_DESK_H_

#include <array>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "cryptoscatter/key_repair.h"
#include "engine/cell/cell.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/context/node_self.h"
#include "engine/shares/share_reader.h"

namespace worldb::engine {

class RepairDesk {
 public:
  // `damaged` hears of shares of this node that turn out to be bad.
  RepairDesk(NodeSelf& self, const NodeSecrets& secrets, PairwiseKeys& keys, Entropy& entropy,
             ShareReader& shares, std::function<void(const VersionRef&)> damaged)
      : self_(self),
        secrets_(secrets),
        keys_(keys),
        entropy_(entropy),
        shares_(shares),
        damaged_(std::move(damaged)) {}

  void GiveFragment(NodeIndex to, const FetchFragment& request);
  void GiveContribution(NodeIndex to, const RepairKeyShare& request);

 private:
  // Why `held` cannot help; OK when it can.
  absl::Status Usable(const VersionRef& version, const HeldShare& held, bool part_ok);
  absl::StatusOr<cryptoscatter::SealedContribution> Contribute(NodeIndex target,
                                                               const RepairKeyShare& request,
                                                               const HeldShare& held);
  absl::StatusOr<const cryptoscatter::PairwiseKey*> MaskKeyWith(NodeIndex helper);

  NodeSelf& self_;
  const NodeSecrets& secrets_;
  PairwiseKeys& keys_;
  Entropy& entropy_;
  ShareReader& shares_;
  const std::function<void(const VersionRef&)> damaged_;
  // Apart from `keys_`: who of two helpers stands as sealer is cryptoscatter::MaskKeyOf()'s to say.
  std::array<std::unique_ptr<const cryptoscatter::PairwiseKey>, kNodeCount> mask_keys_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_REPAIR_REPAIR_DESK_H_
