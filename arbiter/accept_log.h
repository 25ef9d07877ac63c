// The totally ordered, append-only record of what one home triad judged.
//
// One entry is one batch of records (arbiter/log_entry.h), opaque here. Indices are dense from 1; an
// entry once read under an index never changes. Tickets, outcomes and scatter follow from *applying*
// an entry, never from appending it: an append may answer kUnknown and still have happened.
// Every call is asynchronous: the callback runs on the executor the implementation was made with,
// never inside the call itself, and exactly once unless that executor is shut down first.
// Contract suite: tests/support/accept_log_contract.h, run on every implementation.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ARBITER_ACCEPT_LOG_H_
#define WORLDB_ARBITER_ACCEPT_LOG_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::arbiter {

struct IndexedEntry {
  LogIndex index;
  SharedBytes bytes;
};

struct AppendResult {
  enum class Kind {
    kOk,       // durable at prev_index + 1; also when these very bytes were there already
    kTaken,    // the log is longer: `tail` is its last index, `entry` the bytes at prev_index + 1,
               // null if they were trimmed
    kFenced,   // a newer sequencer exists: `epoch` is its log epoch
    kUnknown,  // may or may not have happened; resolve by appending the identical bytes again
    kRefused,  // this call wrote nothing; `why` says why. An earlier kUnknown stays unknown.
  };
  Kind kind = Kind::kUnknown;
  LogIndex tail;
  SharedBytes entry;
  LogEpoch epoch;
  // Why an append stays unknown or was refused, for the operator.
  absl::Status why;
};

class AcceptLog {
 public:
  static constexpr std::size_t kReadBytesMax = std::size_t{256} << 10;

  virtual ~AcceptLog() = default;

  // Appends `entry` right after `prev_index`, if `epoch` is still the newest fence and prev_index the
  // tail. kOk only after the bytes are synced on the log's own storage. Where several answers fit:
  // one's own bytes found there (kOk), then kFenced, then kTaken. A prev_index beyond the tail and
  // an epoch never fenced are kRefused with FailedPrecondition.
  virtual void Append(LogEpoch epoch, LogIndex prev_index, SharedBytes entry,
                      std::function<void(AppendResult)> done) = 0;
  // Entries from `from` on, in order: at most `count_max`, and none after those that have kReadBytesMax
  // together, so that applying what was read is a short event. Empty when `from` is past the tail.
  // OutOfRange when `from` lies at or below the trimmed floor.
  virtual void Read(LogIndex from, std::size_t count_max,
                    std::function<void(absl::StatusOr<std::vector<IndexedEntry>>)> done) = 0;
  // Raises the fence to `epoch`, synced, if it is higher than the present one; answers the fence in
  // force and the tail. The caller owns the epoch only if the answer equals what it asked for and it
  // alone asked for it: epochs must be unique to a caller.
  struct FenceResult {
    LogEpoch epoch;
    LogIndex tail;
  };
  virtual void Fence(LogEpoch epoch, std::function<void(absl::StatusOr<FenceResult>)> done) = 0;
  // The fence in force and the last index.
  virtual void Tail(std::function<void(absl::StatusOr<FenceResult>)> done) = 0;
  // Forgets entries up to and including `floor`. A floor beyond the tail is InvalidArgument.
  virtual void Trim(LogIndex floor, std::function<void(absl::Status)> done) = 0;
  // `wake` runs after the tail may have moved. A hint only: it may be lost, late or repeated.
  virtual void SetWake(std::function<void()> wake) = 0;
};

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_ACCEPT_LOG_H_
