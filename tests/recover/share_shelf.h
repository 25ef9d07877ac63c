// Shares of one cell as if they had been found somewhere: a ShareSource with no disk below it.
//
// Threads: one owner.
#ifndef WORLDB_TESTS_RECOVER_SHARE_SHELF_H_
#define WORLDB_TESTS_RECOVER_SHARE_SHELF_H_

#include <array>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/signing.h"
#include "engine/cell/cell.h"
#include "tests/support/seeded_entropy.h"
#include "tools/recover/judging/share_source.h"

namespace worldb::testing {

class ShareShelf final : public tools::ShareSource {
 public:
  // Keys are at hand for the nodes of `unlocked` alone.
  explicit ShareShelf(NodeSet unlocked = NodeSet::All());

  cryptoscatter::SealedValue Seal(const std::string& key, const std::string& value,
                                  cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue);
  // The shares of `nodes`, as of that version. `spoilt`: those whose fragment is not what was signed.
  void Lay(const cryptoscatter::SealedValue& sealed, int version, NodeSet nodes = NodeSet::All(),
           NodeSet spoilt = NodeSet());
  // What one node has staged of it.
  void Stage(const cryptoscatter::SealedValue& sealed);

  std::span<const tools::Spot> spots() const override { return spots_; }
  const engine::OfflineKeys& keys() const override { return keys_; }
  const std::shared_ptr<const cryptoscatter::ScriptBook>& script_book() const override {
    return scripts_;
  }
  const std::set<CellId>& cells() const override { return cells_; }
  const Cells& cell_files() const override { return cell_files_; }
  std::string WhereOf(const tools::Spot& spot) const override;
  std::string PlaceOf(const tools::Spot& spot) const override;
  NodeIndex IndexOf(const tools::Spot& spot) const override { return NodeAt(spot.index); }
  std::string WhyBad(const tools::Spot&) const override { return "no row here is bad"; }
  absl::StatusOr<engine::FoundShare> Fetch(const tools::Spot& spot) const override;
  absl::StatusOr<cryptoscatter::SealedValue> FetchStaged(const tools::Spot& spot) const override;
  std::optional<Bytes> NameOf(const KeyTag&) const override { return std::nullopt; }

 private:
  void Add(tools::Spot spot, const cryptoscatter::Core& core);

  SeededEntropy entropy_{7};
  const std::array<engine::NodeSecrets, kNodeCount> secrets_;
  const std::shared_ptr<const engine::Cell> cell_;
  const cryptoscatter::SigningKeyPair writer_;
  cryptoscatter::WriterSession session_;
  const std::shared_ptr<const cryptoscatter::ScriptBook> scripts_ =
      cryptoscatter::ScriptBook::Shipped();
  engine::OfflineKeys keys_;
  std::set<CellId> cells_;
  Cells cell_files_;
  std::vector<tools::Spot> spots_;  // `source` counts in shares_ or staged_
  std::vector<engine::FoundShare> shares_;
  std::vector<cryptoscatter::SealedValue> staged_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_RECOVER_SHARE_SHELF_H_
