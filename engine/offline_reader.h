// Reads values from the raw rows of node stores, with no cell running: what recovery does after a
// disaster, and what an attacker who holds some disks and those nodes' secrets could do.
//
// It uses everything those rows give: stored shares, and staged payloads with the sealed key shares
// that the given nodes can open.
// Errors:  FailedPrecondition when the rows do not make a reading set, saying what was found and what
//          is needed; NotFound when no row is of the key.
// Threads: one owner.
// Secrets: the nodes' secrets, by reference, only while rows are added.
#ifndef WORLDB_ENGINE_OFFLINE_READER_H_
#define WORLDB_ENGINE_OFFLINE_READER_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/records.h"
#include "engine/cell.h"
#include "engine/store.h"

namespace worldb::engine {

class OfflineReader {
 public:
  // Looks for the newest version of `key_name` that the rows can read.
  OfflineReader(std::shared_ptr<const Cell> cell, Bytes key_name);

  // All rows of one node's store, of both families.
  void AddNode(NodeIndex node, const NodeSecrets& secrets, const std::vector<StoreRow>& rows,
               const std::vector<StoreRow>& blobs);

  absl::StatusOr<cryptoscatter::OpenedValue> Read() const;
  // Nodes whose key share of the key's newest version was opened.
  NodeSet key_shares() const;
  // Bad rows, each named with its reason.
  const std::vector<std::string>& rejected() const { return rejected_; }

 private:
  void AddShareRow(NodeIndex node, const NodeSecrets& secrets, const StoreRow& row,
                   const std::vector<StoreRow>& blobs);
  void AddStaged(NodeIndex node, const NodeSecrets& secrets, const StoreRow& row);

  const std::shared_ptr<const Cell> cell_;
  const Bytes key_name_;
  const KeyTag key_tag_;
  // One value of the key, from stored shares and staged payloads alike.
  struct Found {
    // Of a stored share; zero while it was only seen staged.
    std::pair<SlotEpoch, Version> version;
    std::unique_ptr<cryptoscatter::GatherDecoder> decoder;
  };
  Found& FoundOf(const CoreId& core);
  // Null without any.
  const Found* Newest() const;

  cryptoscatter::BatchVerifier verifier_;
  // The cell's scripts, and those that rows brought.
  std::shared_ptr<const cryptoscatter::ScriptBook> scripts_;
  std::vector<CellScripts::ScriptPtr> known_scripts_;
  std::map<CoreId, Found> found_;
  std::vector<std::string> rejected_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_OFFLINE_READER_H_
