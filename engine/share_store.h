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
  static std::string Key(const VersionRef& version) {
    return Key(version.key_tag, version.slot_epoch, version.version);
  }
  // What Key() was made of; nullopt for other keys.
  static std::optional<VersionRef> ParseKey(absl::string_view row_key);
  static constexpr char kFamilyPrefix[] = "s/";
  static std::string KeyPrefix(const KeyTag& key_tag);
  static absl::StatusOr<ListedShare> List(ByteSpan row);
};

// The canonical text of a script this node holds shares of, so that its disk can be read with nothing
// else known: written with the first share of that script, at the latest.
struct ScriptRow {
  // "c/", script id.
  static constexpr char kFamilyPrefix[] = "c/";
  static std::string Key(const ScriptId& id);
  static Bytes Encode(const cryptoscatter::Script& script);
  // InvalidArgument unless it is the canonical text that the id in the key is of.
  static absl::StatusOr<CellScripts::ScriptPtr> Decode(absl::string_view row_key, ByteSpan bytes);
};

// What a node has of one version, judged against what the writer signed.
struct HeldShare {
  // OK: a row was read, whatever is in it. NotFound; DataLoss; or what the store says.
  absl::Status row;
  bool metadata_ok = false;   // it is this node's share of this version, and the proof holds
  bool fragment_ok = false;   // it has the signed root, or was not asked for
  bool key_share_ok = false;  // it unwraps and has the signed hash
  std::string reason;  // names the share and all that is wrong with it; empty when nothing is
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

  explicit ShareStore(NodeContext& context) : context_(context) {}

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
  void ResolveItem(IntakeItem& item, const absl::StatusOr<Bytes>& stored);
  void Commit(std::shared_ptr<Intake> intake);
  // The row of a script that may not be on the disk yet; `added` gets the ids so written.
  void AddScriptRow(const ScriptId& id, std::vector<StoreWrite>& writes,
                    std::set<ScriptId>& added) const;
  void Judge(const VersionRef& version, bool with_fragment, std::shared_ptr<HeldShare> held,
             std::function<void(HeldShare)> done);
  void Answer(NodeIndex to, const FetchShare& request, const ShareRow& row);
  void NoteDamage(const VersionRef& version) const {
    if (damaged_) damaged_(version);
  }

  NodeContext& context_;
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

#endif  // WORLDB_ENGINE_SHARE_STORE_H_
