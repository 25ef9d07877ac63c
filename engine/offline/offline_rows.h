// Share rows of nodes' stores, read with no node running: each completed from the batch rows and script
// rows of its own store.
//
// Errors:  InvalidArgument when a row, or one it names, is missing or does not decode.
// Threads: one owner for all that share an OfflineBatches.
// Source:  docs/share-format.md section 16.
#ifndef WORLDB_ENGINE_OFFLINE_OFFLINE_ROWS_H_
#define WORLDB_ENGINE_OFFLINE_OFFLINE_ROWS_H_

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/batch_part.h"
#include "cryptoscatter/script_book.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell_scripts.h"
#include "engine/ports/store.h"
#include "engine/rows/share_rows.h"

namespace worldb::engine {

// A share as it was found.
struct FoundShare {
  cryptoscatter::Share share;
  bool has_fragment = true;  // false: only metadata and key share are there
  std::optional<cryptoscatter::StoredKeyShare> key_share;
  CellScripts::ScriptPtr script;  // null when what it lay in did not bring it
  NodeId holder;                  // zero when not known
  // No key of its holder is at hand: that its key share does not open is no fault of the share.
  bool locked = false;
  std::string where;  // for people
};

// A row of a node's share store. A fragment stored apart is a blob of the same key; then
// `fragment_apart` is set.
struct FoundRow {
  FoundShare found;
  bool fragment_apart = false;
};

// Batch rows of several stores, those used last. Of rows that are the same in several stores it keeps
// one: nodes that hold all of a batch do.
class OfflineBatches {
 public:
  static constexpr std::size_t kRowsMax = 2048;  // some 17 kB each, if no two are the same

  using PartPtr = std::shared_ptr<const cryptoscatter::BatchPart>;
  // By store: a number for each.
  int AddStore() { return store_count_++; }
  // Null when it is not here.
  PartPtr Find(int store, const cryptoscatter::BatchRef& ref);
  absl::StatusOr<PartPtr> Add(int store, const cryptoscatter::BatchRef& ref, ByteSpan row);

 private:
  using Key = std::pair<cryptoscatter::BatchRef, int>;
  struct Entry {
    PartPtr part;
    std::list<Key>::iterator place;
  };
  int store_count_ = 0;
  std::map<Key, Entry> entries_;
  std::list<Key> order_;  // used last first
};

// One store.
class OfflineRows {
 public:
  // Reads a row of the store by its key.
  using Get = std::function<absl::StatusOr<Bytes>(const std::string& row_key)>;
  OfflineRows(Get get, std::shared_ptr<OfflineBatches> batches)
      : get_(std::move(get)), batches_(std::move(batches)), number_(batches_->AddStore()) {}

  // A script row, before the share rows that name it.
  absl::StatusOr<CellScripts::ScriptPtr> AddScript(const StoreRow& row);
  // `others` is looked in for a script whose row is not there.
  absl::StatusOr<FoundRow> DecodeShare(const StoreRow& row,
                                       const cryptoscatter::ScriptBook& others);

 private:
  absl::StatusOr<CellScripts::ScriptPtr> FindScript(const ScriptRef& ref,
                                                    const cryptoscatter::ScriptBook& others) const;
  absl::StatusOr<OfflineBatches::PartPtr> FindBatch(const cryptoscatter::BatchRef& ref);

  const Get get_;
  const std::shared_ptr<OfflineBatches> batches_;
  const int number_;
  std::map<ScriptRef, CellScripts::ScriptPtr> scripts_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_OFFLINE_OFFLINE_ROWS_H_
