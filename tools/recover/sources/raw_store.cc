#include "tools/recover/sources/raw_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "cryptoscatter/base/status_macros.h"
#include "engine/rows/name_rows.h"
#include "engine/rows/share_rows.h"
#include "engine/rows/staged_rows.h"

namespace worldb::tools {
namespace {

using engine::RowFamily;
using engine::StoreRow;

std::string RowKeyOf(const engine::VersionRef& version) {
  return engine::ShareRow::Key(version.key_tag, version.slot_epoch, version.version);
}

}  // namespace

RawStore::RawStore(std::unique_ptr<engine::RocksReader> reader,
                   std::shared_ptr<engine::OfflineBatches> batches)
    : reader_(std::move(reader)),
      rows_(std::make_unique<engine::OfflineRows>(
          [from = reader_.get()](const std::string& key) {
            return from->Get(RowFamily::kRows, key);
          },
          std::move(batches))) {}

absl::StatusOr<std::unique_ptr<RawStore>> RawStore::Open(
    const std::string& path, std::shared_ptr<engine::OfflineBatches> batches) {
  WORLDB_ASSIGN_OR_RETURN(std::unique_ptr<engine::RocksReader> reader,
                          engine::RocksReader::Open(path));
  return std::unique_ptr<RawStore>(new RawStore(std::move(reader), std::move(batches)));
}

RawStore::Damage RawStore::ForEach(RowFamily family, const std::string& prefix,
                                   const Row& visit) const {
  StoreRow row;
  return reader_->ForEach(family, prefix, [&](absl::string_view key, ByteSpan value) {
    row.key.assign(key.data(), key.size());
    row.value.assign(value.begin(), value.end());
    visit(row);
  });
}

RawStore::Damage RawStore::ForEachScript(
    const std::function<void(absl::StatusOr<engine::CellScripts::ScriptPtr>)>& visit) {
  return ForEach(RowFamily::kRows, engine::ScriptRow::kFamilyPrefix,
                 [&](const StoreRow& row) { visit(rows_->AddScript(row)); });
}

RawStore::Damage RawStore::ForEachShare(const Row& visit) const {
  return ForEach(RowFamily::kRows, engine::ShareRow::kFamilyPrefix, visit);
}

RawStore::Damage RawStore::ForEachStaged(const Row& visit) const {
  Damage damage;
  for (const char* prefix : engine::kStagedPrefixes) {
    Damage of_these = ForEach(RowFamily::kBlobs, prefix, visit);
    std::move(of_these.begin(), of_these.end(), std::back_inserter(damage));
  }
  return damage;
}

absl::StatusOr<engine::FoundRow> RawStore::DecodeShare(
    const StoreRow& row, const cryptoscatter::ScriptBook& book) const {
  return rows_->DecodeShare(row, book);
}

absl::StatusOr<engine::FoundRow> RawStore::ReadShare(const engine::VersionRef& version,
                                                     const cryptoscatter::ScriptBook& book) const {
  StoreRow row;
  row.key = RowKeyOf(version);
  WORLDB_ASSIGN_OR_RETURN(row.value, reader_->Get(RowFamily::kRows, row.key));
  return rows_->DecodeShare(row, book);
}

absl::StatusOr<engine::FoundShare> RawStore::ReadWholeShare(
    const engine::VersionRef& version, const cryptoscatter::ScriptBook& book) const {
  WORLDB_ASSIGN_OR_RETURN(engine::FoundRow decoded, ReadShare(version, book));
  engine::FoundShare found = std::move(decoded.found);
  if (!decoded.fragment_apart) return found;
  absl::StatusOr<Bytes> fragment = reader_->Get(RowFamily::kBlobs, RowKeyOf(version));
  if (fragment.ok()) {
    found.share.fragment = *std::move(fragment);
    found.has_fragment = true;
  }
  return found;
}

absl::StatusOr<cryptoscatter::SealedValue> RawStore::ReadStaged(const std::string& row_key,
                                                                std::size_t place) const {
  WORLDB_ASSIGN_OR_RETURN(const Bytes row, reader_->Get(RowFamily::kBlobs, row_key));
  return engine::DecodeOneStaged(row_key, row, place);
}

std::optional<Bytes> RawStore::ReadName(const KeyTag& key_tag,
                                        const engine::OfflineKeys& keys) const {
  const std::string row_key = engine::NameRow::Key(key_tag);
  const auto sealed = reader_->Get(RowFamily::kRows, row_key);
  if (!sealed.ok()) return std::nullopt;
  return keys.OpenName(row_key, *sealed);
}

}  // namespace worldb::tools
