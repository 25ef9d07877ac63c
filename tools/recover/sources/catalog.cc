#include "tools/recover/sources/catalog.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/rows/staged_rows.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/files/share_files.h"
#include "tools/recover/judging/spot_groups.h"
#include "tools/stop_signals.h"

namespace worldb::tools {
namespace {

using engine::StoreRow;

engine::VersionRef VersionOf(const Spot& spot) {
  return {spot.key_tag, spot.slot_epoch, spot.version};
}

}  // namespace

std::uint64_t StoreFacts::share_count() const {
  return std::accumulate(shares.begin(), shares.end(), std::uint64_t{0});
}

NodeIndex StoreFacts::index() const {
  return NodeAt(static_cast<int>(std::max_element(shares.begin(), shares.end()) - shares.begin()));
}

Catalog::Catalog(Progress progress) : progress_(std::move(progress)) {}

std::unique_ptr<Catalog> Catalog::Read(const std::vector<std::string>& sources,
                                       const UnpackLimits& limits, const Progress& progress) {
  std::unique_ptr<Catalog> catalog(new Catalog(progress));
  using Path = const std::string&;
  SourceWalk walk(limits,
                  {.store = [&](Path path, Path where) { catalog->AddStore(path, where); },
                   .share_file = [&](Path path, Path where) { catalog->AddShareFile(path, where); },
                   .cell_file = [&](Path path, Path where) { catalog->AddCellFile(path, where); }},
                  catalog->report_);
  for (const std::string& source : sources) walk.Walk(source);
  catalog->unpacked_ = walk.TakeUnpacked();
  catalog->RetryBadRows();
  std::sort(catalog->spots_.begin(), catalog->spots_.end(), IsBefore);
  return catalog;
}

void Catalog::AddStore(const std::string& path, const std::string& where) {
  auto opened = RawStore::Open(path, batches_);
  if (!opened.ok()) {
    report_.bad.push_back({where, std::string(opened.status().message())});
    return;
  }
  RawStore& store = *stores_.emplace_back(*std::move(opened));
  for (const std::string& damage : store.log_facts().damage) report_.bad.push_back({where, damage});
  for (const std::string& torn : store.log_facts().torn) {
    report_.remarks.push_back(absl::StrCat(where, ": ", torn));
  }
  facts_.push_back({.where = where});
  holders_.emplace_back();
  // Both families, or two kinds of rows of one, may meet the same damage.
  const auto note = [this, &where](const RawStore::Damage& damage) {
    for (const std::string& stretch : damage) {
      report_.AddDamage(where, absl::StrCat("rows are damaged: ", stretch));
    }
  };
  note(store.ForEachScript([&](absl::StatusOr<engine::CellScripts::ScriptPtr> script) {
    if (script.ok()) {
      known_scripts_.Add(*std::move(script));
    } else {
      report_.bad.push_back({where, std::string(script.status().message())});
    }
  }));
  note(store.ForEachShare([this](const StoreRow& row) {
    if (!WasStopped()) AddShareRow(row);
  }));
  note(store.ForEachStaged([this](const StoreRow& row) { AddStagedRow(row); }));
}

void Catalog::AddCellFile(const std::string& path, const std::string& where) {
  auto cell = ReadCellFile(path);
  if (!cell.ok()) return report_.AddUnread(where, cell.status());
  known_scripts_.AddOf(**cell);  // the files of one cell may differ in these
  const CellId id = (*cell)->id();
  cell_files_.try_emplace(id, *std::move(cell));
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
  const auto decoded = stores_.back()->DecodeShare(row, *known_scripts_.book());
  if (decoded.ok()) return NoteShare(decoded->found.share, source);
  ++facts_.back().bad_rows;
  const auto version = engine::ShareRow::ParseKey(row.key);
  if (!version.has_value()) {
    report_.bad.push_back(
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
      if (const auto decoded =
              stores_[spot.source]->ReadShare(VersionOf(spot), *known_scripts_.book());
          decoded.ok()) {
        --facts_[spot.source].bad_rows;
        NoteShare(decoded->found.share, spot.source);
        continue;
      }
    }
    spots_.push_back(spot);
  }
}

void Catalog::AddStagedRow(const StoreRow& row) {
  const auto staged = engine::DecodeStaged(row.key, row.value);
  if (!staged.ok()) {
    report_.bad.push_back(
        {facts_.back().where, absl::StrCat("staged payload: ", staged.status().message())});
    return;
  }
  const auto row_key = std::make_shared<const std::string>(row.key);
  for (std::size_t place = 0; place < staged->size(); ++place) {
    ++facts_.back().staged;
    Spot spot;
    spot.kind = Spot::Kind::kStaged;
    spot.source = static_cast<std::uint32_t>(stores_.size() - 1);
    spot.detail = static_cast<std::uint32_t>(staged_.size());
    staged_.push_back({row_key, place});
    const cryptoscatter::SealedValue& sealed = (*staged)[place].sealed;
    Note(sealed.core, sealed.script, spot);
  }
}

void Catalog::AddShareFile(const std::string& path, const std::string& where) {
  const auto found = ReadShareFile(path, *known_scripts_.book());
  if (!found.ok()) return report_.AddUnread(where, found.status());
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

absl::StatusOr<engine::FoundShare> Catalog::Fetch(const Spot& spot) const {
  const cryptoscatter::ScriptBook& book = *known_scripts_.book();
  WORLDB_ASSIGN_OR_RETURN(engine::FoundShare found,
                          spot.kind == Spot::Kind::kFile
                              ? ReadShareFile(files_[spot.source].path, book)
                              : stores_[spot.source]->ReadWholeShare(VersionOf(spot), book));
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
  const Staged& staged = staged_[spot.detail];
  return stores_[spot.source]->ReadStaged(*staged.row_key, staged.place);
}

std::optional<Bytes> Catalog::NameOf(const KeyTag& key_tag) const {
  if (keys_ == nullptr) return std::nullopt;
  for (const auto& store : stores_) {
    if (auto name = store->ReadName(key_tag, *keys_)) return name;
  }
  return std::nullopt;
}

}  // namespace worldb::tools
