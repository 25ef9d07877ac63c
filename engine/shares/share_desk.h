// Answers readers, and homes that look for what they lost: which versions of a key this node has shares of,
// and its share of one of them, the key share sealed to the reader.
//
// A key share leaves a node only so, and never to another node: at rest it lies under the node's storage
// key. What turns out to be damaged on the way is reported, and not given out; of a share whose fragment
// is gone the rest still is, as it may be what the reader lacks.
// Bounds:  kVersionsListedMax versions in an answer, the newest.
// Errors:  in the reply: NotFound, DataLoss with what is wrong, or what the store says.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md invariant 16; docs/share-format.md section 8.
#ifndef WORLDB_ENGINE_SHARES_SHARE_DESK_H_
#define WORLDB_ENGINE_SHARES_SHARE_DESK_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/cell/cell.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/context/node_self.h"
#include "engine/ports/store.h"
#include "engine/shares/share_reader.h"

namespace worldb::engine {

class ShareDesk {
 public:
  // A reader wants the newest few.
  static constexpr std::size_t kVersionsListedMax = 64;

  // `damaged` hears of shares of this node that turn out to be bad.
  ShareDesk(NodeSelf& self, Store& store, const NodeSecrets& secrets, PairwiseKeys& keys,
            ShareReader& reader, std::function<void(const VersionRef&)> damaged)
      : self_(self),
        store_(store),
        secrets_(secrets),
        keys_(keys),
        reader_(reader),
        damaged_(std::move(damaged)) {}

  void List(NodeIndex from, const ListShares& request);
  void Fetch(NodeIndex from, const FetchShare& request);
  void Prove(NodeIndex from, const ProbeShare& request);

 private:
  std::vector<ListedShare> ListedOf(const std::vector<StoreRow>& rows) const;
  // The steps of Fetch(), in this order.
  struct Fetching;
  using FetchingPtr = std::shared_ptr<Fetching>;
  void TakeRow(const FetchingPtr& fetching, const absl::StatusOr<Bytes>& bytes);
  void TakeCompleted(const FetchingPtr& fetching, CompletedRow completed);
  void TakeFragment(const FetchingPtr& fetching, absl::StatusOr<Bytes> fragment);
  void Give(const FetchingPtr& fetching);
  void EndDamaged(const FetchingPtr& fetching, absl::string_view why);
  void End(const FetchingPtr& fetching, absl::Status status);

  absl::StatusOr<cryptoscatter::SealedKeyShare> SealFor(
      const cryptoscatter::ExchangePublicKey& reader, const VersionRef& version,
      const ShareRow& row);

  NodeSelf& self_;
  Store& store_;
  const NodeSecrets& secrets_;
  PairwiseKeys& keys_;
  ShareReader& reader_;
  const std::function<void(const VersionRef&)> damaged_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SHARE_DESK_H_
