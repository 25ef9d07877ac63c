// Reads a store where it lies and changes nothing, not even after its node died: what its log holds
// is replayed in memory. For recovery; nobody may write to the store meanwhile.
//
// Bounds:  keeps the rows of the store's log in memory: as a node leaves it, at most some 50 MB.
// Errors:  a damaged store gives what it still has; log_facts() says what its logs lack. As
//          engine/ports/store.h otherwise.
// Threads: one owner; every call blocks on the disk.
#ifndef WORLDB_ENGINE_ROCKS_ROCKS_READER_H_
#define WORLDB_ENGINE_ROCKS_ROCKS_READER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class RocksReader {
 public:
  // What became of the store's logs, one message each. Damage within a record's length may look torn.
  struct LogFacts {
    std::vector<std::string> damage;  // what was dropped, cannot be read or is missing
    std::vector<std::string>
        torn;  // no damage: the last record was being written when the node died
  };

  // Whether `dir` looks like a store.
  static bool IsStore(const std::string& dir);
  // Whether `dir` has files of a store, but not the one that makes it one (CURRENT).
  static bool IsRestOfStore(const std::string& dir);
  // FailedPrecondition when it is a database of something else.
  static absl::StatusOr<std::unique_ptr<RocksReader>> Open(const std::string& dir);
  ~RocksReader();
  RocksReader(const RocksReader&) = delete;
  RocksReader& operator=(const RocksReader&) = delete;

  const LogFacts& log_facts() const;
  absl::StatusOr<Bytes> Get(RowFamily family, const std::string& key) const;
  // Visits the rows whose keys begin with `prefix`: in key order, but for large values, which come last. What
  // cannot be read is passed over: one message for each damaged stretch of rows and for each large value.
  // Keys go on behind the prefix as hashes do, evenly spread.
  std::vector<std::string> ForEach(
      RowFamily family, const std::string& prefix,
      const std::function<void(absl::string_view key, ByteSpan value)>& visit) const;

 private:
  class Impl;
  explicit RocksReader(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_ROCKS_READER_H_
