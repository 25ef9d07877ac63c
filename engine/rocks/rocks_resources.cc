#include "engine/rocks/rocks_resources.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/write_buffer_manager.h>

namespace worldb::engine {

RocksResources::RocksResources(const Budget& budget)
    : cache_(rocksdb::NewLRUCache(budget.memory_bytes_max)),
      memtables_(std::make_shared<rocksdb::WriteBufferManager>(budget.memtable_bytes_max, cache_)) {
  rocksdb::Env* env = rocksdb::Env::Default();
  env->SetBackgroundThreads(budget.background_thread_count, rocksdb::Env::LOW);
  env->SetBackgroundThreads(budget.background_thread_count, rocksdb::Env::HIGH);
}
RocksResources::~RocksResources() = default;

}  // namespace worldb::engine
