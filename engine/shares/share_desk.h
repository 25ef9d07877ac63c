// Answers readers, and homes that look for what they lost: which versions of a key this node has shares of,
// and its share of one of them or of the newest, the key share sealed to the reader.
//
// A key share leaves a node only so, and never to another node: at rest it lies under the node's storage
// key. What turns out to be damaged on the way is reported, and not given out; of a share whose fragment
// is gone the rest still is, as it may be what the reader lacks.
//
// Fetches of one message are looked up together and answered together. A fragment that lies apart from its
// row is answered for later, with others up to kTogetherBytesMax.
// Bounds:  kVersionsListedMax versions in an answer, the newest; FetchShares::kFetchesMax fetches of a message.
// Errors:  in the reply: NotFound, DataLoss with what is wrong, or what the store says.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md invariant 16; docs/share-format.md section 8.
#ifndef WORLDB_ENGINE_SHARES_SHARE_DESK_H_
#define WORLDB_ENGINE_SHARES_SHARE_DESK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/cell/cell.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/context/node_self.h"
#include "engine/ports/store.h"
#include "engine/shares/newest_hints.h"
#include "engine/shares/share_reader.h"

namespace worldb::engine {

class ShareDesk {
 public:
  // A reader wants the newest few.
  static constexpr std::size_t kVersionsListedMax = 64;
  // Of ciphertext: fragments are smaller.
  static constexpr std::uint64_t kTogetherBytesMax = std::uint64_t{1} << 20;

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
  void Fetch(NodeIndex from, const FetchShares& message);
  // These are about to be stored, if they are good.
  void Expect(const PutShares& message);
  void Prove(NodeIndex from, const ProbeShare& request);

 private:
  std::vector<ListedShare> ListedOf(const std::vector<StoreRow>& rows) const;
  // The steps of Fetch(), in this order. Each sends what it knows the answers to.
  struct Fetching;
  using Fetchings = std::vector<Fetching>;
  // Of their rows, in order, and of what lies apart from them.
  static std::vector<std::string> KeysOf(const Fetchings& fetchings);
  using Values = std::vector<absl::StatusOr<Bytes>>;
  void TakeRows(NodeIndex to, Fetchings all, Values values);
  struct Search;
  void FindNewest(NodeIndex to, Fetchings wanted);
  void TakeNewest(Search& search, Fetching wanted, absl::StatusOr<std::vector<StoreRow>> rows);
  void Complete(NodeIndex to, Fetchings found, FetchSharesReply message);
  void TakeNoneCompleted(NodeIndex to, Fetchings decoded, const absl::Status& status,
                         FetchSharesReply message);
  void TakeCompleted(NodeIndex to, Fetchings decoded, std::vector<CompletedRow> completed,
                     FetchSharesReply message);
  void FetchFragments(NodeIndex to, Fetchings apart);
  void FetchTogether(NodeIndex to, Fetchings apart);
  void TakeFragments(NodeIndex to, Fetchings apart, Values fragments);
  FetchShareReply Given(Fetching& fetching);
  FetchShareReply Damaged(const Fetching& fetching, absl::string_view why);
  static FetchShareReply Failed(const Fetching& fetching, const absl::Status& status);
  void Send(NodeIndex to, FetchSharesReply message);

  absl::StatusOr<cryptoscatter::SealedKeyShare> SealFor(
      const cryptoscatter::ExchangePublicKey& reader, const VersionRef& version,
      const ShareRow& row);

  NodeSelf& self_;
  Store& store_;
  const NodeSecrets& secrets_;
  PairwiseKeys& keys_;
  ShareReader& reader_;
  const std::function<void(const VersionRef&)> damaged_;
  NewestHints newest_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SHARE_DESK_H_
