// A node's staged payloads on its disk, and the newest of them in memory.
//
// What is put together lies in one row, which goes when all of it has; what is still there after kTogetherMax
// gets a row of its own, so that little keeps nothing large on the disk, nor is it read with much else. A
// row that several ask for is read once. Deletions ride with the next commit, or a moment later, unsynced;
// those of a commit that failed ride with another.
// Bounds:  payloads in memory, kMemoryBytesMax; rows being read, one for each that is asked for.
// Errors:  NotFound for what is not here or damaged; the store's own errors otherwise.
// Threads: its node's executor.
// Source:  docs/protocol.md 4; docs/decisions/028-staged-together.md.
#ifndef WORLDB_ENGINE_HOME_STAGED_STORE_H_
#define WORLDB_ENGINE_HOME_STAGED_STORE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/context/node_self.h"
#include "engine/home/name_index.h"
#include "engine/home/payload_cache.h"
#include "engine/home/staged_places.h"
#include "engine/messages/payload.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class StagedStore {
 public:
  static constexpr std::size_t kMemoryBytesMax = std::size_t{24} << 20;
  static constexpr std::size_t kRowBytesMax = std::size_t{1}
                                              << 20;  // but for one payload by itself
  static constexpr absl::Duration kTogetherMax = absl::Seconds(30);

  using Got = std::function<void(absl::StatusOr<PayloadPtr>)>;
  using Done = std::function<void(absl::Status)>;

  // All of them outlive this object.
  StagedStore(NodeSelf& self, Store& store, const NameIndex& names)
      : self_(self), store_(store), names_(names) {}

  // What an earlier run left: `keep` is asked for each payload found, and may refuse it. Before that, nothing
  // of it is here.
  void Load(std::function<bool(const Payload&)> keep, Done done);
  // With `more`, synced. They are here once `done` is told OK.
  void Put(std::vector<PayloadPtr> payloads, std::vector<StoreWrite> more, Done done);
  // Writes it anew, in a row of its own, if it is here still. In the row it lay in before, a crash may leave what
  // was there.
  void Replace(PayloadPtr payload);
  void Remove(const CommitmentId& commitment);
  // Rows of their own for what has lain together for long; `small` says of what only the rest without its
  // ciphertext is kept.
  void TakeApart(std::function<bool(const CommitmentId&)> small);
  void Get(const CommitmentId& commitment, Got done);

 private:
  struct Row {
    std::string key;
    std::vector<PayloadPtr> payloads;
  };
  using Rows = std::vector<Row>;
  // What the payloads of a commit are when it is answered: here from now on, or elsewhere if they are here.
  enum class Payloads { kNew, kMoved };
  struct Asker {
    CommitmentId wanted;
    Got done;
  };

  static Row RowOf(PayloadPtr payload);
  static Rows RowsOf(std::vector<PayloadPtr> payloads);
  static SharedBytes ValueOf(const Row& row);
  void LoadRows(std::string prefix, std::size_t rows_per_page,
                std::function<bool(const Payload&)> keep, Done done);
  void Commit(Rows rows, Payloads what, std::vector<StoreWrite> more, bool sync, Done done);
  void Settle(const Rows& rows, Payloads what, const absl::Status& status);
  void DropRows(std::vector<std::string> keys);
  void FlushDrops();
  bool LiesIn(const CommitmentId& commitment, const std::string& row_key) const;
  absl::StatusOr<std::vector<PayloadPtr>> Decode(const std::string& row_key, Bytes bytes) const;
  void TakeRow(const std::string& row_key, absl::StatusOr<Bytes> bytes);
  void TakeNextApart();
  void TakeRowApart(const std::string& row_key, absl::StatusOr<Bytes> bytes);

  NodeSelf& self_;
  Store& store_;
  const NameIndex& names_;
  PayloadCache memory_{kMemoryBytesMax};
  StagedPlaces places_;
  absl::flat_hash_map<std::string, std::vector<Asker>> reading_;  // by row
  std::vector<std::string> drops_;                                // rows to be deleted
  bool drop_timer_ = false;
  std::vector<std::string> together_;  // rows to be taken apart
  std::function<bool(const CommitmentId&)> small_;
  bool taking_apart_ = false;
};

// What is left of a payload when its ciphertext goes.
PayloadPtr WithoutCiphertext(const Payload& payload);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_STAGED_STORE_H_
