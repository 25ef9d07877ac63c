#include "engine/rocks/rocks_tables.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/rocks/numbered_files.h"

namespace worldb::engine {
namespace {

// Fragments of values of 64 KiB and more are larger, whatever their script.
constexpr std::size_t kLargeBytesMin = std::size_t{8} << 10;
// Less than that in one write is not worth a sync of its own: it goes through RocksDB's log with the rest.
constexpr std::size_t kApartBytesMin = std::size_t{64} << 10;
// A step of rewriting goes no further than this, but for the value it ends with.
constexpr std::uint64_t kRewriteStepBytes = std::uint64_t{4} << 20;

rocksdb::Slice AsSlice(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
ByteSpan AsSpan(const rocksdb::Slice& slice) { return AsBytes({slice.data(), slice.size()}); }

bool IsLarge(const StoreWrite& write) {
  return write.family == RowFamily::kBlobs && write.kind == StoreWrite::Kind::kPut &&
         write.value->size() >= kLargeBytesMin && write.value->size() <= kRecordValueBytesMax &&
         write.key.size() <= kRecordKeyBytesMax;
}

std::string NameOfRow(const std::string& key) {
  return absl::StrCat("row ", HexEncode(AsBytes(key)));
}

absl::Status With(const std::string& key, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(NameOfRow(key), ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksTables>> RocksTables::Open(const std::string& dir,
                                                               const Options& options) {
  rocksdb::DBOptions db_options =
      DatabaseOptions(options.create_if_missing, options.open_files_max);
  db_options.write_buffer_manager = options.memtables;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(db_options, dir, Families(options.cache), &families, &db);
  if (!status.ok()) return Translate(status, absl::StrCat("opening the store in ", dir));
  std::unique_ptr<RocksTables> tables(new RocksTables(dir, db, families));
  tables->CountSegments();
  return tables;
}

RocksTables::RocksTables(const std::string& dir, rocksdb::DB* db,
                         const std::vector<rocksdb::ColumnFamilyHandle*>& families)
    : dir_(dir), db_(db), reader_(dir) {
  std::copy(families.begin(), families.end(), families_.begin());
}

RocksTables::~RocksTables() {
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    // Nothing can be done about an error here, and every synced commit is safe without it.
    db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

// What RocksDB has recovered of its log it has also made durable, so what is dead now stays dead.
void RocksTables::CountSegments() {
  for (const std::uint64_t segment : NumbersIn(dir_, kSegmentEnding)) {
    std::error_code error;
    const std::uint64_t bytes = std::filesystem::file_size(reader_.PathOf(segment), error);
    accounts_.SetBytes(segment, error ? 0 : bytes);
  }
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at(
      db_->NewIterator(options, Family(StoreFamily::kPointers)));
  bool all_known = true;
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto pointer = ValuePointer::Decode(AsSpan(at->value()));
    all_known = all_known && pointer.ok();
    if (pointer.ok()) accounts_.Keep(*pointer);
  }
  writer_.emplace(dir_, accounts_.last_segment() + 1);
  if (!all_known || !at->status().ok()) accounts_.Freeze();
  RemoveDead();
}

RocksTables::Sizes RocksTables::SizesOf(
    const std::vector<const std::vector<StoreWrite>*>& commits) {
  constexpr std::size_t kRowBytes = 64;
  std::size_t large = 0;
  std::size_t rest = 0;
  for (const std::vector<StoreWrite>* commit : commits) {
    for (const StoreWrite& write : *commit) {
      rest += kRowBytes + write.key.size();
      if (write.value == nullptr) continue;
      (IsLarge(write) ? large : rest) += write.value->size();
    }
  }
  const bool apart = large >= kApartBytesMin;
  return {rest + (apart ? 0 : large), apart};
}

absl::Status RocksTables::Write(const std::vector<const std::vector<StoreWrite>*>& commits,
                                bool sync) {
  const Sizes sizes = SizesOf(commits);
  rocksdb::WriteBatch batch(sizes.batch_bytes);
  Changes changes;
  for (const std::vector<StoreWrite>* commit : commits) {
    for (const StoreWrite& write : *commit) {
      if (absl::Status status = Add(write, sizes.apart, batch, changes); !status.ok()) {
        writer_->GiveUp();
        return status;
      }
    }
  }
  WORLDB_RETURN_IF_ERROR(SyncSegments());
  WORLDB_RETURN_IF_ERROR(Commit(batch, sync));
  Settle(changes);
  return absl::OkStatus();
}

absl::Status RocksTables::Add(const StoreWrite& write, bool apart, rocksdb::WriteBatch& batch,
                              Changes& changes) {
  rocksdb::ColumnFamilyHandle* const family =
      Family(write.family == RowFamily::kRows ? StoreFamily::kRows : StoreFamily::kBlobs);
  rocksdb::Status status;
  if (write.family == RowFamily::kRows) {
    status = write.kind == StoreWrite::Kind::kPut
                 ? batch.Put(family, write.key, AsSlice(*write.value))
                 : batch.Delete(family, write.key);
    return Translate(status, "building a commit");
  }
  WORLDB_ASSIGN_OR_RETURN(Change* const found, ChangeOf(write.key, changes));
  Change& change = *found;
  const bool lies_apart = change.now.has_value() || !change.was_read;
  if (apart && IsLarge(write)) {
    WORLDB_ASSIGN_OR_RETURN(change.now, writer_->Append(write.key, *write.value));
    status = batch.Put(Family(StoreFamily::kPointers), write.key, AsSlice(change.now->Encode()));
    // Most large values are new: no mark is left where there is nothing to delete.
    const bool in_rocks = change.in_rocks.has_value() ? *change.in_rocks : MayBeInRocks(write.key);
    if (status.ok() && in_rocks) status = batch.Delete(family, write.key);
    change.in_rocks = false;
  } else {
    change.now.reset();
    if (lies_apart) status = batch.Delete(Family(StoreFamily::kPointers), write.key);
    if (status.ok() && write.kind == StoreWrite::Kind::kPut) {
      status = batch.Put(family, write.key, AsSlice(*write.value));
    } else if (status.ok() && change.in_rocks.value_or(true)) {
      status = batch.Delete(family, write.key);
    }
    change.in_rocks = write.kind == StoreWrite::Kind::kPut;
  }
  change.was_read = true;  // from here on it is what this write makes it
  return Translate(status, "building a commit");
}

absl::StatusOr<RocksTables::Change*> RocksTables::ChangeOf(const std::string& key,
                                                           Changes& changes) {
  if (const auto known = changes.find(key); known != changes.end()) return &known->second;
  absl::StatusOr<std::optional<ValuePointer>> pointer = PointerTo(key);
  // What says nothing of the pointer fails the commit: nobody would know what it leaves behind.
  if (!pointer.ok() && !IsMissingOrDamaged(pointer.status())) return pointer.status();
  Change& change = changes[key];
  if (pointer.ok()) {
    change.before = change.now = *pointer;
  } else {
    change.was_read = false;
    accounts_.Freeze();
  }
  if (change.now.has_value()) change.in_rocks = false;  // it is never in both
  return &change;
}

bool RocksTables::MayBeInRocks(const std::string& key) {
  std::string ignored;
  return db_->KeyMayExist(rocksdb::ReadOptions(), Family(StoreFamily::kBlobs), key, &ignored);
}

absl::Status RocksTables::SyncSegments() {
  WORLDB_ASSIGN_OR_RETURN(const std::vector<SegmentWriter::SegmentEnd> ends, writer_->Sync());
  for (const SegmentWriter::SegmentEnd& end : ends) accounts_.SetBytes(end.segment, end.bytes);
  return absl::OkStatus();
}

absl::Status RocksTables::Commit(rocksdb::WriteBatch& batch, bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  const rocksdb::Status status = db_->Write(options, &batch);
  unsynced_ = !sync;
  failure_ = Translate(status, absl::StrCat("commit of ", batch.Count(), " rows"));
  return failure_;
}

void RocksTables::Settle(const Changes& changes) {
  for (const auto& [key, change] : changes) {
    if (change.before == change.now) continue;
    if (change.before.has_value()) accounts_.Drop(*change.before);
    if (change.now.has_value()) accounts_.Keep(*change.now);
  }
}

std::uint64_t RocksTables::ReopenBytes() const {
  std::uint64_t bytes = 0;
  const bool known =
      db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kSizeAllMemTables, &bytes);
  return known ? bytes : 0;
}

absl::StatusOr<std::optional<ValuePointer>> RocksTables::PointerTo(const std::string& key) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), Family(StoreFamily::kPointers), key, &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return Translate(status, NameOfRow(key));
  absl::StatusOr<ValuePointer> pointer = ValuePointer::Decode(AsSpan(value));
  if (!pointer.ok()) return With(key, pointer.status());
  return *pointer;
}

absl::StatusOr<Bytes> RocksTables::Get(RowFamily family, const std::string& key) const {
  if (family == RowFamily::kBlobs) return GetBlob(key);
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), Family(StoreFamily::kRows), key, &value);
  if (!status.ok()) return Translate(status, NameOfRow(key));
  return ToBytes(AsSpan(value));
}

// While it is read, a value may move, or be deleted and its segment with it. So where it is not found
// whole, what counts is where the index says it is now.
absl::StatusOr<Bytes> RocksTables::GetBlob(const std::string& key) const {
  std::optional<ValuePointer> tried;
  while (true) {
    std::array<rocksdb::ColumnFamilyHandle*, 2> families = {Family(StoreFamily::kPointers),
                                                            Family(StoreFamily::kBlobs)};
    const std::array<rocksdb::Slice, 2> keys = {key, key};
    std::array<rocksdb::PinnableSlice, 2> values;
    std::array<rocksdb::Status, 2> found;
    // Both as of one moment.
    db_->MultiGet(rocksdb::ReadOptions(), families.size(), families.data(), keys.data(),
                  values.data(), found.data());
    if (found[0].IsNotFound()) {
      if (!found[1].ok()) return Translate(found[1], NameOfRow(key));
      return ToBytes(AsSpan(values[1]));
    }
    if (!found[0].ok()) return Translate(found[0], NameOfRow(key));
    const absl::StatusOr<ValuePointer> pointer = ValuePointer::Decode(AsSpan(values[0]));
    if (!pointer.ok()) return With(key, pointer.status());
    absl::StatusOr<Bytes> value = reader_.Read(*pointer);
    if (value.ok()) return value;
    if (tried == *pointer) return With(key, value.status());
    tried = *pointer;
  }
}

absl::StatusOr<std::vector<StoreRow>> RocksTables::Scan(RowFamily family, const std::string& begin,
                                                        const std::string& end,
                                                        std::size_t count_max) const {
  return family == RowFamily::kRows ? ScanRows(begin, end, count_max)
                                    : ScanBlobs(begin, end, count_max);
}

absl::StatusOr<std::vector<StoreRow>> RocksTables::ScanRows(const std::string& begin,
                                                            const std::string& end,
                                                            std::size_t count_max) const {
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &bound;
  std::vector<StoreRow> rows;
  const std::unique_ptr<rocksdb::Iterator> at(
      db_->NewIterator(options, Family(StoreFamily::kRows)));
  for (at->Seek(begin); rows.size() < count_max && at->Valid(); at->Next()) {
    rows.push_back({at->key().ToString(), ToBytes(AsSpan(at->value()))});
  }
  if (!at->status().ok()) {
    return Translate(at->status(), absl::StrCat("rows from ", HexEncode(AsBytes(begin)), " on"));
  }
  return rows;
}

absl::StatusOr<std::vector<StoreRow>> RocksTables::ScanBlobs(const std::string& begin,
                                                             const std::string& end,
                                                             std::size_t count_max) const {
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &bound;
  std::vector<rocksdb::Iterator*> made;
  const rocksdb::Status status = db_->NewIterators(
      options, {Family(StoreFamily::kPointers), Family(StoreFamily::kBlobs)}, &made);
  const std::string what = absl::StrCat("rows from ", HexEncode(AsBytes(begin)), " on");
  if (!status.ok()) return Translate(status, what);
  const std::unique_ptr<rocksdb::Iterator> apart(made[0]);
  const std::unique_ptr<rocksdb::Iterator> within(made[1]);
  std::vector<StoreRow> rows;
  apart->Seek(begin);
  within->Seek(begin);
  while (rows.size() < count_max && apart->status().ok() && within->status().ok() &&
         (apart->Valid() || within->Valid())) {
    if (!apart->Valid() || (within->Valid() && within->key().compare(apart->key()) < 0)) {
      rows.push_back({within->key().ToString(), ToBytes(AsSpan(within->value()))});
      within->Next();
      continue;
    }
    std::string key = apart->key().ToString();
    apart->Next();
    absl::StatusOr<Bytes> value = GetBlob(key);
    if (absl::IsNotFound(value.status())) continue;  // deleted meanwhile
    WORLDB_RETURN_IF_ERROR(value.status());
    rows.push_back({std::move(key), *std::move(value)});
  }
  for (const rocksdb::Iterator* at : {apart.get(), within.get()}) {
    if (!at->status().ok()) return Translate(at->status(), what);
  }
  return rows;
}

void RocksTables::Tick() {
  for (const std::uint64_t segment : accounts_.Tick()) {
    const bool is_known = std::any_of(rewrites_.begin(), rewrites_.end(),
                                      [&](const Rewrite& one) { return one.segment == segment; });
    if (!is_known) rewrites_.push_back({segment, 0});
  }
}

bool RocksTables::Reclaim() {
  if (!failure_.ok()) return false;
  RemoveDead();
  if (rewrites_.empty()) return false;
  if (!accounts_.IsAlive(rewrites_.front().segment)) {
    rewrites_.pop_front();
    return !rewrites_.empty();
  }
  if (absl::Status status = RewriteSome(rewrites_.front()); !status.ok()) {
    // Nothing is lost. What cannot be read stays where it is; on a full disk, a later tick tries again.
    writer_->GiveUp();
    if (IsMissingOrDamaged(status)) accounts_.Spare(rewrites_.front().segment);
    rewrites_.pop_front();
  }
  return failure_.ok();
}

// A deletion that a crash may still undo must not cost the value: it is made durable first.
void RocksTables::RemoveDead() {
  for (const std::uint64_t segment : accounts_.Dead()) {
    if (unsynced_ && !db_->SyncWAL().ok()) return;
    unsynced_ = false;
    writer_->Seal(segment);
    reader_.Forget(segment);
    if (::unlink(reader_.PathOf(segment).c_str()) != 0 && errno != ENOENT) return;
    accounts_.Forget(segment);
  }
}

absl::Status RocksTables::RewriteSome(Rewrite& rewrite) {
  writer_->Seal(rewrite.segment);
  const std::uint64_t end = accounts_.BytesOf(rewrite.segment);
  const std::uint64_t stop = rewrite.offset + kRewriteStepBytes;
  rocksdb::WriteBatch batch;
  Changes changes;
  absl::Status damage;
  while (rewrite.offset < stop) {
    auto record = reader_.RecordAt(rewrite.segment, rewrite.offset, end);
    if (!record.ok() || !record->has_value()) {
      damage = record.ok() ? absl::DataLossError("values are left behind") : record.status();
      break;
    }
    rewrite.offset = (*record)->end;
    const ValuePointer& old = (*record)->value;
    WORLDB_ASSIGN_OR_RETURN(const std::optional<ValuePointer> pointer, PointerTo((*record)->key));
    if (pointer != old) continue;  // dead
    const absl::StatusOr<Bytes> value = reader_.Read(old);
    if (!value.ok()) continue;  // it stays, and the segment with it
    WORLDB_ASSIGN_OR_RETURN(const ValuePointer moved, writer_->Append((*record)->key, *value));
    const rocksdb::Status put =
        batch.Put(Family(StoreFamily::kPointers), (*record)->key, AsSlice(moved.Encode()));
    WORLDB_RETURN_IF_ERROR(Translate(put, "moving a value"));
    changes[(*record)->key] = {.before = old, .now = moved};
  }
  if (!changes.empty()) {
    WORLDB_RETURN_IF_ERROR(SyncSegments());
    WORLDB_RETURN_IF_ERROR(Commit(batch, /*sync=*/true));
    Settle(changes);
  }
  return accounts_.IsAlive(rewrite.segment) ? damage : absl::OkStatus();
}

}  // namespace worldb::engine
