// The shares one node holds: checks what it is handed, stores it synced, signs receipts, and gives
// shares out, the key share sealed to the reader.
//
// A node never shows its key share to another node: it leaves only sealed to a reader's key. At rest
// it lies under the node's storage key.
// Errors:  a share that fails a check is refused with the reason, the rest of its batch stands.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md invariants 15 and 16; docs/share-format.md.
#ifndef WORLDB_ENGINE_SHARE_STORE_H_
#define WORLDB_ENGINE_SHARE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/share.h"
#include "engine/node_context.h"

namespace worldb::engine {

// One row of the share store; a fragment above kFragmentInRowBytesMax lies in the blob family under
// the same key.
struct ShareRow {
  static constexpr std::size_t kFragmentInRowBytesMax = 2048;

  cryptoscatter::Share share;  // fragment empty when it lies apart
  cryptoscatter::StoredKeyShare key_share;
  bool fragment_apart = false;

  Bytes Encode() const;
  static absl::StatusOr<ShareRow> Decode(ByteSpan bytes);
  // "s/", key tag, complements of slot epoch and version, big-endian: a scan meets the newest
  // version first.
  static std::string Key(const KeyTag& key_tag, SlotEpoch slot_epoch, Version version);
  static std::string KeyPrefix(const KeyTag& key_tag);
  static absl::StatusOr<ListedShare> List(ByteSpan row);
};

class ShareStore {
 public:
  explicit ShareStore(NodeContext& context) : context_(context) {}

  void On(NodeIndex from, PutShares request);
  void On(NodeIndex from, const ListShares& request);
  void On(NodeIndex from, const FetchShare& request);

  std::uint64_t stored_count() const { return stored_count_; }

 private:
  using PairwiseCache = absl::flat_hash_map<cryptoscatter::ExchangePublicKey,
                                            std::shared_ptr<const cryptoscatter::PairwiseKey>>;
  using Derivation = absl::StatusOr<cryptoscatter::PairwiseKey> (cryptoscatter::ExchangeKeyPair::*)(
      const cryptoscatter::ExchangePublicKey&) const;
  // Derived once per peer: it costs a scalar multiplication.
  absl::StatusOr<std::shared_ptr<const cryptoscatter::PairwiseKey>> KeyWith(
      const cryptoscatter::ExchangePublicKey& peer, PairwiseCache& cache, Derivation derive) const;

  // A batch of deliveries on its way through check, commit and receipt.
  struct IntakeItem;
  struct Intake;
  struct Checker;
  void Resolve(std::shared_ptr<Intake> intake);
  void ResolveItem(IntakeItem& item, const absl::StatusOr<Bytes>& stored);
  void Commit(std::shared_ptr<Intake> intake);
  void Answer(NodeIndex to, const FetchShare& request, const ShareRow& row);

  NodeContext& context_;
  PairwiseCache opener_keys_;
  PairwiseCache sealer_keys_;
  // Checked and being written: two cores offered at once for one version must not both get in.
  absl::flat_hash_map<std::string, CoreId> under_way_;
  std::uint64_t stored_count_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARE_STORE_H_
