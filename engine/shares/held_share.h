// What a node has stored of one version, judged against what the writer signed.
//
// Record, fragment and key share are judged apart, as each may be damaged alone, and what is good of a
// share is of use to a reader, to other nodes and to the repair of the rest. A record whose proof lies in a
// batch row that is gone may still be known for what it is, out of memory: then the share is proved, and
// so no other value may take its place, but not whole.
// Errors:  in words, and with names: share, version and node.
// Threads: plain values; ShareJudge has all it needs by value, as it may run on the pool.
// Secrets: the key share. It is in the clear here, in memory, and goes nowhere.
// Source:  docs/share-format.md sections 15 and 16.
#ifndef WORLDB_ENGINE_SHARES_HELD_SHARE_H_
#define WORLDB_ENGINE_SHARES_HELD_SHARE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

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
  // The store failed: nothing is known of what is there.
  bool unread() const;

  // A row of which nothing counts, or none: `row` says why.
  static HeldShare Unusable(const Cell& cell, NodeIndex index, const VersionRef& version,
                            const absl::Status& row);
};

// Empty when the share is node `index`'s and of this version's key; else what lies there instead.
std::string Misplaced(const Cell& cell, NodeIndex index, const VersionRef& version,
                      const cryptoscatter::Share& share);

struct ShareJudge {
  std::shared_ptr<const Cell> cell;
  NodeIndex index;
  const cryptoscatter::StorageKey* storage_key;  // outlives the pool's work, as NodeParts demands
  VersionRef version;
  bool with_fragment = true;
  absl::Status proof;  // why the share is without one on the disk

  // Says of `held`, of which a row was read, how good share and stored key share are.
  void Judge(HeldShare& held, cryptoscatter::BatchVerifier& verifier) const;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_HELD_SHARE_H_
