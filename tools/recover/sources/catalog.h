// What lies in a heap of raw node stores, share files and archives of both, in any order.
//
// A first pass reads everything and keeps where each share lies; shares are then fetched one by one.
// Stores are read where they lie and never changed; archives are unpacked to a private temporary
// directory. Nothing in here has been verified: that is for whoever fetches it.
// Bounds:  some 80 bytes for each share, a path for each share file, what RocksReader keeps for each store.
// Errors:  what cannot be read is noted in bad(), and the rest goes on. Once an archive is unpacked, stop
//          signals are noted (tools/stop_signals.h), and reading ends early at one.
// Threads: one owner; calls block on the disk.
#ifndef WORLDB_TOOLS_RECOVER_SOURCES_CATALOG_H_
#define WORLDB_TOOLS_RECOVER_SOURCES_CATALOG_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/cell/cell.h"
#include "engine/offline/offline_reader.h"
#include "tools/recover/files/archive.h"
#include "tools/recover/judging/share_source.h"
#include "tools/recover/sources/raw_store.h"
#include "tools/recover/sources/source_report.h"
#include "tools/recover/sources/source_walk.h"

namespace worldb::tools {

struct StoreFacts {
  std::string where;
  std::array<std::uint64_t, kNodeCount> shares{};  // by index; a node's own are all of one
  std::uint64_t staged = 0;
  std::uint64_t bad_rows = 0;

  std::uint64_t share_count() const;
  // The index most of its shares have: that of its node.
  NodeIndex index() const;
};

class Catalog final : public ShareSource {
 public:
  // Says how far the first pass is.
  using Progress = std::function<void(std::uint64_t shares, const std::string& where)>;

  static std::unique_ptr<Catalog> Read(const std::vector<std::string>& sources,
                                       const UnpackLimits& limits, const Progress& progress);
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  std::span<const Spot> spots() const override { return spots_; }
  const std::vector<StoreFacts>& stores() const { return facts_; }
  std::uint64_t share_file_count() const { return files_.size(); }
  // What cannot be read or is damaged.
  const std::vector<BadSource>& bad() const { return report_.bad; }
  const SourceReport& report() const { return report_; }
  const std::set<CellId>& cells() const override { return cells_; }
  // Those that shares name.
  const std::set<ScriptId>& scripts() const { return scripts_; }
  const std::shared_ptr<const cryptoscatter::ScriptBook>& script_book() const override {
    return known_scripts_.book();
  }
  // The cell directories that were among the sources.
  const Cells& cell_files() const override { return cell_files_; }
  // The one among the sources; null where there is none, or where nobody knows which of several an
  // index is of.
  const engine::Cell* OnlyCell() const {
    return cell_files_.size() == 1 ? cell_files_.begin()->second.get() : nullptr;
  }

  // Finds out which store belongs to which of these nodes. Without a node's keys, its key shares count
  // neither as good nor as bad. Call it before Fetch(); `keys` must outlive the catalog.
  void Unlock(const engine::OfflineKeys& keys);
  // REQUIRES: Unlock().
  const engine::OfflineKeys& keys() const override { return *keys_; }
  // Stores for which Unlock() found no key.
  std::vector<std::string> LockedStores() const;

  std::string WhereOf(const Spot& spot) const override;
  // "tokyo-1 (disks/nodes/tokyo-1/store)": the index where no single cell directory tells the name.
  std::string PlaceOf(const Spot& spot) const override;
  NodeIndex IndexOf(const Spot& spot) const override;
  std::string WhyBad(const Spot& spot) const override;
  absl::StatusOr<engine::FoundShare> Fetch(const Spot& spot) const override;
  absl::StatusOr<cryptoscatter::SealedValue> FetchStaged(const Spot& spot) const override;
  std::optional<Bytes> NameOf(const KeyTag& key_tag) const override;

 private:
  explicit Catalog(Progress progress);
  void AddStore(const std::string& path, const std::string& where);
  void AddShareRow(const engine::StoreRow& row);
  void AddStagedRow(const engine::StoreRow& row);
  void AddShareFile(const std::string& path, const std::string& where);
  void AddCellFile(const std::string& path, const std::string& where);
  // Rows that did not decode, once more: a later source may have brought their script.
  void RetryBadRows();
  void NoteShare(const cryptoscatter::Share& share, std::uint32_t source);
  void Note(const cryptoscatter::Core& core, const ScriptId& script, Spot spot);

  struct File {
    std::string path;
    std::string where;
  };
  struct Staged {
    std::shared_ptr<const std::string> row_key;
    std::size_t place = 0;
  };

  const Progress progress_;
  SourceWalk::Unpacked unpacked_;
  std::vector<std::unique_ptr<RawStore>> stores_;  // facts_ goes with it
  const std::shared_ptr<engine::OfflineBatches> batches_ =
      std::make_shared<engine::OfflineBatches>();
  std::vector<StoreFacts> facts_;
  std::vector<NodeId> holders_;  // by store; zero when no key opens it
  const engine::OfflineKeys* keys_ = nullptr;
  std::vector<File> files_;
  std::vector<Spot> spots_;
  std::vector<Staged> staged_;
  std::vector<std::string> reasons_;
  SourceReport report_;
  std::set<CellId> cells_;
  std::set<ScriptId> scripts_;
  engine::OfflineScripts known_scripts_;
  Cells cell_files_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SOURCES_CATALOG_H_
