// Finds out what an embedded log's store holds: when the log is opened, and after any error of the store.
//
// Four steps, each when the one before has succeeded:
//   1. Settle: after an error, an empty commit decides what became of the commits before it.
//   2. Read the meta row, and compare it with what was durable before: a log never goes back.
//   3. Read every entry above what was verified before. They are dense up to the tail, and none lies
//      beyond it.
//   4. Make durable: write the newest entry and the meta row once more, synced. A commit that failed, or
//      whose process died, may be visible and yet go with the power. Appends go one by one, so only the
//      newest entry can be in doubt; nothing is written when nothing new was found.
// Bounds:  kRowsPerPage rows and `entries_max` entries in memory.
// Errors:  DataLoss when the rows contradict each other or what was durable; otherwise the store's own.
//          Nothing is known of the log then, and the next recovery starts anew.
// Threads: the store's executor.
#ifndef WORLDB_ENGINE_LOCAL_LOG_RECOVERY_H_
#define WORLDB_ENGINE_LOCAL_LOG_RECOVERY_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/local/log_rows.h"
#include "engine/ports/store.h"

namespace worldb::engine {

struct RecoveredLog {
  LogMeta meta;                    // durable
  std::deque<SharedBytes> newest;  // of the entries that were not known before, up to the tail
};

class LogRecovery : public std::enable_shared_from_this<LogRecovery> {
 public:
  static constexpr std::size_t kRowsPerPage = 256;
  using Done = std::function<void(absl::StatusOr<RecoveredLog>)>;

  // `known` is what was durable before; nullopt for a log that is being opened. Of the entries found the
  // newest `entries_max` are kept for `done`. `store` lives until `done` is called.
  static void Start(Store& store, std::optional<LogMeta> known, std::size_t entries_max, Done done);

 private:
  LogRecovery(Store& store, std::optional<LogMeta> known, std::size_t entries_max, Done done);

  void Settle();
  void ReadMeta();
  void ReadEntries();
  void MakeDurable();

  absl::Status TakeMeta(const absl::StatusOr<Bytes>& row);
  absl::Status TakeEntries(std::vector<StoreRow>& rows);
  absl::Status TakeEntry(StoreRow& row);
  absl::Status CheckComplete() const;

  Store& store_;
  const bool settled_;
  const LogMeta before_;
  const std::size_t entries_max_;
  const Done done_;
  LogIndex verified_;  // entries up to here are what they should be
  Bytes last_row_;     // of the entry at verified_, if it was read now
  RecoveredLog found_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_LOG_RECOVERY_H_
