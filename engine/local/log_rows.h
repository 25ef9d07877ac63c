// The rows of an embedded log, to the byte; all in RowFamily::kRows:
//
//   "m"                      u8 layout 1, u64 fence, u64 tail, u64 floor
//   "e" + big-endian index   u8 layout 1, u64 log epoch, u32 size, entry
//
// The index is big-endian in the key, and only there, so that the store's order is the log's. The log
// epoch an entry was written in is for people who look at the rows.
// Errors:  DataLoss for bytes that do not decode.
// Threads: plain values.
#ifndef WORLDB_ENGINE_LOCAL_LOG_ROWS_H_
#define WORLDB_ENGINE_LOCAL_LOG_ROWS_H_

#include <string>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "engine/ports/store.h"

namespace worldb::engine {

// What a log says of itself. One that was never written to has no such row, and is all zero.
struct LogMeta {
  static constexpr char kKey[] = "m";

  LogEpoch fence;
  LogIndex tail;
  LogIndex floor;

  StoreWrite Put() const;
  static absl::StatusOr<LogMeta> Decode(ByteSpan row);
  friend bool operator==(const LogMeta&, const LogMeta&) = default;
};

struct LogEntryRow {
  static std::string Key(LogIndex index);
  // Behind every entry's key; no other row of the log lies there.
  static std::string KeysEnd();
  static StoreWrite Put(LogIndex index, LogEpoch epoch, const Bytes& entry);
  // The entry alone. `index` is for the message of an error.
  static absl::StatusOr<SharedBytes> Decode(LogIndex index, ByteSpan row);
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_LOG_ROWS_H_
