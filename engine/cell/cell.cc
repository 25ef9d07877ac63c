#include "engine/cell/cell.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/records.h"

namespace worldb::engine {
namespace {

constexpr HashLabel kSlotLabel("worldb.slot.1");
constexpr std::uint32_t kCellMagic = 0x324c4357;     // "WCL2"
constexpr std::uint32_t kSecretsMagic = 0x31534e57;  // "WNS1"
constexpr std::size_t kNameBytesMax = 64;
// Of a cell directory, all but its scripts.
constexpr std::size_t kFixedBytesMax = 4 + 16 + kDataCenterCount * (4 + kNameBytesMax) +
                                       kNodeCount * (4 + kNameBytesMax + 2 * 32) + 3 * 32;

SecretArray<32> DrawKey(Entropy& entropy) {
  SecretArray<32> key;
  entropy.Fill(key.ExposeSecretMutable());
  return key;
}

SecretArray<32> ReadKey(ByteReader& r) {
  SecretArray<32> key;
  const ByteSpan view = r.View(32);
  if (r.ok()) std::copy(view.begin(), view.end(), key.ExposeSecretMutable().begin());
  return key;
}

}  // namespace

NodeSecrets NodeSecrets::Generate(Entropy& entropy) {
  return {cryptoscatter::SigningKeyPair::Generate(entropy),
          cryptoscatter::ExchangeKeyPair::Generate(entropy), DrawKey(entropy)};
}

SecretBytes NodeSecrets::Encode() const {
  ByteWriter w(4 + 3 * 32);
  w.U32(kSecretsMagic);
  w.Raw(signing.Seed().ExposeSecret()).Raw(exchange.PrivateKey().ExposeSecret());
  w.Raw(storage_key.ExposeSecret());
  return SecretBytes(std::move(w).Take());
}

absl::StatusOr<NodeSecrets> NodeSecrets::Decode(ByteSpan bytes) {
  ByteReader r(bytes);
  if (r.U32() != kSecretsMagic) r.Fail("not a node's secrets");
  const SecretArray<32> seed = ReadKey(r);
  const SecretArray<32> exchange = ReadKey(r);
  SecretArray<32> storage = ReadKey(r);
  WORLDB_RETURN_IF_ERROR(r.Finish("node secrets"));
  return NodeSecrets{cryptoscatter::SigningKeyPair::FromSeed(seed),
                     cryptoscatter::ExchangeKeyPair::FromPrivateKey(exchange), std::move(storage)};
}

std::shared_ptr<const Cell> Cell::Create(const Names& data_centers,
                                         const std::array<NodeSecrets, kNodeCount>& nodes,
                                         Entropy& entropy, CellScripts scripts) {
  std::shared_ptr<Cell> cell(new Cell());
  entropy.Fill(cell->id_.bytes);
  cell->data_centers_ = data_centers;
  for (int i = 0; i < kNodeCount; ++i) {
    const NodeSecrets& secrets = nodes[i];
    cell->nodes_[i] = {
        absl::StrCat(data_centers[i / kNodesPerDataCenter], "-", i % kNodesPerDataCenter + 1),
        cryptoscatter::NodeIdOf(secrets.signing.public_key()), secrets.signing.public_key(),
        secrets.exchange.public_key()};
  }
  cell->tag_key_ = DrawKey(entropy);
  cell->slot_key_ = DrawKey(entropy);
  cell->ticket_key_ = DrawKey(entropy);
  cell->scripts_ = std::move(scripts);
  return cell;
}

std::shared_ptr<const Cell> Cell::WithScripts(CellScripts scripts) const {
  std::shared_ptr<Cell> cell(new Cell());
  cell->id_ = id_;
  cell->data_centers_ = data_centers_;
  cell->nodes_ = nodes_;
  cell->tag_key_ = tag_key_.Duplicate();
  cell->slot_key_ = slot_key_.Duplicate();
  cell->ticket_key_ = ticket_key_.Duplicate();
  cell->scripts_ = std::move(scripts);
  return cell;
}

SecretBytes Cell::Encode() const {
  ByteWriter scripts(0);
  scripts_.EncodeTo(scripts);
  // Never grows, so no copy of a key is left behind.
  ByteWriter w(kFixedBytesMax + scripts.size());
  w.U32(kCellMagic).Raw(id_.span());
  for (const std::string& name : data_centers_) w.Sized(AsBytes(name));
  for (const NodePublic& node : nodes_) {
    w.Sized(AsBytes(node.name)).Raw(node.signing_key.span()).Raw(node.exchange_key.span());
  }
  w.Raw(tag_key_.ExposeSecret()).Raw(slot_key_.ExposeSecret()).Raw(ticket_key_.ExposeSecret());
  w.Raw(scripts.span());
  WORLDB_CHECK(w.size() <= kFixedBytesMax + scripts.size());
  return SecretBytes(std::move(w).Take());
}

absl::StatusOr<std::shared_ptr<const Cell>> Cell::Decode(ByteSpan bytes) {
  ByteReader r(bytes);
  std::shared_ptr<Cell> cell(new Cell());
  if (r.U32() != kCellMagic) r.Fail("not a cell directory");
  cell->id_ = CellId{r.Array<CellId::kBytes>()};
  for (std::string& name : cell->data_centers_) name = ToString(r.Sized(kNameBytesMax));
  for (NodePublic& node : cell->nodes_) {
    node.name = ToString(r.Sized(kNameBytesMax));
    node.signing_key = cryptoscatter::SigningPublicKey{r.Array<32>()};
    node.exchange_key = cryptoscatter::ExchangePublicKey{r.Array<32>()};
    node.id = cryptoscatter::NodeIdOf(node.signing_key);
  }
  cell->tag_key_ = ReadKey(r);
  cell->slot_key_ = ReadKey(r);
  cell->ticket_key_ = ReadKey(r);
  cell->scripts_ = CellScripts::DecodeFrom(r);
  WORLDB_RETURN_IF_ERROR(r.Finish("cell directory"));
  return cell;
}

std::optional<NodeIndex> Cell::FindNode(absl::string_view name) const {
  for (int i = 0; i < kNodeCount; ++i) {
    if (nodes_[i].name == name) return NodeAt(i);
  }
  return std::nullopt;
}

std::array<cryptoscatter::SealTarget, kNodeCount> Cell::SealTargets() const {
  std::array<cryptoscatter::SealTarget, kNodeCount> targets;
  for (int i = 0; i < kNodeCount; ++i) targets[i] = {nodes_[i].id, nodes_[i].exchange_key};
  return targets;
}

bool Cell::IsWriter(const cryptoscatter::SigningPublicKey& key) const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [&key](const NodePublic& node) { return node.signing_key == key; });
}

KeyTag Cell::KeyTagOf(ByteSpan key_name) const {
  return cryptoscatter::KeyTagOf(tag_key_, key_name);
}

Slot Cell::SlotOf(const KeyTag& key_tag) const {
  std::array<std::uint8_t, 16> hash;
  KeyedHash(kSlotLabel, slot_key_.ExposeSecret(), key_tag.span(), hash);
  return Slot(static_cast<std::uint16_t>((hash[0] | hash[1] << 8) % kSlotCount));
}

DataCenterIndex Cell::HomeOf(Slot slot) const {
  return DataCenterAt(slot.value() % kDataCenterCount);
}

}  // namespace worldb::engine
