#include "tools/recover/sources/catalog.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/rows/name_rows.h"
#include "engine/rows/share_rows.h"
#include "engine/rows/staged_rows.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/files/output_lock.h"
#include "tools/recover/files/share_files.h"
#include "tools/recover/judging/spot_groups.h"
#include "tools/stop_signals.h"

namespace worldb::tools {
namespace {

using engine::RowFamily;
using engine::StoreRow;

constexpr int kDepthMax = 64;
constexpr int kArchivesAroundMax = 3;
constexpr std::size_t kFirstBytes = 8;
constexpr char kCellFileName[] = "cell";

std::string RowKeyOf(const Spot& spot) {
  return engine::ShareRow::Key(spot.key_tag, spot.slot_epoch, spot.version);
}

// Of a failure to read: what of it lies in this machine, and is no damage of what is stored.
absl::Status OfMachine(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsResourceExhausted(status) ? status
                                                                               : absl::OkStatus();
}

Bytes FirstBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(kFirstBytes, '\0');
  in.read(bytes.data(), kFirstBytes);
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return ToBytes(AsBytes(bytes));
}

}  // namespace

std::uint64_t StoreFacts::share_count() const {
  return std::accumulate(shares.begin(), shares.end(), std::uint64_t{0});
}

NodeIndex StoreFacts::index() const {
  return NodeAt(static_cast<int>(std::max_element(shares.begin(), shares.end()) - shares.begin()));
}

Catalog::Catalog(const UnpackLimits& limits, Progress progress)
    : left_(limits), progress_(std::move(progress)) {}

std::unique_ptr<Catalog> Catalog::Read(const std::vector<std::string>& sources,
                                       const UnpackLimits& limits, const Progress& progress) {
  std::unique_ptr<Catalog> catalog(new Catalog(limits, progress));
  for (const std::string& source : sources) catalog->AddPath(source, source, 0);
  catalog->RetryBadRows();
  std::sort(catalog->spots_.begin(), catalog->spots_.end(), IsBefore);
  return catalog;
}

void Catalog::AddPath(const std::string& path, const std::string& where, int depth) {
  if (WasStopped()) return;
  std::error_code error;
  // A link named on the command line is followed, one that is found is not.
  const auto type = depth == 0 ? std::filesystem::status(path, error).type()
                               : std::filesystem::symlink_status(path, error).type();
  if (type == std::filesystem::file_type::regular) return AddFile(path, where, depth);
  if (type != std::filesystem::file_type::directory) {
    if (depth == 0) {
      bad_.push_back({where, error ? error.message() : "it is neither a file nor a directory"});
    }
    return;
  }
  if (engine::RocksReader::IsStore(path)) return AddStore(path, where);
  if (engine::RocksReader::IsRestOfStore(path)) {
    bad_.push_back(
        {where, "it has files of a store, but no file CURRENT, without which it does not open"});
  }
  if (depth > kDepthMax) {
    bad_.push_back({where, "it lies too deep"});
    return;
  }
  if (depth > 0 && FileExists(absl::StrCat(path, "/", kJournalName))) {
    skipped_.push_back(where);
    return;
  }
  const std::vector<std::string> inside = PathsIn(path, error);
  if (error) {
    bad_.push_back({where, error.message(), OfMachine(SystemError("read", path, error.value()))});
  }
  for (const std::string& one : inside) {
    AddPath(one, absl::StrCat(where, "/", std::filesystem::path(one).filename().string()),
            depth + 1);
  }
}

void Catalog::AddFile(const std::string& path, const std::string& where, int depth) {
  const bool is_cell = std::filesystem::path(path).filename() == kCellFileName;
  const bool wanted =
      depth == 0 || is_cell || IsArchiveName(path) || absl::EndsWith(path, kShareFileEnding);
  if (wanted && ::access(path.c_str(), R_OK) != 0) {
    const absl::Status status = SystemError("read", path, errno);
    bad_.push_back({where, std::string(status.message()), OfMachine(status)});
    return;
  }
  if (IsArchiveName(path)) return AddArchive(path, where, depth);
  const Bytes first = FirstBytes(path);
  if (LooksLikeShareFile(first) || absl::EndsWith(path, kShareFileEnding)) {
    return AddShareFile(path, where);
  }
  if (is_cell) {
    auto cell = ReadCellFile(path);
    if (!cell.ok()) {
      bad_.push_back({where, std::string(cell.status().message()), OfMachine(cell.status())});
      return;
    }
    known_scripts_.AddOf(**cell);  // the files of one cell may differ in these
    const CellId id = (*cell)->id();
    cell_files_.try_emplace(id, *std::move(cell));
  } else if (depth == 0) {
    not_known_.push_back(where);
  }
}

void Catalog::AddArchive(const std::string& path, const std::string& where, int depth) {
  if (archives_around_ >= kArchivesAroundMax) {
    bad_.push_back({where, absl::StrCat("it lies in ", kArchivesAroundMax, " archives already")});
    return;
  }
  NoteStopSignals();  // from here on there is something to put away
  auto directory = TemporaryDirectory::Create("worldb-recover");
  if (!directory.ok()) {
    bad_.push_back({where, std::string(directory.status().message()), directory.status()});
    return;
  }
  UnpackLimits left = left_;  // what is refused is removed again
  const absl::Status status = UnpackArchive(path, (*directory)->path(), left);
  if (absl::IsDataLoss(status)) {
    bad_.push_back({where, absl::StrCat("archive damaged or cut off: ", status.message(),
                                        "; what lies before that is used")});
  } else if (!status.ok()) {
    const bool refused = absl::IsInvalidArgument(status) || absl::IsOutOfRange(status);
    bad_.push_back(
        {where,
         absl::StrCat(
             "archive refused: ", status.message(),
             refused ? "; unpack what you trust of it and name the directory instead" : ""),
         refused ? absl::OkStatus() : status});
    return;
  }
  left_ = left;
  unpacked_.push_back(*std::move(directory));
  ++archives_around_;
  AddPath(unpacked_.back()->path(), where, depth + 1);
  --archives_around_;
}

void Catalog::AddStore(const std::string& path, const std::string& where) {
  auto store = engine::RocksReader::Open(path);
  if (!store.ok()) {
    bad_.push_back({where, std::string(store.status().message())});
    return;
  }
  const engine::RocksReader* reader = store->get();
  for (const std::string& damage : reader->log_facts().damage) bad_.push_back({where, damage});
  for (const std::string& torn : reader->log_facts().torn) {
    remarks_.push_back(absl::StrCat(where, ": ", torn));
  }
  stores_.push_back({*std::move(store), std::make_unique<engine::OfflineRows>(
                                            [reader](const std::string& key) {
                                              return reader->Get(RowFamily::kRows, key);
                                            },
                                            batches_)});
  facts_.push_back({.where = where});
  holders_.emplace_back();
  // Both families, or two kinds of rows of one, may meet the same damage.
  const auto note = [this, &where](const std::vector<std::string>& damage) {
    for (const std::string& stretch : damage) {
      AddBad(where, absl::StrCat("rows are damaged: ", stretch));
    }
  };
  StoreRow row;
  const auto each = [&row](absl::string_view key, ByteSpan value) -> const StoreRow& {
    row.key.assign(key.data(), key.size());
    row.value.assign(value.begin(), value.end());
    return row;
  };
  // Share rows name scripts.
  note(reader->ForEach(RowFamily::kRows, engine::ScriptRow::kFamilyPrefix,
                       [&](absl::string_view key, ByteSpan value) {
                         auto script = stores_.back().rows->AddScript(each(key, value));
                         if (script.ok()) {
                           known_scripts_.Add(*std::move(script));
                         } else {
                           bad_.push_back({where, std::string(script.status().message())});
                         }
                       }));
  note(reader->ForEach(RowFamily::kRows, engine::ShareRow::kFamilyPrefix,
                       [&](absl::string_view key, ByteSpan value) {
                         if (!WasStopped()) AddShareRow(each(key, value));
                       }));
  note(reader->ForEach(
      RowFamily::kBlobs, engine::StagedRow::kFamilyPrefix,
      [&](absl::string_view key, ByteSpan value) { AddStagedRow(each(key, value)); }));
}

void Catalog::AddBad(const std::string& where, std::string why) {
  const bool known = std::any_of(bad_.begin(), bad_.end(), [&](const BadSource& bad) {
    return bad.where == where && bad.why == why;
  });
  if (!known) bad_.push_back({where, std::move(why)});
}

void Catalog::Note(const cryptoscatter::Core& core, const ScriptId& script, Spot spot) {
  constexpr std::uint64_t kProgressEvery = 256;
  cells_.insert(core.cell);
  scripts_.insert(script);
  spot.key_tag = core.key_tag;
  spot.core = core.Id();
  spot.value_kind = core.kind;
  spots_.push_back(spot);
  if (progress_ && spots_.size() % kProgressEvery == 0) progress_(spots_.size(), WhereOf(spot));
}

void Catalog::AddShareRow(const StoreRow& row) {
  const auto source = static_cast<std::uint32_t>(stores_.size() - 1);
  const auto decoded = stores_.back().rows->DecodeShare(row, *known_scripts_.book());
  if (decoded.ok()) return NoteShare(decoded->found.share, source);
  ++facts_.back().bad_rows;
  const auto version = engine::ShareRow::ParseKey(row.key);
  if (!version.has_value()) {
    bad_.push_back(
        {facts_.back().where, absl::StrCat("row ", HexEncode(AsBytes(row.key)),
                                           " is no share: ", decoded.status().message())});
    return;
  }
  Spot spot;
  spot.kind = Spot::Kind::kBadRow;
  spot.key_tag = version->key_tag;
  spot.version = version->version;
  spot.slot_epoch = version->slot_epoch;
  spot.source = source;
  spot.detail = static_cast<std::uint32_t>(reasons_.size());
  reasons_.emplace_back(decoded.status().message());
  spots_.push_back(spot);
}

void Catalog::NoteShare(const cryptoscatter::Share& share, std::uint32_t source) {
  ++facts_[source].shares[share.index.value()];
  Spot spot;
  spot.version = share.version;
  spot.slot_epoch = share.slot_epoch;
  spot.source = source;
  spot.index = share.index.value();
  Note(share.core, share.script, spot);
}

void Catalog::RetryBadRows() {
  std::vector<Spot> before;
  before.swap(spots_);
  for (const Spot& spot : before) {
    if (spot.kind == Spot::Kind::kBadRow && !WasStopped()) {
      if (const auto decoded = ReadRow(spot); decoded.ok()) {
        --facts_[spot.source].bad_rows;
        NoteShare(decoded->found.share, spot.source);
        continue;
      }
    }
    spots_.push_back(spot);
  }
}

void Catalog::AddStagedRow(const StoreRow& row) {
  const auto sealed = engine::StagedRow::Decode(row.key, row.value);
  if (!sealed.ok()) {
    bad_.push_back(
        {facts_.back().where, absl::StrCat("staged payload: ", sealed.status().message())});
    return;
  }
  ++facts_.back().staged;
  Spot spot;
  spot.kind = Spot::Kind::kStaged;
  spot.source = static_cast<std::uint32_t>(stores_.size() - 1);
  spot.detail = static_cast<std::uint32_t>(staged_rows_.size());
  staged_rows_.push_back(sealed->Commitment());
  Note(sealed->core, sealed->script, spot);
}

void Catalog::AddShareFile(const std::string& path, const std::string& where) {
  const auto found = ReadShareFile(path, *known_scripts_.book());
  if (!found.ok()) {
    bad_.push_back({where, std::string(found.status().message()), OfMachine(found.status())});
    return;
  }
  known_scripts_.Add(found->script);
  Spot spot;
  spot.kind = Spot::Kind::kFile;
  spot.source = static_cast<std::uint32_t>(files_.size());
  files_.push_back({path, where});
  spot.version = found->share.version;
  spot.slot_epoch = found->share.slot_epoch;
  spot.index = found->share.index.value();
  Note(found->share.core, found->share.script, spot);
}

void Catalog::Unlock(const engine::OfflineKeys& keys) {
  constexpr int kTriesMax = 64;
  keys_ = &keys;
  std::vector<int> tries(stores_.size());
  for (const Spot& spot : spots_) {
    if (spot.kind != Spot::Kind::kRow || !holders_[spot.source].IsZero()) continue;
    if (++tries[spot.source] > kTriesMax) continue;
    const auto found = Fetch(spot);
    if (!found.ok() || !found->key_share.has_value()) continue;
    const auto holder = keys.HolderOf(found->share, *found->key_share);
    if (holder.has_value()) holders_[spot.source] = *holder;
  }
}

std::vector<std::string> Catalog::LockedStores() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < facts_.size(); ++i) {
    if (facts_[i].share_count() > 0 && holders_[i].IsZero()) out.push_back(facts_[i].where);
  }
  return out;
}

NodeIndex Catalog::IndexOf(const Spot& spot) const {
  return spot.kind == Spot::Kind::kFile ? NodeAt(spot.index) : facts_[spot.source].index();
}

std::string Catalog::WhereOf(const Spot& spot) const {
  return spot.kind == Spot::Kind::kFile ? files_[spot.source].where : facts_[spot.source].where;
}

std::string Catalog::PlaceOf(const Spot& spot) const {
  const std::string where = WhereOf(spot);
  if (spot.kind != Spot::Kind::kFile && facts_[spot.source].share_count() == 0) return where;
  const int index = IndexOf(spot).value();
  const engine::Cell* cell = OnlyCell();
  return absl::StrCat(cell == nullptr ? absl::StrCat(index) : cell->node(NodeAt(index)).name, " (",
                      where, ")");
}

std::string Catalog::WhyBad(const Spot& spot) const {
  return absl::StrCat("share of version ", spot.version.value(), " on node ", PlaceOf(spot), ": ",
                      reasons_[spot.detail]);
}

absl::StatusOr<engine::FoundRow> Catalog::ReadRow(const Spot& spot) const {
  const RawStore& store = stores_[spot.source];
  StoreRow row;
  row.key = RowKeyOf(spot);
  WORLDB_ASSIGN_OR_RETURN(row.value, store.reader->Get(RowFamily::kRows, row.key));
  return store.rows->DecodeShare(row, *known_scripts_.book());
}

absl::StatusOr<engine::FoundShare> Catalog::Fetch(const Spot& spot) const {
  engine::FoundShare found;
  if (spot.kind == Spot::Kind::kFile) {
    WORLDB_ASSIGN_OR_RETURN(found, ReadShareFile(files_[spot.source].path, *known_scripts_.book()));
  } else {
    WORLDB_ASSIGN_OR_RETURN(engine::FoundRow decoded, ReadRow(spot));
    found = std::move(decoded.found);
    if (decoded.fragment_apart) {
      absl::StatusOr<Bytes> fragment =
          stores_[spot.source].reader->Get(RowFamily::kBlobs, RowKeyOf(spot));
      if (fragment.ok()) {
        found.share.fragment = *std::move(fragment);
        found.has_fragment = true;
      }
    }
  }
  found.where = PlaceOf(spot);
  if (spot.kind == Spot::Kind::kRow) found.holder = holders_[spot.source];
  const engine::Cell* cell = CellOf(found.share.core.cell);
  if (spot.kind == Spot::Kind::kFile && found.holder.IsZero() && cell != nullptr) {
    found.holder = cell->node(found.share.index).id;
  }
  // No key opens what is not there.
  found.locked = found.key_share.has_value() && (keys_ == nullptr || !keys_->Has(found.holder));
  return found;
}

absl::StatusOr<cryptoscatter::SealedValue> Catalog::FetchStaged(const Spot& spot) const {
  StoreRow row;
  row.key = engine::StagedRow::Key(staged_rows_[spot.detail]);
  WORLDB_ASSIGN_OR_RETURN(row.value, stores_[spot.source].reader->Get(RowFamily::kBlobs, row.key));
  return engine::StagedRow::Decode(row.key, row.value);
}

std::optional<Bytes> Catalog::NameOf(const KeyTag& key_tag) const {
  if (keys_ == nullptr) return std::nullopt;
  const std::string row_key = engine::NameRow::Key(key_tag);
  for (const auto& store : stores_) {
    const auto sealed = store.reader->Get(RowFamily::kRows, row_key);
    if (!sealed.ok()) continue;
    if (auto name = keys_->OpenName(row_key, *sealed)) return name;
  }
  return std::nullopt;
}

}  // namespace worldb::tools
