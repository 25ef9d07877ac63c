#include "tests/recover/share_shelf.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/share.h"
#include "tools/recover/judging/spot_groups.h"

namespace worldb::testing {
namespace {

using cryptoscatter::SealedValue;
using tools::Spot;

std::array<engine::NodeSecrets, kNodeCount> MakeSecrets(Entropy& entropy) {
  const auto one = [&entropy] { return engine::NodeSecrets::Generate(entropy); };
  return {one(), one(), one(), one(), one(), one(), one(), one(), one()};
}

const cryptoscatter::Script& Nested() {
  static const auto script = cryptoscatter::Script::Nested();
  return *script;
}

}  // namespace

ShareShelf::ShareShelf(NodeSet unlocked)
    : secrets_(MakeSecrets(entropy_)),
      cell_(engine::Cell::Create({"virginia", "frankfurt", "tokyo"}, secrets_, entropy_)),
      writer_(cryptoscatter::SigningKeyPair::Generate(entropy_)),
      session_(*cryptoscatter::WriterSession::Create(cell_->SealTargets(), entropy_)),
      cells_({cell_->id()}),
      cell_files_({{cell_->id(), cell_}}) {
  for (int i = 0; i < kNodeCount; ++i) {
    if (!unlocked.Has(i)) continue;
    const engine::NodeSecrets& secrets = secrets_[static_cast<std::size_t>(i)];
    keys_.Add(cell_->node(NodeAt(i)).id, secrets.storage_key, secrets.exchange.PrivateKey());
  }
}

SealedValue ShareShelf::Seal(const std::string& key, const std::string& value,
                             cryptoscatter::ValueKind kind) {
  OpId op;
  op.bytes = entropy_.Draw<16>();
  const Bytes bytes = ToBytes(AsBytes(value));
  auto sealed = cryptoscatter::Seal(
      Nested(), {cell_->id(), cell_->KeyTagOf(AsBytes(key)), op, AsBytes(key), bytes, kind},
      session_, entropy_);
  WORLDB_CHECK(sealed.ok());
  sealed->proof =
      cryptoscatter::SignBatch(writer_, cell_->id(), std::array{sealed->Commitment()})[0];
  return *std::move(sealed);
}

void ShareShelf::Lay(const SealedValue& sealed, int version, NodeSet nodes, NodeSet spoilt) {
  auto fragments = cryptoscatter::CheckSealedValue(Nested(), sealed);
  WORLDB_CHECK(fragments.ok());
  auto shares =
      cryptoscatter::MakeShares(sealed, *std::move(fragments), cell_->SlotOf(sealed.core.key_tag),
                                cell_->slot_epoch(), Version(static_cast<std::uint64_t>(version)));
  for (std::size_t j = 0; j < shares.size(); ++j) {
    if (!nodes.Has(static_cast<int>(j))) continue;
    const NodeId& node = cell_->node(shares[j].index).id;
    const auto pairwise = secrets_[j].exchange.PairwiseKeyAsOpener(sealed.writer_exchange_key);
    WORLDB_CHECK(pairwise.ok());
    const auto key_share = cryptoscatter::OpenKeyShare(
        *pairwise, {sealed.core.Id(), shares[j].index, shares[j].key_share_hash}, node,
        sealed.key_shares[j]);
    WORLDB_CHECK(key_share.ok());
    Spot spot;
    spot.version = shares[j].version;
    spot.slot_epoch = shares[j].slot_epoch;
    spot.source = static_cast<std::uint32_t>(shares_.size());
    spot.index = shares[j].index.value();
    engine::FoundShare found;
    found.key_share = cryptoscatter::WrapKeyShare(
        secrets_[j].storage_key,
        {sealed.core.Id(), shares[j].generation, shares[j].index, node, shares[j].key_share_hash},
        *key_share);
    found.share = std::move(shares[j]);
    if (spoilt.Has(static_cast<int>(j))) found.share.fragment.back() ^= 1;
    found.holder = node;
    found.locked = !keys_.Has(node);
    found.where = PlaceOf(spot);
    shares_.push_back(std::move(found));
    Add(spot, sealed.core);
  }
}

void ShareShelf::Stage(const SealedValue& sealed) {
  Spot spot;
  spot.kind = Spot::Kind::kStaged;
  spot.source = static_cast<std::uint32_t>(staged_.size());
  staged_.push_back(sealed);
  Add(spot, sealed.core);
}

void ShareShelf::Add(Spot spot, const cryptoscatter::Core& core) {
  spot.key_tag = core.key_tag;
  spot.core = core.Id();
  spot.value_kind = core.kind;
  spots_.insert(std::upper_bound(spots_.begin(), spots_.end(), spot, tools::IsBefore), spot);
}

std::string ShareShelf::WhereOf(const Spot& spot) const {
  return absl::StrCat("shelf ", spot.source);
}

std::string ShareShelf::PlaceOf(const Spot& spot) const {
  return cell_->node(NodeAt(spot.index)).name;
}

absl::StatusOr<engine::FoundShare> ShareShelf::Fetch(const Spot& spot) const {
  return shares_[spot.source];
}

absl::StatusOr<SealedValue> ShareShelf::FetchStaged(const Spot& spot) const {
  return staged_[spot.source];
}

}  // namespace worldb::testing
