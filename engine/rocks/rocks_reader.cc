#include "engine/rocks/rocks_reader.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/key_order.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/rocks/numbered_files.h"
#include "engine/rocks/rocks_log_file.h"
#include "engine/rocks/rocks_options.h"
#include "engine/rocks/segment_format.h"
#include "engine/rocks/segment_reader.h"

namespace worldb::engine {
namespace {

constexpr int kOpenFilesMax = 64;
constexpr std::size_t kCacheBytes = std::size_t{4} << 20;

// What RocksDB makes of a store's logs when it opens the store. It tells in messages alone what it
// dropped, and some things it drops in silence: so the records that it took are added up, too.
class LogReplay final : public rocksdb::Logger, public rocksdb::WalFilter {
 public:
  struct Log {
    std::uint64_t end = 0;  // of the records taken, if they followed one another
    std::uint64_t drops = 0;
    bool is_exact = true;  // they did: nothing was dropped before the last of them
    std::string reason;    // of the first
  };
  // In the order RocksDB came to them: that of their numbers.
  const std::map<std::uint64_t, Log>& logs() const { return logs_; }

  const char* Name() const override { return "worldb log replay"; }
  WalProcessingOption LogRecordFound(unsigned long long number, const std::string&,
                                     const rocksdb::WriteBatch& batch, rocksdb::WriteBatch*,
                                     bool*) override {
    Log& log = logs_[number];
    log.end = EndOfLogRecord(log.end, batch.GetDataSize());
    log.is_exact = log.drops == 0;
    return WalProcessingOption::kContinueProcessing;
  }

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    const absl::string_view text = line.data();
    const auto behind = [text](absl::string_view word) -> std::optional<absl::string_view> {
      const std::size_t at = text.find(word);
      if (at == absl::string_view::npos) return std::nullopt;
      return text.substr(at + word.size());
    };
    if (const auto number = behind("Recovering log #")) {
      std::uint64_t value = 0;
      if (absl::SimpleAtoi(number->substr(0, number->find(' ')), &value)) logs_[value];
    } else if (behind(": dropping ")) {
      const auto reason = behind(" bytes; ");
      Drop(reason.value_or("it lies behind damage"));
    } else if (const auto reason = behind("Ignoring error ")) {
      Drop(*reason);
    }
  }

 private:
  void Drop(absl::string_view reason) {
    if (logs_.empty()) return;
    Log& log = logs_.rbegin()->second;
    if (++log.drops == 1) log.reason.assign(reason.data(), reason.size());
  }

  std::map<std::uint64_t, Log> logs_;
};

// Shows RocksDB some logs without the part that it does not get past.
class CutLogs final : public rocksdb::FileSystemWrapper {
 public:
  struct Cut {
    std::uint64_t hole_begin = 0;  // zeros are read from here
    std::uint64_t hole_end = 0;    // to here
    std::uint64_t end = UINT64_MAX;
    std::string reason;
  };
  using Cuts = std::map<std::uint64_t, Cut>;
  explicit CutLogs(Cuts cuts)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), cuts_(std::move(cuts)) {}

  const char* Name() const override { return "worldb cut logs"; }
  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewSequentialFile(path, options, file, debug);
    const std::uint64_t number =
        NumberOf(std::filesystem::path(path).filename().string(), kLogEnding);
    if (status.ok() && number > 0) {
      *file = std::make_unique<CutFile>(std::move(*file), cuts_[number], last_block_[number]);
    }
    return status;
  }

  // Where what was read last of this log begins.
  std::uint64_t LastBlock(std::uint64_t number) const {
    const auto at = last_block_.find(number);
    return at == last_block_.end() ? 0 : at->second;
  }

 private:
  class CutFile final : public rocksdb::FSSequentialFileOwnerWrapper {
   public:
    CutFile(std::unique_ptr<rocksdb::FSSequentialFile>&& file, const Cut& cut,
            std::uint64_t& last_block)
        : FSSequentialFileOwnerWrapper(std::move(file)), cut_(cut), last_block_(last_block) {}
    rocksdb::IOStatus Read(std::size_t count, const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* debug) override {
      *result = rocksdb::Slice();
      if (at_ >= cut_.end) return rocksdb::IOStatus::OK();
      rocksdb::IOStatus status = FSSequentialFileOwnerWrapper::Read(
          static_cast<std::size_t>(std::min<std::uint64_t>(count, cut_.end - at_)), options, result,
          scratch, debug);
      if (result->empty()) return status;
      const std::uint64_t end = at_ + result->size();
      const std::uint64_t from = std::clamp(cut_.hole_begin, at_, end);
      const std::uint64_t to = std::clamp(cut_.hole_end, from, end);
      if (from < to) {
        std::memmove(scratch, result->data(), result->size());
        std::memset(scratch + (from - at_), 0, to - from);
        *result = rocksdb::Slice(scratch, result->size());
      }
      last_block_ = at_ - at_ % kLogBlockBytes;
      at_ = end;
      return status;
    }

   private:
    const Cut cut_;
    std::uint64_t& last_block_;
    std::uint64_t at_ = 0;
  };

  Cuts cuts_;
  std::map<std::uint64_t, std::uint64_t> last_block_;
};

}  // namespace

class RocksReader::Impl {
 public:
  ~Impl() { Close(); }

  // Opens the store with the logs cut off as said, or without any log.
  rocksdb::Status Open(const std::string& dir, const CutLogs::Cuts& cuts, bool with_logs) {
    Close();
    rocksdb::DBOptions options = DatabaseOptions(/*create_if_missing=*/false, kOpenFilesMax);
    // Every share is verified on its own, so whatever can still be read is welcome.
    options.paranoid_checks = false;
    // With paranoid_checks off, this steps over damage within a log. kSkipAnyCorruptedRecords would do so,
    // too, but in RocksDB 7.8 it reads the same bytes for ever when they look like a recycled log's.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    // Logs stay verified: RocksDB 7.8 would forget the tracked ones otherwise, which reading only it
    // cannot. So what opens a store whose logs are missing is the mode that looks at none.
    options.best_efforts_recovery = !with_logs;
    replay = std::make_shared<LogReplay>();
    options.info_log = replay;
    options.wal_filter = replay.get();
    files = std::make_shared<CutLogs>(cuts);
    env = rocksdb::NewCompositeEnv(files);
    options.env = env.get();
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    rocksdb::Status status =
        rocksdb::DB::OpenForReadOnly(options, dir, Families(rocksdb::NewLRUCache(kCacheBytes)),
                                     &handles, &opened, /*error_if_wal_file_exists=*/false);
    if (!status.ok()) return status;
    db.reset(opened);
    std::copy(handles.begin(), handles.end(), families.begin());
    segments = std::make_unique<SegmentReader>(dir);
    return status;
  }

  // Opens it with as much of its logs as RocksDB can be made to read.
  absl::Status OpenWithLogs(const std::string& dir) {
    std::vector<std::uint64_t> present = NumbersIn(dir, kLogEnding);
    std::erase_if(present, [&dir](std::uint64_t number) { return IsDirectory(dir, number); });
    CutLogs::Cuts cuts;
    while (true) {
      const rocksdb::Status status = Open(dir, cuts, /*with_logs=*/true);
      const auto& logs = replay->logs();
      if (logs.empty() || (!status.ok() && !status.IsCorruption() && !status.IsIOError())) {
        if (status.ok()) Judge(dir, cuts);
        return Translate(status, absl::StrCat("reading the store in ", dir));
      }
      const auto& [number, log] = *logs.rbegin();
      const bool all = status.ok() && (present.empty() || present.back() <= number);
      if (all && (cuts.contains(number) || log.drops > 0 || !EndsInSilence(dir, number, log))) {
        Judge(dir, cuts);
        return absl::OkStatus();
      }
      // RocksDB does not get past something in the last log it came to. So it is not shown what lies behind
      // the records it took, to the end of the block; if that does not do, nothing from the block on at
      // which it stopped; at last nothing at all.
      const auto [at, is_new] = cuts.try_emplace(number);
      CutLogs::Cut& cut = at->second;
      if (is_new) {
        cut.reason = log.drops > 0 ? log.reason : status.ok() ? kNoKnownForm : status.ToString();
      }
      if (is_new && log.is_exact) {
        cut.hole_begin = NextLogFragment(log.end);
        cut.hole_end = cut.hole_begin - cut.hole_begin % kLogBlockBytes + kLogBlockBytes;
      } else if (cut.end == UINT64_MAX) {
        cut.end = files->LastBlock(number);
      } else if (cut.end > 0) {
        cut.end = 0;
      } else {
        if (status.ok()) Judge(dir, cuts);
        return Translate(status, absl::StrCat("reading the store in ", dir));
      }
    }
  }

  // Opens it as its table files are.
  absl::Status OpenWithoutLogs(const std::string& dir, absl::string_view why) {
    const rocksdb::Status status = Open(dir, {}, /*with_logs=*/false);
    if (!status.ok()) return Translate(status, absl::StrCat("reading the store in ", dir));
    facts.damage.push_back(absl::StrCat("its logs are not used (", why, "): ", kNewestMissing));
    return absl::OkStatus();
  }

  absl::StatusOr<Bytes> Get(StoreFamily family, const std::string& key) const {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        db->Get(rocksdb::ReadOptions(), families[static_cast<std::size_t>(family)], key, &value);
    if (!status.ok()) return Translate(status, absl::StrCat("row ", HexEncode(AsBytes(key))));
    return ToBytes(AsBytes({value.data(), value.size()}));
  }

  // The value to which `pointer` points.
  absl::StatusOr<Bytes> ReadApart(const std::string& key, ByteSpan pointer) const {
    const absl::StatusOr<ValuePointer> decoded = ValuePointer::Decode(pointer);
    absl::StatusOr<Bytes> value =
        decoded.ok() ? segments->Read(*decoded) : absl::StatusOr<Bytes>(decoded.status());
    if (value.ok()) return value;
    return absl::Status(value.status().code(), absl::StrCat("row ", HexEncode(AsBytes(key)), ": ",
                                                            value.status().message()));
  }

  std::vector<std::string> ForEach(
      StoreFamily family, const std::string& prefix,
      const std::function<void(absl::string_view key, ByteSpan value)>& visit) const;

  std::shared_ptr<LogReplay> replay;  // these outlive the database
  std::shared_ptr<CutLogs> files;
  std::unique_ptr<rocksdb::Env> env;
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, kStoreFamilyCount> families{};
  std::unique_ptr<SegmentReader> segments;
  LogFacts facts;

 private:
  static constexpr char kNoKnownForm[] = "records of no known form";
  static constexpr char kNewestMissing[] =
      "writes that were there alone, the latest of this node, are missing";

  void Close() {
    for (rocksdb::ColumnFamilyHandle*& family : families) {
      if (family != nullptr) db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
      family = nullptr;
    }
    db.reset();
  }

  // RocksDB took less than there is, said nothing, and it is no torn record either.
  static bool EndsInSilence(const std::string& dir, std::uint64_t number,
                            const LogReplay::Log& log) {
    const std::string path = absl::StrCat(dir, "/", NumberedName(number, kLogEnding));
    std::error_code error;
    const std::uint64_t bytes = std::filesystem::file_size(path, error);
    return !error && log.end < bytes && !LogEndsTorn(path, log.end, bytes);
  }

  static bool IsDirectory(const std::string& dir, std::uint64_t number) {
    std::error_code error;
    return std::filesystem::is_directory(absl::StrCat(dir, "/", NumberedName(number, kLogEnding)),
                                         error);
  }

  static std::string Unreadable(std::uint64_t number, const std::string& why) {
    return absl::StrCat("log ", NumberedName(number, kLogEnding), " cannot be read (", why,
                        "): ", kNewestMissing);
  }

  void Judge(const std::string& dir, const CutLogs::Cuts& cuts) {
    const auto& logs = replay->logs();
    for (const std::uint64_t number : NumbersIn(dir, kLogEnding)) {
      if (logs.contains(number)) continue;
      // RocksDB passes over these in silence.
      if (IsDirectory(dir, number)) {
        facts.damage.push_back(Unreadable(number, "it is a directory"));
      } else if (!logs.empty() && number > logs.rbegin()->first) {
        facts.damage.push_back(Unreadable(number, "the ones before it do not read"));
      }
    }
    for (const auto& [number, log] : logs) {
      const std::string path = absl::StrCat(dir, "/", NumberedName(number, kLogEnding));
      std::error_code error;
      const std::uint64_t bytes = std::filesystem::file_size(path, error);
      const auto cut = cuts.find(number);
      std::string reason = cut != cuts.end() ? cut->second.reason
                           : log.drops > 0   ? log.reason
                                             : kNoKnownForm;
      const bool refused = log.end == 0 && absl::StartsWith(log.reason, "IO error");
      if (error || refused) {
        if (log.drops == 0) reason = error.message();
        facts.damage.push_back(Unreadable(number, reason));
        continue;
      }
      if (log.drops == 0 && log.end >= bytes) continue;
      const bool last = number == logs.rbegin()->first;
      if (log.drops == 0 && cut == cuts.end() && last && LogEndsTorn(path, log.end, bytes)) {
        facts.torn.push_back(absl::StrCat("log ", NumberedName(number, kLogEnding), " ends in ",
                                          bytes - log.end,
                                          " bytes of a torn record, as after a crash"));
        continue;
      }
      facts.damage.push_back(absl::StrCat("log ", NumberedName(number, kLogEnding), " is damaged, ",
                                          bytes - std::min(bytes, log.end), " of its ", bytes,
                                          " bytes are not used (", reason, "): ", kNewestMissing));
    }
  }
};

std::vector<std::string> RocksReader::Impl::ForEach(
    StoreFamily family, const std::string& prefix,
    const std::function<void(absl::string_view key, ByteSpan value)>& visit) const {
  constexpr std::size_t kStepDigits = 8;
  constexpr std::uint64_t kFirstStep = std::uint64_t{1} << 36;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  std::vector<std::string> damage;
  std::string begin = prefix;
  std::uint64_t step = kFirstStep;
  while (true) {
    const std::unique_ptr<rocksdb::Iterator> at(
        db->NewIterator(options, families[static_cast<std::size_t>(family)]));
    bool any = false;
    for (at->Seek(begin); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      const rocksdb::Slice value = at->value();
      any = true;
      begin = at->key().ToString();
      visit({begin.data(), begin.size()}, AsBytes({value.data(), value.size()}));
    }
    if (at->status().ok()) return damage;
    // Steps over the damage, wider each time there is nothing but damage.
    if (any || damage.empty()) {
      damage.push_back(at->status().ToString());
      step = kFirstStep;
    }
    const auto further = KeyFurtherOn(prefix, begin, kStepDigits, step);
    if (!further.has_value()) return damage;
    begin = *further;
    if (step < std::uint64_t{1} << 63) step *= 2;
  }
}

RocksReader::RocksReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksReader::~RocksReader() = default;

bool RocksReader::IsStore(const std::string& dir) {
  std::error_code error;
  const auto facts = std::filesystem::symlink_status(dir + "/CURRENT", error);
  return facts.type() == std::filesystem::file_type::regular;
}

bool RocksReader::IsRestOfStore(const std::string& dir) {
  if (IsStore(dir)) return false;
  std::error_code error;
  for (std::filesystem::directory_iterator at(dir, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename();
    const std::uint64_t log = NumberOf(name, kLogEnding);
    if (absl::StartsWith(name, "MANIFEST-") || absl::EndsWith(name, ".sst") ||
        (log > 0 && name == NumberedName(log, kLogEnding))) {
      return true;
    }
  }
  return false;
}

absl::StatusOr<std::unique_ptr<RocksReader>> RocksReader::Open(const std::string& dir) {
  auto impl = std::make_unique<Impl>();
  const absl::Status status = impl->OpenWithLogs(dir);
  if (absl::IsFailedPrecondition(status)) return status;
  if (!status.ok() && !impl->OpenWithoutLogs(dir, status.message()).ok()) return status;
  return std::unique_ptr<RocksReader>(new RocksReader(std::move(impl)));
}

const RocksReader::LogFacts& RocksReader::log_facts() const { return impl_->facts; }

absl::StatusOr<Bytes> RocksReader::Get(RowFamily family, const std::string& key) const {
  if (family == RowFamily::kRows) return impl_->Get(StoreFamily::kRows, key);
  absl::StatusOr<Bytes> pointer = impl_->Get(StoreFamily::kPointers, key);
  if (pointer.ok()) return impl_->ReadApart(key, *pointer);
  absl::StatusOr<Bytes> value = impl_->Get(StoreFamily::kBlobs, key);
  // What lay in the segments may be what cannot be read.
  return absl::IsNotFound(value.status()) ? pointer.status() : value;
}

std::vector<std::string> RocksReader::ForEach(
    RowFamily family, const std::string& prefix,
    const std::function<void(absl::string_view key, ByteSpan value)>& visit) const {
  if (family == RowFamily::kRows) return impl_->ForEach(StoreFamily::kRows, prefix, visit);
  std::vector<std::string> damage = impl_->ForEach(StoreFamily::kBlobs, prefix, visit);
  std::vector<std::string> unread;
  std::vector<std::string> more =
      impl_->ForEach(StoreFamily::kPointers, prefix, [&](absl::string_view key, ByteSpan pointer) {
        const absl::StatusOr<Bytes> value = impl_->ReadApart(std::string(key), pointer);
        if (value.ok()) return visit(key, *value);
        unread.emplace_back(value.status().message());
      });
  for (std::vector<std::string>* messages : {&more, &unread}) {
    std::move(messages->begin(), messages->end(), std::back_inserter(damage));
  }
  return damage;
}

}  // namespace worldb::engine
