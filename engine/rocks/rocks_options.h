// What everything over RocksDB here shares: how databases are set up, and what their errors mean.
//
// For rocks_*.cc alone; RocksDB's own headers stay in them.
#ifndef WORLDB_ENGINE_ROCKS_ROCKS_OPTIONS_H_
#define WORLDB_ENGINE_ROCKS_ROCKS_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rocksdb {
class Cache;
class Status;
struct ColumnFamilyDescriptor;
struct DBOptions;
}  // namespace rocksdb

namespace worldb::engine {

// RocksDB's families of a store. The large values of engine/ports/store.h's kBlobs lie in segment files, and
// their pointers in a family of their own: what is alive is counted from them alone.
enum class StoreFamily : std::uint8_t { kRows = 0, kBlobs = 1, kPointers = 2 };
inline constexpr std::size_t kStoreFamilyCount = 3;

rocksdb::DBOptions DatabaseOptions(bool create_if_missing, int open_files_max);
// One for each of StoreFamily.
std::vector<rocksdb::ColumnFamilyDescriptor> Families(const std::shared_ptr<rocksdb::Cache>& cache);

bool IsFullDisk(const rocksdb::Status& status);
// As engine/ports/store.h says; `what` was being done.
absl::Status Translate(const rocksdb::Status& status, absl::string_view what);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_ROCKS_OPTIONS_H_
