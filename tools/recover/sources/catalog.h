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
#include "engine/rocks/rocks_reader.h"
#include "tools/files.h"
#include "tools/recover/files/archive.h"
#include "tools/recover/judging/share_source.h"

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

struct BadSource {
  std::string where;
  std::string why;
  // Not OK when that is no damage, but lies in this machine: no permission, no room to unpack.
  absl::Status of_machine = absl::OkStatus();
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
  // Unreadable sources, damaged stretches of stores, share files that do not decode.
  const std::vector<BadSource>& bad() const { return bad_; }
  // What is worth saying of the sources, but nothing bad.
  const std::vector<std::string>& remarks() const { return remarks_; }
  // Directories below a source with recovered values: those are no shares.
  const std::vector<std::string>& skipped() const { return skipped_; }
  // Files named as sources that are no share files and, by their names, no archives.
  const std::vector<std::string>& not_known() const { return not_known_; }
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
  Catalog(const UnpackLimits& limits, Progress progress);
  void AddPath(const std::string& path, const std::string& where, int depth);
  void AddFile(const std::string& path, const std::string& where, int depth);
  void AddArchive(const std::string& path, const std::string& where, int depth);
  void AddStore(const std::string& path, const std::string& where);
  void AddShareFile(const std::string& path, const std::string& where);
  void AddShareRow(const engine::StoreRow& row);
  // Rows that did not decode, once more: a later source may have brought their script.
  void RetryBadRows();
  // The share row at a spot, as it lies there now.
  absl::StatusOr<engine::FoundRow> ReadRow(const Spot& spot) const;
  void AddStagedRow(const engine::StoreRow& row);
  void NoteShare(const cryptoscatter::Share& share, std::uint32_t source);
  void AddBad(const std::string& where, std::string why);
  void Note(const cryptoscatter::Core& core, const ScriptId& script, Spot spot);

  struct File {
    std::string path;
    std::string where;
  };

  UnpackLimits left_;  // of all archives together
  int archives_around_ = 0;
  const Progress progress_;
  std::vector<std::unique_ptr<TemporaryDirectory>> unpacked_;
  struct RawStore {
    std::unique_ptr<engine::RocksReader> reader;
    std::unique_ptr<engine::OfflineRows> rows;
  };
  std::vector<RawStore> stores_;  // facts_ goes with it
  const std::shared_ptr<engine::OfflineBatches> batches_ =
      std::make_shared<engine::OfflineBatches>();
  std::vector<StoreFacts> facts_;
  std::vector<NodeId> holders_;  // by store; zero when no key opens it
  const engine::OfflineKeys* keys_ = nullptr;
  std::vector<File> files_;
  std::vector<Spot> spots_;
  std::vector<CommitmentId> staged_rows_;
  std::vector<std::string> reasons_;
  std::vector<BadSource> bad_;
  std::vector<std::string> remarks_;
  std::vector<std::string> skipped_;
  std::vector<std::string> not_known_;
  std::set<CellId> cells_;
  std::set<ScriptId> scripts_;
  engine::OfflineScripts known_scripts_;
  Cells cell_files_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SOURCES_CATALOG_H_
