// A RocksDB database with the segment files beside it: what a store's rows lie in.
//
// Rows of kRows, and small ones of kBlobs, lie in RocksDB. A large value of kBlobs, unless it comes almost
// alone, is appended to a segment file and synced there before its pointer is committed, as a row of a third family: so a pointer never
// names bytes that are not on the disk, and a large value is written once. A key of kBlobs has a row in at
// most one of the two families.
// Errors:  as engine/ports/store.h. After a failed write of RocksDB's all must be opened anew; failure() says so.
// Threads: reads from any; everything else from one at a time, beside reads.
// Source:  docs/segment-format.md, docs/decisions/024-large-values-written-once.md.
#ifndef WORLDB_ENGINE_ROCKS_ROCKS_TABLES_H_
#define WORLDB_ENGINE_ROCKS_ROCKS_TABLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "engine/ports/store.h"
#include "engine/rocks/rocks_options.h"
#include "engine/rocks/segment_accounts.h"
#include "engine/rocks/segment_reader.h"
#include "engine/rocks/segment_writer.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class WriteBatch;
class WriteBufferManager;
}  // namespace rocksdb

namespace worldb::engine {

class RocksTables {
 public:
  struct Options {
    bool create_if_missing = true;
    int open_files_max = 64;
    std::shared_ptr<rocksdb::Cache> cache;
    std::shared_ptr<rocksdb::WriteBufferManager> memtables;
  };
  static absl::StatusOr<std::unique_ptr<RocksTables>> Open(const std::string& dir,
                                                           const Options& options);
  ~RocksTables();
  RocksTables(const RocksTables&) = delete;
  RocksTables& operator=(const RocksTables&) = delete;

  // Some commits as one: all of them or none.
  absl::Status Write(const std::vector<const std::vector<StoreWrite>*>& commits, bool sync);
  // Why RocksDB refused a write; OK while it has not.
  const absl::Status& failure() const { return failure_; }
  // About how much space opening it anew takes.
  std::uint64_t ReopenBytes() const;

  absl::StatusOr<Bytes> Get(RowFamily family, const std::string& key) const;
  absl::StatusOr<std::vector<StoreRow>> Scan(RowFamily family, const std::string& begin,
                                             const std::string& end, std::size_t count_max) const;

  // Whether Tick() is worth calling after some seconds.
  bool HasSparseSegments() const { return accounts_.HasSparse(); }
  // Some seconds have passed.
  void Tick();
  // One step of giving space back: removes segments with nothing alive, and moves some values out of one that
  // Tick() chose. True when there is more to do.
  bool Reclaim();

 private:
  // Where a value of kBlobs is, while a write is put together.
  struct Change {
    std::optional<ValuePointer> before;
    std::optional<ValuePointer> now;
    bool was_read = true;  // false: what is there cannot be read, so anything may be
    // It has a row of its own in RocksDB; null: it was not looked.
    std::optional<bool> in_rocks;
  };
  using Changes = std::map<std::string, Change>;
  struct Rewrite {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
  };

  RocksTables(const std::string& dir, rocksdb::DB* db,
              const std::vector<rocksdb::ColumnFamilyHandle*>& families);
  // Of one write.
  struct Sizes {
    std::size_t batch_bytes = 0;  // of what RocksDB is handed
    bool apart = false;           // its large values go to a segment file
  };
  static Sizes SizesOf(const std::vector<const std::vector<StoreWrite>*>& commits);
  void CountSegments();
  bool MayBeInRocks(const std::string& key);

  absl::Status Add(const StoreWrite& write, bool apart, rocksdb::WriteBatch& batch,
                   Changes& changes);
  absl::StatusOr<Change*> ChangeOf(const std::string& key, Changes& changes);
  absl::Status SyncSegments();
  absl::Status Commit(rocksdb::WriteBatch& batch, bool sync);
  void Settle(const Changes& changes);

  absl::StatusOr<std::optional<ValuePointer>> PointerTo(const std::string& key) const;
  absl::StatusOr<Bytes> GetBlob(const std::string& key) const;
  absl::StatusOr<std::vector<StoreRow>> ScanRows(const std::string& begin, const std::string& end,
                                                 std::size_t count_max) const;
  absl::StatusOr<std::vector<StoreRow>> ScanBlobs(const std::string& begin, const std::string& end,
                                                  std::size_t count_max) const;

  void RemoveDead();
  absl::Status RewriteSome(Rewrite& rewrite);

  rocksdb::ColumnFamilyHandle* Family(StoreFamily family) const {
    return families_[static_cast<std::size_t>(family)];
  }

  const std::string dir_;
  const std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kStoreFamilyCount> families_{};
  SegmentReader reader_;
  // Of the one that writes.
  SegmentAccounts accounts_;
  std::optional<SegmentWriter> writer_;
  std::deque<Rewrite> rewrites_;
  absl::Status failure_;
  bool unsynced_ = false;  // the last commit was not synced
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_ROCKS_TABLES_H_
