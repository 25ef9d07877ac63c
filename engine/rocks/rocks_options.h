// What everything over RocksDB here shares: how databases are set up, and what their errors mean.
//
// For rocks_*.cc alone; RocksDB's own headers stay in them.
#ifndef WORLDB_ENGINE_ROCKS_ROCKS_OPTIONS_H_
#define WORLDB_ENGINE_ROCKS_ROCKS_OPTIONS_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rocksdb {
class Cache;
class Status;
struct ColumnFamilyOptions;
struct DBOptions;
}  // namespace rocksdb

namespace worldb::engine {

inline constexpr std::size_t kFamilyCount = 2;
// The second family; the first is RocksDB's default one.
inline constexpr char kBlobFamilyName[] = "blobs";

rocksdb::DBOptions DatabaseOptions(bool create_if_missing, int open_files_max);
rocksdb::ColumnFamilyOptions FamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache);
rocksdb::ColumnFamilyOptions BlobFamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache);

bool IsFullDisk(const rocksdb::Status& status);
// As engine/ports/store.h says; `what` was being done.
absl::Status Translate(const rocksdb::Status& status, absl::string_view what);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_ROCKS_OPTIONS_H_
