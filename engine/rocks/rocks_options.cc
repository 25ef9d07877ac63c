#include "engine/rocks/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/status.h>
#include <rocksdb/table.h>

#include <cstdarg>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Keeps RocksDB from recovering by itself. It waits for space in a thread of its own, looks every
// five seconds only, and may then go on with a log file whose last write has failed, which its own
// assertions forbid. After any failed write this store opens the database anew instead.
class ManualRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* automatic) override {
    *automatic = false;
  }
};

// RocksDB's own logger writes a file, and its assertions forbid it to go on when the disk was full: the
// process would end. What RocksDB has to tell is in its statuses, too.
class NoLog final : public rocksdb::Logger {
 public:
  NoLog() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::ColumnFamilyOptions FamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 8 * 1024;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;  // so that they count against the budget
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kNoCompression;  // ciphertext and hashes do not shrink
  family.write_buffer_size = 16 * kMiB;
  family.arena_block_size = 256 * 1024;
  // Most look-ups are for shares that are not there yet.
  family.memtable_prefix_bloom_size_ratio = 0.05;
  family.memtable_whole_key_filtering = true;
  family.max_write_buffer_number = 3;
  family.target_file_size_base = 32 * kMiB;
  family.max_bytes_for_level_base = 128 * kMiB;
  return family;
}

rocksdb::ColumnFamilyOptions BlobFamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family = FamilyOptions(cache);
  family.write_buffer_size = 64 * kMiB;
  family.enable_blob_files = true;
  family.min_blob_size = 4096;
  family.blob_file_size = 64 * kMiB;
  family.blob_compression_type = rocksdb::kNoCompression;
  // Staged payloads die young: rewrite what lives in old files, and at once where half is garbage.
  family.enable_blob_garbage_collection = true;
  family.blob_garbage_collection_age_cutoff = 0.5;
  family.blob_garbage_collection_force_threshold = 0.5;
  return family;
}

}  // namespace

rocksdb::DBOptions DatabaseOptions(bool create_if_missing, int open_files_max) {
  rocksdb::DBOptions db;
  db.create_if_missing = create_if_missing;
  db.create_missing_column_families = create_if_missing;
  db.env = rocksdb::Env::Default();
  db.max_open_files = open_files_max;
  db.max_total_wal_size = 128 * kMiB;
  db.wal_bytes_per_sync = 512 * 1024;
  db.bytes_per_sync = kMiB;
  // A log file that was synced and is now missing or short is found at the next opening, and one damaged in its
  // middle is not read as a shorter one: only a last record that was cut off counts as never written.
  db.track_and_verify_wals_in_manifest = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.allow_concurrent_memtable_write = false;  // there is one writer
  db.max_background_jobs = 2;
  db.listeners = {std::make_shared<ManualRecovery>()};
  db.max_bgerror_resume_count = 0;
  db.info_log = std::make_shared<NoLog>();
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families(
    const std::shared_ptr<rocksdb::Cache>& cache) {
  return {{rocksdb::kDefaultColumnFamilyName, FamilyOptions(cache)},
          {"blobs", BlobFamilyOptions(cache)},
          {"pointers", FamilyOptions(cache)}};
}

bool IsFullDisk(const rocksdb::Status& status) {
  return status.subcode() == rocksdb::Status::kNoSpace ||
         status.subcode() == rocksdb::Status::kSpaceLimit;
}

absl::Status Translate(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", status.ToString());
  if (status.IsNotFound()) return absl::NotFoundError(message);
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (IsFullDisk(status)) return absl::ResourceExhaustedError(message);
  if (status.IsInvalidArgument()) return absl::FailedPreconditionError(message);
  return absl::UnavailableError(message);
}

}  // namespace worldb::engine
