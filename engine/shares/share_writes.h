// What is being written of a node's shares, and what became of the last ones.
//
// A share is checked, looked up and written in steps, and whoever writes one keeps its row from before it
// is looked up until the commit is answered: two values offered at once for one version
// must not both get in.
// Bounds:  rows are kept by shares on their way in (ShareIntake) and by the repairs under way (Repairer),
//          which are bounded there; scripts are the cell's.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md invariant 6.
#ifndef WORLDB_ENGINE_SHARES_SHARE_WRITES_H_
#define WORLDB_ENGINE_SHARES_SHARE_WRITES_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "engine/cell/cell.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class ShareWrites {
 public:
  // `cell` outlives this object.
  explicit ShareWrites(const Cell& cell) : cell_(cell) {}

  // The value whose share is being written into this row.
  std::optional<CommitmentId> UnderWay(const std::string& row_key) const;
  // False when the row is kept already, for whatever value.
  bool Keep(const std::string& row_key, const CommitmentId& value);
  void LetGo(const std::string& row_key) { under_way_.erase(row_key); }

  // Appends the row of a script of the cell that may not be on the disk yet; `added` gets its id then.
  void AppendScript(const ScriptId& id, std::vector<StoreWrite>& writes,
                    std::set<ScriptId>& added) const;
  // What was so added is committed.
  void NoteScripts(const std::set<ScriptId>& committed) {
    scripts_kept_.insert(committed.begin(), committed.end());
  }

  // `count` shares, at least one, were to be written, and this is what became of it.
  void NoteShares(std::size_t count, const absl::Status& status);
  std::uint64_t stored_count() const { return stored_count_; }
  // What became of the last share that was to be written: why the node takes none now.
  const absl::Status& store_status() const { return store_status_; }

 private:
  const Cell& cell_;
  absl::flat_hash_map<std::string, CommitmentId> under_way_;
  // Whose rows this process has seen committed.
  std::set<ScriptId> scripts_kept_;
  std::uint64_t stored_count_ = 0;
  absl::Status store_status_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SHARE_WRITES_H_
