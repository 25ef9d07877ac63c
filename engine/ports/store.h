// Ordered, durable key-value storage of one node (or of one embedded log).
//
// Two families of rows so that large fragments need not be rewritten with small ones: kRows for
// records, kBlobs for fragments and staged payloads.
// A commit is atomic: after a crash either all of its rows are there or none. A commit made with
// sync=true and answered OK survives a crash; one answered with an error may or may not be there, and
// if it is, reads may see it only after a later commit (an empty one will do) was answered OK.
// Commits are applied, and answered, in the order they were called. Callbacks run on the executor the store was made
// with, never inside the call; a failed commit leaves the store usable or says Unavailable from then
// on. Reads see every commit whose callback has run.
// Errors:  NotFound for an absent key; ResourceExhausted when the disk is full;
//          DataLoss when stored bytes fail their checksum; Unavailable after Stop().
// Contract suite: tests/support/store_contract.h, run on the fake and on RocksDB.
#ifndef WORLDB_ENGINE_PORTS_STORE_H_
#define WORLDB_ENGINE_PORTS_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::engine {

enum class RowFamily : std::uint8_t { kRows = 0, kBlobs = 1 };

struct StoreWrite {
  enum class Kind : std::uint8_t { kPut, kDelete };
  Kind kind = Kind::kPut;
  RowFamily family = RowFamily::kRows;
  std::string key;
  // Shared so that a payload written to several stores is held once. Null for kDelete.
  SharedBytes value;

  static StoreWrite Put(RowFamily family, std::string key, SharedBytes value) {
    return {Kind::kPut, family, std::move(key), std::move(value)};
  }
  static StoreWrite Delete(RowFamily family, std::string key) {
    return {Kind::kDelete, family, std::move(key), nullptr};
  }
};

struct StoreRow {
  std::string key;
  Bytes value;
};

// What a read says of the row itself: it is not there, or its bytes are not what was stored. Any other
// error is the store's, and says nothing of what is stored.
inline bool IsMissingOrDamaged(const absl::Status& read) {
  return absl::IsNotFound(read) || absl::IsDataLoss(read);
}

class Store {
 public:
  virtual ~Store() = default;

  virtual void Commit(std::vector<StoreWrite> writes, bool sync,
                      std::function<void(absl::Status)> done) = 0;
  // One answer for each key, in the order of the keys.
  virtual void GetMany(RowFamily family, std::vector<std::string> keys,
                       std::function<void(std::vector<absl::StatusOr<Bytes>>)> done) = 0;
  void Get(RowFamily family, std::string key, std::function<void(absl::StatusOr<Bytes>)> done) {
    GetMany(family, {std::move(key)},
            [done = std::move(done)](std::vector<absl::StatusOr<Bytes>> values) {
              done(std::move(values.front()));
            });
  }
  // Rows with `begin` <= key < `end` in key order, at most `count_max`. An empty `end` has no bound.
  virtual void Scan(RowFamily family, std::string begin, std::string end, std::size_t count_max,
                    std::function<void(absl::StatusOr<std::vector<StoreRow>>)> done) = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_PORTS_STORE_H_
