// Helps other nodes to repair their shares: gives fragments, and masked contributions to key shares.
//
// Who asks is helped with the share of its own index only: the placement names no other node for it.
// Nothing leaves that was not verified here first; damage found on the way is reported to the node's
// own repairer.
// Threads: its node's executor.
// Source:  docs/protocol.md 7; docs/share-format.md section 14; ARCHITECTURE.md invariant 16.
#ifndef WORLDB_ENGINE_REPAIR_REPAIR_DESK_H_
#define WORLDB_ENGINE_REPAIR_REPAIR_DESK_H_

#include <array>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "cryptoscatter/key_repair.h"
#include "engine/context/node_context.h"
#include "engine/shares/share_store.h"

namespace worldb::engine {

class RepairDesk {
 public:
  // `damaged` hears of shares of this node that turn out to be bad.
  RepairDesk(NodeContext& context, ShareStore& shares,
             std::function<void(const VersionRef&)> damaged)
      : context_(context), shares_(shares), damaged_(std::move(damaged)) {}

  void On(NodeIndex from, const FetchFragment& request);
  void On(NodeIndex from, const RepairKeyShare& request);

 private:
  // Why `held` cannot help; OK when it can.
  absl::Status Usable(const VersionRef& version, const HeldShare& held, bool part_ok);
  absl::StatusOr<cryptoscatter::SealedContribution> Contribute(NodeIndex target,
                                                               const RepairKeyShare& request,
                                                               const HeldShare& held);
  absl::StatusOr<const cryptoscatter::PairwiseKey*> MaskKeyWith(NodeIndex helper);

  NodeContext& context_;
  ShareStore& shares_;
  const std::function<void(const VersionRef&)> damaged_;
  std::array<std::unique_ptr<const cryptoscatter::PairwiseKey>, kNodeCount> mask_keys_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_REPAIR_REPAIR_DESK_H_
