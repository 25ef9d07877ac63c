// Reads values from what nodes left on their disks, with no cell running: what recovery does after a
// disaster, and what an attacker who holds some disks and those nodes' secrets could do.
//
// It uses all there is: stored shares, and staged payloads with the sealed key shares that the given
// nodes can open. A value is opened only from shares that carry one and the same writer-signed
// commitment, so two values are never combined.
// Errors:  FailedPrecondition when the shares do not make a reading set, saying what was found and what
//          is needed; OpenFailure() (DataLoss) when verified shares do not open; NotFound when there is
//          no share at all.
// Threads: one owner.
// Secrets: storage keys and exchange secrets of nodes; opened values.
#ifndef WORLDB_ENGINE_OFFLINE_OFFLINE_READER_H_
#define WORLDB_ENGINE_OFFLINE_OFFLINE_READER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell.h"
#include "engine/offline/offline_rows.h"
#include "engine/ports/store.h"

namespace worldb::engine {

// The keys of those nodes whose disks shall open.
class OfflineKeys {
 public:
  // Every distinct pair of keys under a node's id is kept: an export does not say who made it, so keys of
  // somebody else's must not keep out the node's own.
  void Add(const NodeId& node, const SecretArray<32>& storage_key,
           const SecretArray<32>& exchange_secret);
  bool empty() const { return nodes_.empty(); }
  bool Has(const NodeId& node) const { return nodes_.contains(node); }
  // Of node ids and public keys: differs where other keys were added.
  Hash256 Fingerprint() const;

  // Whose storage key wraps the key share of this share; nullopt when none of these does.
  std::optional<NodeId> HolderOf(const cryptoscatter::Share& share,
                                 const cryptoscatter::StoredKeyShare& stored) const;

  // Nullopt when it was not wrapped under one of these keys for this place. `holder` is zero when it
  // is not known whose disk it comes from: then every node's key is tried.
  std::optional<cryptoscatter::KeyShare> Unwrap(const cryptoscatter::Share& share,
                                                const NodeId& holder,
                                                const cryptoscatter::StoredKeyShare& stored) const;
  // Those of the nine that were sealed to one of these nodes.
  std::array<std::optional<cryptoscatter::KeyShare>, kNodeCount> OpenSealed(
      const cryptoscatter::SealedValue& sealed) const;
  // A name as a node keeps it beside its shares (engine/rows/name_rows.h); `row_key` names the row.
  std::optional<Bytes> OpenName(absl::string_view row_key, ByteSpan sealed) const;

 private:
  struct Node {
    SecretArray<32> storage_key;
    cryptoscatter::ExchangeKeyPair exchange;
  };
  std::multimap<NodeId, Node> nodes_;
};

// The shipped scripts, and those that stores, share files and cell files brought.
class OfflineScripts {
 public:
  // Adding one twice changes nothing.
  void Add(CellScripts::ScriptPtr script);
  void AddOf(const Cell& cell);
  const std::shared_ptr<const cryptoscatter::ScriptBook>& book() const { return book_; }

 private:
  std::vector<CellScripts::ScriptPtr> more_;
  std::shared_ptr<const cryptoscatter::ScriptBook> book_ = cryptoscatter::ScriptBook::Shipped();
};

// One value, as one writer signed it, gathered share by share.
class OfflineValue {
 public:
  // Keys and verifier must outlive it.
  OfflineValue(const OfflineKeys& keys, std::shared_ptr<const cryptoscatter::ScriptBook> scripts,
               cryptoscatter::BatchVerifier& verifier);

  // REQUIRES: all shares and payloads of one value have the same commitment. Returns what is wrong
  // with the share, or nothing.
  std::string Add(FoundShare found);
  std::string AddStaged(const cryptoscatter::SealedValue& sealed, absl::string_view where);

  NodeSet fragments() const;
  NodeSet key_shares() const;
  // Nodes whose fragment and key share are both good.
  NodeSet whole() const { return fragments() & key_shares(); }
  bool IsReadable() const;

  // The way to a reading set that is the shortest from here: "2 of 4 so far" and what else is needed.
  struct Shortfall {
    int have = 0;
    int need = 0;
    NodeSet missing;          // for example
    std::string script_text;  // empty when the script is not known
  };
  Shortfall shortfall() const;

  absl::StatusOr<cryptoscatter::OpenedValue> Open(
      std::optional<ByteSpan> expected_key_name = std::nullopt) const;

 private:
  cryptoscatter::GatherDecoder& DecoderFor(const cryptoscatter::Core& core, const ScriptId& script);

  const OfflineKeys& keys_;
  const std::shared_ptr<const cryptoscatter::ScriptBook> scripts_;
  cryptoscatter::BatchVerifier& verifier_;
  ScriptId script_;
  std::unique_ptr<cryptoscatter::GatherDecoder> decoder_;  // null before the first share
};

// The newest version of one key in the rows of some stores.
class OfflineReader {
 public:
  OfflineReader(std::shared_ptr<const Cell> cell, Bytes key_name);

  // All rows of one node's store, of both families.
  void AddNode(NodeIndex node, const NodeSecrets& secrets, const std::vector<StoreRow>& rows,
               const std::vector<StoreRow>& blobs);

  absl::StatusOr<cryptoscatter::OpenedValue> Read();
  // Nodes whose key share of the key's newest version was opened.
  NodeSet key_shares();
  // Bad rows, each named with its reason.
  const std::vector<std::string>& rejected() const { return rejected_; }

 private:
  struct Found {
    // Of a stored share; zero while it was only seen staged.
    std::pair<SlotEpoch, Version> version;
    std::vector<FoundShare> shares;
    std::vector<std::pair<cryptoscatter::SealedValue, std::string>> staged;
    std::unique_ptr<OfflineValue> value;
  };
  // Judges what has come in: key shares open only when all keys are there.
  void Gather();
  // Null without any.
  const Found* Newest() const;

  const std::shared_ptr<const Cell> cell_;
  const Bytes key_name_;
  const KeyTag key_tag_;
  OfflineKeys keys_;
  OfflineScripts scripts_;
  const std::shared_ptr<OfflineBatches> batches_ = std::make_shared<OfflineBatches>();
  cryptoscatter::BatchVerifier verifier_;
  std::map<CommitmentId, Found> found_;
  std::vector<std::string> rejected_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_OFFLINE_OFFLINE_READER_H_
