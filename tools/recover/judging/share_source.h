// What judging asks of wherever the shares lie: where each is and what it says of itself, and the share.
//
// A first look keeps a Spot for each share; shares are then fetched one by one. Nothing a source gives has
// been verified: that is for whoever fetches it. tools/recover/sources/catalog.h is the one that reads disks.
// Errors:  of Fetch() and FetchStaged(), whatever keeps the share from being read; its message is what is
//          said of that share.
// Threads: one owner; calls may block on the disk.
#ifndef WORLDB_TOOLS_RECOVER_JUDGING_SHARE_SOURCE_H_
#define WORLDB_TOOLS_RECOVER_JUDGING_SHARE_SOURCE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/script_book.h"
#include "engine/cell/cell.h"
#include "engine/offline/offline_reader.h"

namespace worldb::tools {

// Where one share lies, and what it says of itself.
struct Spot {
  enum class Kind : std::uint8_t {
    kRow,     // a row of a store
    kFile,    // a share file
    kStaged,  // a staged payload: no version, zero
    kBadRow,  // a row of this version that does not decode: no core, zero
  };
  KeyTag key_tag;
  Version version;
  CoreId core;
  SlotEpoch slot_epoch;
  std::uint32_t source = 0;  // of a store or of a file
  std::uint32_t detail = 0;  // kStaged: its row; kBadRow: why
  Kind kind = Kind::kRow;
  cryptoscatter::ValueKind value_kind = cryptoscatter::ValueKind::kValue;
  std::uint8_t index = 0;  // of the share

  bool IsShare() const { return kind == Kind::kRow || kind == Kind::kFile; }
};

class ShareSource {
 public:
  using Cells = std::map<CellId, std::shared_ptr<const engine::Cell>>;

  virtual ~ShareSource() = default;

  // By key tag, then newest first; staged payloads last.
  virtual std::span<const Spot> spots() const = 0;
  // The keys given; without a node's, its key shares count neither as good nor as bad.
  virtual const engine::OfflineKeys& keys() const = 0;
  // The scripts that are known: the shipped ones and what the sources brought.
  virtual const std::shared_ptr<const cryptoscatter::ScriptBook>& script_book() const = 0;
  // The cells that shares name.
  virtual const std::set<CellId>& cells() const = 0;
  // The cell directories that are at hand.
  virtual const Cells& cell_files() const = 0;

  virtual std::string WhereOf(const Spot& spot) const = 0;
  // The same for people, with the node's name, or its index where nothing tells the name.
  virtual std::string PlaceOf(const Spot& spot) const = 0;
  // As whose share it lies there: of a row that of its store, of a share file the one it names.
  virtual NodeIndex IndexOf(const Spot& spot) const = 0;
  // REQUIRES: kBadRow.
  virtual std::string WhyBad(const Spot& spot) const = 0;
  // REQUIRES: IsShare(). A missing fragment is no error.
  virtual absl::StatusOr<engine::FoundShare> Fetch(const Spot& spot) const = 0;
  // REQUIRES: kStaged.
  virtual absl::StatusOr<cryptoscatter::SealedValue> FetchStaged(const Spot& spot) const = 0;
  // The key's name as some node keeps it beside its shares.
  virtual std::optional<Bytes> NameOf(const KeyTag& key_tag) const = 0;

  // The directory of one cell; null where it is not at hand.
  const engine::Cell* CellOf(const CellId& cell) const {
    const auto at = cell_files().find(cell);
    return at == cell_files().end() ? nullptr : at->second.get();
  }
  // "share 4 of version 17 on node tokyo-1 (disks/nodes/tokyo-1/store)".
  std::string Describe(const Spot& spot) const;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_JUDGING_SHARE_SOURCE_H_
