// Takes in the shares a node is handed: checks them, looks up what is stored already, commits what is
// new, and answers with a signed receipt for each share that is synced and a refusal for each other one.
//
// Each delivery of a call stands for itself. Only nodes of the key's home hand out shares of it: any other one
// could plant a value at a version that was never decided. The same value again is receipted again, another one under
// the same version is refused and stays out; what is stored but not whole is written again before a
// receipt says that it is held. Rows, batch rows and script rows go in one synced commit.
// Bounds:  of each node kDeliveriesUnderWayMax deliveries and kBytesUnderWayMax bytes of fragments at a
//          time; a call beyond is refused whole, and whoever scatters offers it again later.
// Errors:  a share that fails a check is refused with the reason, the rest of its call stands.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md invariants 6, 15 and 17; docs/share-format.md section 16.
#ifndef WORLDB_ENGINE_SHARES_SHARE_INTAKE_H_
#define WORLDB_ENGINE_SHARES_SHARE_INTAKE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "cryptoscatter/records.h"
#include "engine/cell/cell.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/context/node_self.h"
#include "engine/ports/store.h"
#include "engine/shares/batch_rows.h"
#include "engine/shares/share_reader.h"
#include "engine/shares/share_writes.h"

namespace worldb::engine {

class ShareIntake {
 public:
  // A scatterer has up to 2048 deliveries and 48 MiB, and one value more, on their way to a node.
  static constexpr std::size_t kDeliveriesUnderWayMax = 4096;
  static constexpr std::size_t kBytesUnderWayMax = std::size_t{128} << 20;

  ShareIntake(NodeSelf& self, Store& store, const NodeSecrets& secrets, PairwiseKeys& keys,
              cryptoscatter::BatchVerifier& verifier, BatchRows& batches, ShareReader& reader,
              ShareWrites& writes)
      : self_(self),
        store_(store),
        secrets_(secrets),
        keys_(keys),
        verifier_(verifier),
        batches_(batches),
        reader_(reader),
        writes_(writes) {}

  void Take(NodeIndex from, PutShares request);

  // How often another value than the one stored was offered under its version: an alarm.
  std::uint64_t core_conflict_count() const { return core_conflict_count_; }

 private:
  class Call;
  // What one node has on its way in.
  struct Load {
    std::size_t deliveries = 0;
    std::size_t bytes = 0;
  };
  static Load LoadOf(const PutShares& request);
  void Refuse(NodeIndex to, const PutShares& request) const;

  NodeSelf& self_;
  Store& store_;
  const NodeSecrets& secrets_;
  PairwiseKeys& keys_;
  cryptoscatter::BatchVerifier& verifier_;
  BatchRows& batches_;
  ShareReader& reader_;
  ShareWrites& writes_;
  std::array<Load, kNodeCount> under_way_;  // by who handed them over
  std::uint64_t core_conflict_count_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SHARE_INTAKE_H_
