// What all RocksDB stores of one process share, so that twelve of them cost little more than one.
//
// Threads: any, once made.
#ifndef WORLDB_ENGINE_ROCKS_ROCKS_RESOURCES_H_
#define WORLDB_ENGINE_ROCKS_ROCKS_RESOURCES_H_

#include <cstddef>
#include <memory>

namespace rocksdb {
class Cache;
class WriteBufferManager;
}  // namespace rocksdb

namespace worldb::engine {

class RocksResources {
 public:
  struct Budget {
    // Block cache and memtables together.
    std::size_t memory_bytes_max = std::size_t{768} << 20;
    // The part of it memtables may take before they are flushed early.
    std::size_t memtable_bytes_max = std::size_t{512} << 20;
    // Threads for flushes and for compactions, each.
    int background_thread_count = 2;
  };

  RocksResources() : RocksResources(Budget{}) {}
  explicit RocksResources(const Budget& budget);
  // REQUIRES: every store opened with these resources is destroyed.
  ~RocksResources();
  RocksResources(const RocksResources&) = delete;
  RocksResources& operator=(const RocksResources&) = delete;

  const std::shared_ptr<rocksdb::Cache>& cache() const { return cache_; }
  // Charges memtables to the cache, so that one number bounds both.
  const std::shared_ptr<rocksdb::WriteBufferManager>& memtables() const { return memtables_; }

 private:
  const std::shared_ptr<rocksdb::Cache> cache_;
  const std::shared_ptr<rocksdb::WriteBufferManager> memtables_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_ROCKS_RESOURCES_H_
