// The raw stores of a cell, as its nodes would have left them, without running the nodes: sealed,
// scattered and stored by the same code, one row at a time. Below its directory:
//   cell, nodes/NAME/secrets, nodes/NAME/store/
//
// Threads: not synchronised; one owner.
#ifndef WORLDB_TESTS_RECOVER_RAW_STORES_H_
#define WORLDB_TESTS_RECOVER_RAW_STORES_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cryptoscatter/batch_part.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell.h"
#include "engine/rocks/rocks_store.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/test_world.h"

namespace worldb::testing {

class RawStores {
 public:
  struct Write {
    std::string key;
    Bytes value;
    Version version{1};
    cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue;
    const cryptoscatter::Script* script = nullptr;  // nested without one; outlives the stores
    std::optional<std::string> sealed_name{};       // what a lying writer seals for the key's
  };
  // What one node is to store of a write: its row, and the blob apart from it, if any.
  struct Rows {
    engine::StoreRow row;
    Bytes blob;                                      // empty when there is none
    std::optional<cryptoscatter::BatchRef> batch{};  // whose row goes with it
  };

  RawStores(std::string directory, std::uint64_t seed);
  // Closes the stores, as after a clean shutdown.
  ~RawStores();
  RawStores(const RawStores&) = delete;
  RawStores& operator=(const RawStores&) = delete;

  // Seals them as one commit batch and stores all nine shares of each; of those whose place is not in
  // `nodes`, nothing.
  void Store(const std::vector<Write>& writes, NodeSet nodes = NodeSet::All());
  // The same without storing.
  std::vector<cryptoscatter::SealedValue> Seal(const std::vector<Write>& writes);
  std::array<Rows, kNodeCount> Scatter(const cryptoscatter::SealedValue& sealed, Version version);
  void Put(int node, const Rows& rows);
  void Put(int node, engine::RowFamily family, const std::string& key, Bytes value);
  void Stage(int node, const cryptoscatter::SealedValue& sealed);
  void StageTogether(int node, const std::vector<cryptoscatter::SealedValue>& sealed);
  // Closes the stores; nothing is stored after it.
  void Close();
  // Closes and opens them: what was in their logs alone is in table files then.
  void Reopen();

  const engine::Cell& cell() const { return *cell_; }
  const std::array<engine::NodeSecrets, kNodeCount>& secrets() const { return secrets_; }
  std::string store_dir(int node) const;
  std::string secrets_file(int node) const;
  std::string cell_file() const { return directory_ + "/cell"; }

 private:
  static const cryptoscatter::Script& ScriptOf(const Write& write);
  // Null for a batch of one.
  std::optional<cryptoscatter::BatchRef> AddToBatch(const cryptoscatter::SealedValue& sealed);
  void Open();
  void Commit(int node, std::vector<engine::StoreWrite> writes);

  const std::string directory_;
  SeededEntropy entropy_;
  std::array<engine::NodeSecrets, kNodeCount> secrets_;
  std::shared_ptr<const engine::Cell> cell_;
  cryptoscatter::SigningKeyPair writer_;
  cryptoscatter::WriterSession session_;
  StrandTestWorld world_;
  std::unique_ptr<engine::Executor> executor_;
  engine::RocksResources resources_;
  std::vector<std::unique_ptr<engine::RocksStore>> stores_;
  std::map<ScriptId, const cryptoscatter::Script*> scripts_;  // of what was sealed
  // All members scattered so far; a node's row may have some it holds no share of.
  std::map<cryptoscatter::BatchRef, cryptoscatter::BatchPart> batches_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_RECOVER_RAW_STORES_H_
