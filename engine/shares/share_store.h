// The shares one node holds: checks what it is handed, stores it synced, signs receipts, and gives
// shares out, the key share sealed to the reader.
//
// A node never shows its key share to another node: it leaves only sealed to a reader's key. At rest
// it lies under the node's storage key.
// Errors:  a share that fails a check is refused with the reason, the rest of its batch stands.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md invariants 15 and 16; docs/share-format.md.
#ifndef WORLDB_ENGINE_SHARES_SHARE_STORE_H_
#define WORLDB_ENGINE_SHARES_SHARE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/share.h"
#include "engine/context/node_context.h"
#include "engine/rows/share_rows.h"
#include "engine/shares/batch_rows.h"

namespace worldb::engine {

// What a node has of one version, judged against what the writer signed.
struct HeldShare {
  // OK: a row was read, whatever is in it. NotFound; DataLoss; or what the store says.
  absl::Status row;
  // It is this node's share of this version, and the proof holds: that on the disk.
  bool metadata_ok = false;
  bool fragment_ok = false;   // it has the signed root, or was not asked for
  bool key_share_ok = false;  // it unwraps and has the signed hash
  std::string reason;  // names the share and all that is wrong with it; empty when nothing is
  // Of this node's share of this version, if its proof holds, be it on the disk or only in memory.
  std::optional<CommitmentId> proved;
  // As stored: as good as is said above.
  cryptoscatter::Share share;
  std::optional<cryptoscatter::StoredKeyShare> stored_key_share;
  std::optional<cryptoscatter::KeyShare> key_share;

  bool whole() const { return metadata_ok && fragment_ok && key_share_ok; }
};

// What a node checks before it takes a share, with the key its sealed key share opens under: that the
// share is node `index`'s, in its key's slot; that a writer of the cell signed it; and that fragment
// and key share are what was signed. Whoever scatters can change nothing then but the version, which
// nobody has signed yet. Returns the key share. `with_fragment`: false for a share without one.
absl::StatusOr<cryptoscatter::KeyShare> CheckDelivery(const Cell& cell, NodeIndex index,
                                                      const ShareDelivery& delivery,
                                                      const cryptoscatter::PairwiseKey& opener,
                                                      cryptoscatter::BatchVerifier& verifier,
                                                      bool with_fragment = true);

class ShareStore {
 public:
  using PairwiseKeyPtr = std::shared_ptr<const cryptoscatter::PairwiseKey>;

  explicit ShareStore(NodeContext& context) : context_(context), batches_(context) {}

  void On(NodeIndex from, PutShares request);
  void On(NodeIndex from, const ListShares& request);
  void On(NodeIndex from, const FetchShare& request);

  // Reads and judges what is stored of a version; without its fragment if so asked.
  void Inspect(const VersionRef& version, bool with_fragment, std::function<void(HeldShare)> done);
  // The key share of a delivery without fragment; Ok when metadata and key share verify and are for
  // this node.
  absl::StatusOr<cryptoscatter::KeyShare> OpenOwed(const ShareDelivery& delivery);
  // Puts a share in the place of what is there, synced. AlreadyExists when a good share of another
  // value is there. REQUIRES: the share is this node's, and verified, fragment and key share too.
  void Mend(cryptoscatter::Share share, const cryptoscatter::KeyShare& key_share,
            std::function<void(absl::Status)> done);
  // Runs when serving a reader shows that a stored share is damaged.
  void OnDamage(std::function<void(const VersionRef&)> found) { damaged_ = std::move(found); }

  // Keys with other parties, derived once for each.
  absl::StatusOr<PairwiseKeyPtr> SealerKey(const cryptoscatter::ExchangePublicKey& opener);
  absl::StatusOr<PairwiseKeyPtr> OpenerKey(const cryptoscatter::ExchangePublicKey& sealer);

  std::uint64_t stored_count() const { return stored_count_; }
  // What became of the last share that was to be written: why the node takes none now.
  const absl::Status& store_status() const { return store_status_; }

 private:
  using PairwiseCache = absl::flat_hash_map<cryptoscatter::ExchangePublicKey, PairwiseKeyPtr>;
  using Derivation = absl::StatusOr<cryptoscatter::PairwiseKey> (cryptoscatter::ExchangeKeyPair::*)(
      const cryptoscatter::ExchangePublicKey&) const;
  // Derived once per peer: it costs a scalar multiplication.
  absl::StatusOr<PairwiseKeyPtr> KeyWith(const cryptoscatter::ExchangePublicKey& peer,
                                         PairwiseCache& cache, Derivation derive) const;

  // A batch of deliveries on its way through check, commit and receipt.
  struct IntakeItem;
  struct Intake;
  struct Checker;
  void Resolve(std::shared_ptr<Intake> intake);
  void OnStored(std::shared_ptr<Intake> intake, const std::vector<absl::StatusOr<Bytes>>& rows);
  // A row that was read, with whatever proof there is.
  struct CompletedRow {
    ShareRow row;
    absl::Status share;  // InvalidArgument: it is no share of this cell, and nothing of it counts
    // InvalidArgument: it has none where it was looked for. The row has that in memory then, if there
    // is one: it tells what the share is, not that the rows are whole.
    absl::Status proof;
  };
  // Null where nothing is stored that counts.
  void ResolveItem(IntakeItem& item, const CompletedRow* stored);
  void Commit(std::shared_ptr<Intake> intake);
  // The error is the store's.
  void Complete(std::vector<ShareRow> rows, BatchRows::From from,
                std::function<void(absl::StatusOr<std::vector<CompletedRow>>)> done);
  absl::Status CompleteWithoutProof(ShareRow& row) const;
  // The row of a script that may not be on the disk yet; `added` gets the ids so written.
  void AddScriptRow(const ScriptId& id, std::vector<StoreWrite>& writes,
                    std::set<ScriptId>& added) const;
  void Judge(const VersionRef& version, bool with_fragment, const absl::Status& proof,
             std::shared_ptr<HeldShare> held, std::function<void(HeldShare)> done);
  void InspectRow(const VersionRef& version, bool with_fragment, CompletedRow completed,
                  std::function<void(HeldShare)> done);
  // A row of which nothing counts.
  HeldShare Unusable(const VersionRef& version, const absl::Status& row) const;
  void Answer(NodeIndex to, const FetchShare& request, const ShareRow& row);
  void NoteDamage(const VersionRef& version) const {
    if (damaged_) damaged_(version);
  }

  NodeContext& context_;
  BatchRows batches_;
  PairwiseCache opener_keys_;
  PairwiseCache sealer_keys_;
  // Checked and being written: two cores offered at once for one version must not both get in.
  absl::flat_hash_map<std::string, CommitmentId> under_way_;
  // Whose rows this process has seen committed.
  std::set<ScriptId> scripts_kept_;
  std::uint64_t stored_count_ = 0;
  absl::Status store_status_;
  std::function<void(const VersionRef&)> damaged_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SHARE_STORE_H_
