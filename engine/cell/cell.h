// Who a cell is: its nine nodes with their public keys, and the keys all of them share.
//
// Layout of the directory file: docs/cell-file-format.md.
// Errors:  Decode answers InvalidArgument with the place.
// Threads: immutable once made; share it by pointer.
// Secrets: tag, slot and ticket key. They protect names and tickets, never values.
#ifndef WORLDB_ENGINE_CELL_CELL_H_
#define WORLDB_ENGINE_CELL_CELL_H_

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/signing.h"
#include "engine/cell/cell_scripts.h"

namespace worldb::engine {

inline constexpr int kSlotCount = 4096;
// No directory file is larger, whatever scripts the cell has.
inline constexpr std::size_t kCellFileBytesMax = std::size_t{2} << 20;

struct NodePublic {
  std::string name;
  NodeId id;
  cryptoscatter::SigningPublicKey signing_key;
  cryptoscatter::ExchangePublicKey exchange_key;
};

// What one node alone knows.
struct NodeSecrets {
  cryptoscatter::SigningKeyPair signing;
  cryptoscatter::ExchangeKeyPair exchange;
  SecretArray<32> storage_key;

  static NodeSecrets Generate(Entropy& entropy);
  // For a file only its owner can read.
  SecretBytes Encode() const;
  static absl::StatusOr<NodeSecrets> Decode(ByteSpan bytes);
};

class Cell {
 public:
  using Names = std::array<std::string, kDataCenterCount>;

  // Node names are "<data center>-1" to "-3".
  static std::shared_ptr<const Cell> Create(const Names& data_centers,
                                            const std::array<NodeSecrets, kNodeCount>& nodes,
                                            Entropy& entropy, CellScripts scripts = CellScripts());
  // The same cell with other scripts: those it has, and more.
  std::shared_ptr<const Cell> WithScripts(CellScripts scripts) const;
  SecretBytes Encode() const;
  static absl::StatusOr<std::shared_ptr<const Cell>> Decode(ByteSpan bytes);

  const CellId& id() const { return id_; }
  SlotEpoch slot_epoch() const { return SlotEpoch(1); }
  const std::string& data_center_name(DataCenterIndex dc) const {
    return data_centers_[dc.value()];
  }
  const CellScripts& scripts() const { return scripts_; }
  // The script with this id; NotFound if the cell does not know it.
  absl::StatusOr<CellScripts::ScriptPtr> FindScript(const ScriptId& id) const {
    return scripts_.book().Find(id);
  }
  const NodePublic& node(NodeIndex index) const { return nodes_[index.value()]; }
  std::optional<NodeIndex> FindNode(absl::string_view name) const;
  std::array<cryptoscatter::SealTarget, kNodeCount> SealTargets() const;
  // Whose signature makes a value one of this cell: its nodes', each a gateway for its callers.
  bool IsWriter(const cryptoscatter::SigningPublicKey& key) const;

  KeyTag KeyTagOf(ByteSpan key_name) const;
  Slot SlotOf(const KeyTag& key_tag) const;
  // The triad that arbitrates the slot.
  DataCenterIndex HomeOf(Slot slot) const;
  ByteSpan ticket_key() const { return ticket_key_.ExposeSecret(); }

 private:
  Cell() = default;
  CellId id_;
  Names data_centers_;
  std::array<NodePublic, kNodeCount> nodes_;
  SecretArray<32> tag_key_;
  SecretArray<32> slot_key_;
  SecretArray<32> ticket_key_;
  CellScripts scripts_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CELL_CELL_H_
