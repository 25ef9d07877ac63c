#include "engine/local/log_recovery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {

void LogRecovery::Start(Store& store, std::optional<LogMeta> known, std::size_t entries_max,
                        Done done) {
  const std::shared_ptr<LogRecovery> recovery(
      new LogRecovery(store, known, entries_max, std::move(done)));
  recovery->Settle();
}

LogRecovery::LogRecovery(Store& store, std::optional<LogMeta> known, std::size_t entries_max,
                         Done done)
    : store_(store),
      settled_(!known.has_value()),
      before_(known.value_or(LogMeta())),
      entries_max_(entries_max),
      done_(std::move(done)) {}

void LogRecovery::Settle() {
  if (settled_) return ReadMeta();
  store_.Commit({}, /*sync=*/true, [self = shared_from_this()](absl::Status status) {
    status.ok() ? self->ReadMeta() : self->done_(std::move(status));
  });
}

void LogRecovery::ReadMeta() {
  store_.Get(RowFamily::kRows, LogMeta::kKey,
             [self = shared_from_this()](const absl::StatusOr<Bytes>& row) {
               absl::Status status = self->TakeMeta(row);
               status.ok() ? self->ReadEntries() : self->done_(std::move(status));
             });
}

void LogRecovery::ReadEntries() {
  store_.Scan(RowFamily::kRows, LogEntryRow::Key(verified_.Next()), LogEntryRow::KeysEnd(),
              kRowsPerPage,
              [self = shared_from_this()](absl::StatusOr<std::vector<StoreRow>> rows) {
                absl::Status status = rows.ok() ? self->TakeEntries(*rows) : rows.status();
                if (status.ok() && rows->size() == kRowsPerPage) return self->ReadEntries();
                if (status.ok()) status = self->CheckComplete();
                status.ok() ? self->MakeDurable() : self->done_(std::move(status));
              });
}

void LogRecovery::MakeDurable() {
  const LogMeta& meta = found_.meta;
  if (meta.tail == before_.tail && meta.fence == before_.fence) return done_(std::move(found_));
  std::vector<StoreWrite> writes;
  if (!last_row_.empty()) {
    writes.push_back(StoreWrite::Put(RowFamily::kRows, LogEntryRow::Key(meta.tail),
                                     std::make_shared<const Bytes>(std::move(last_row_))));
  }
  writes.push_back(meta.Put());
  store_.Commit(std::move(writes), /*sync=*/true, [self = shared_from_this()](absl::Status status) {
    if (!status.ok()) return self->done_(std::move(status));
    self->done_(std::move(self->found_));
  });
}

absl::Status LogRecovery::TakeMeta(const absl::StatusOr<Bytes>& row) {
  LogMeta& meta = found_.meta;
  if (row.ok()) {
    WORLDB_ASSIGN_OR_RETURN(meta, LogMeta::Decode(*row));
  } else if (!absl::IsNotFound(row.status())) {
    return row.status();
  }
  verified_ = std::max(meta.floor, before_.tail);
  if (meta.tail >= before_.tail && meta.fence >= before_.fence) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the log went back from entry ", before_.tail.value(),
                                          ", fence ", before_.fence.value(), ", to entry ",
                                          meta.tail.value(), ", fence ", meta.fence.value(),
                                          ": its store lost synced rows"));
}

absl::Status LogRecovery::TakeEntries(std::vector<StoreRow>& rows) {
  for (StoreRow& row : rows) WORLDB_RETURN_IF_ERROR(TakeEntry(row));
  return absl::OkStatus();
}

absl::Status LogRecovery::TakeEntry(StoreRow& row) {
  const LogIndex index = verified_.Next();
  if (verified_ == found_.meta.tail || row.key != LogEntryRow::Key(index)) {
    return absl::DataLossError(absl::StrCat("after entry ", verified_.value(), " of ",
                                            found_.meta.tail.value(), " stands row ",
                                            HexEncode(AsBytes(row.key))));
  }
  WORLDB_ASSIGN_OR_RETURN(SharedBytes entry, LogEntryRow::Decode(index, row.value));
  verified_ = index;
  last_row_ = std::move(row.value);
  found_.newest.push_back(std::move(entry));
  if (found_.newest.size() > entries_max_) found_.newest.pop_front();
  return absl::OkStatus();
}

absl::Status LogRecovery::CheckComplete() const {
  if (verified_ == found_.meta.tail) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("entries after ", verified_.value(),
                                          " are missing; the tail is ", found_.meta.tail.value()));
}

}  // namespace worldb::engine
