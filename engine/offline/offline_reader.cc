#include "engine/offline/offline_reader.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/script.h"
#include "engine/rows/name_rows.h"
#include "engine/rows/staged_rows.h"

namespace worldb::engine {
namespace {

using cryptoscatter::KeyShare;
using cryptoscatter::SealedValue;
using cryptoscatter::Share;

cryptoscatter::KeySharePlace PlaceOn(const NodeId& node, const Share& share) {
  return {share.core.Id(), share.generation, share.index, node, share.key_share_hash};
}

}  // namespace

void OfflineKeys::Add(const NodeId& node, const SecretArray<32>& storage_key,
                      const SecretArray<32>& exchange_secret) {
  auto exchange = cryptoscatter::ExchangeKeyPair::FromPrivateKey(exchange_secret);
  const auto [begin, end] = nodes_.equal_range(node);
  const bool known = std::any_of(begin, end, [&](const auto& entry) {
    return entry.second.exchange.public_key() == exchange.public_key() &&
           EqualConstantTime(entry.second.storage_key.ExposeSecret(), storage_key.ExposeSecret());
  });
  if (!known) nodes_.emplace(node, Node{storage_key.Duplicate(), std::move(exchange)});
}

Hash256 OfflineKeys::Fingerprint() const {
  static constexpr HashLabel kLabel("wdb key set 1");
  std::multiset<std::pair<NodeId, cryptoscatter::ExchangePublicKey>> sorted;
  for (const auto& [id, node] : nodes_) sorted.emplace(id, node.exchange.public_key());
  Bytes bytes;
  for (const auto& [id, exchange] : sorted) {
    bytes.insert(bytes.end(), id.bytes.begin(), id.bytes.end());
    bytes.insert(bytes.end(), exchange.bytes.begin(), exchange.bytes.end());
  }
  return LabelledHash(kLabel, bytes);
}

std::optional<NodeId> OfflineKeys::HolderOf(const Share& share,
                                            const cryptoscatter::StoredKeyShare& stored) const {
  for (const auto& [id, node] : nodes_) {
    if (cryptoscatter::UnwrapKeyShare(node.storage_key, PlaceOn(id, share), stored).ok()) {
      return id;
    }
  }
  return std::nullopt;
}

std::optional<KeyShare> OfflineKeys::Unwrap(const Share& share, const NodeId& holder,
                                            const cryptoscatter::StoredKeyShare& stored) const {
  for (const auto& [id, node] : nodes_) {
    if (!holder.IsZero() && id != holder) continue;
    auto key_share = cryptoscatter::UnwrapKeyShare(node.storage_key, PlaceOn(id, share), stored);
    if (key_share.ok()) return *std::move(key_share);
  }
  return std::nullopt;
}

std::array<std::optional<KeyShare>, kNodeCount> OfflineKeys::OpenSealed(
    const SealedValue& sealed) const {
  std::array<std::optional<KeyShare>, kNodeCount> opened;
  for (const auto& [id, node] : nodes_) {
    for (std::size_t j = 0; j < opened.size(); ++j) {
      if (sealed.node_exchange_keys[j] != node.exchange.public_key()) continue;
      const auto pairwise = node.exchange.PairwiseKeyAsOpener(sealed.writer_exchange_key);
      if (!pairwise.ok()) continue;
      auto share = cryptoscatter::OpenKeyShare(
          *pairwise, {sealed.core.Id(), NodeAt(static_cast<int>(j)), sealed.key_share_hashes[j]},
          id, sealed.key_shares[j]);
      if (share.ok()) opened[j] = *std::move(share);
    }
  }
  return opened;
}

std::optional<Bytes> OfflineKeys::OpenName(absl::string_view row_key, ByteSpan sealed) const {
  for (const auto& [id, node] : nodes_) {
    auto name = NameRow::Open(node.storage_key, id, row_key, sealed);
    if (name.ok()) return *std::move(name);
  }
  return std::nullopt;
}

void OfflineScripts::Add(CellScripts::ScriptPtr script) {
  if (book_->Find(script->id()).ok()) return;
  more_.push_back(std::move(script));
  book_ = std::make_shared<const cryptoscatter::ScriptBook>(more_);
}

void OfflineScripts::AddOf(const Cell& cell) {
  for (const auto& [name, script] : cell.scripts().by_name()) Add(script);
}

OfflineValue::OfflineValue(const OfflineKeys& keys,
                           std::shared_ptr<const cryptoscatter::ScriptBook> scripts,
                           cryptoscatter::BatchVerifier& verifier)
    : keys_(keys), scripts_(std::move(scripts)), verifier_(verifier) {}

cryptoscatter::GatherDecoder& OfflineValue::DecoderFor(const cryptoscatter::Core& core,
                                                       const ScriptId& script) {
  if (decoder_ == nullptr) {
    script_ = script;
    decoder_ = std::make_unique<cryptoscatter::GatherDecoder>(
        cryptoscatter::GatherDecoder::Expectation{
            .cell = core.cell, .core = core.Id(), .scripts = scripts_},
        verifier_);
  }
  return *decoder_;
}

std::string OfflineValue::Add(FoundShare found) {
  Share& share = found.share;
  std::optional<KeyShare> key_share;
  std::vector<std::string> wrong;
  if (found.key_share.has_value()) {
    key_share = keys_.Unwrap(share, found.holder, *found.key_share);
  }
  const std::string here = absl::StrCat("share ", share.index.value(), " of version ",
                                        share.version.value(), " on node ", found.where, ": ");
  if (!found.has_fragment) wrong.push_back(here + "its fragment is gone");
  if (!key_share.has_value() && !found.locked) {
    wrong.push_back(here + (found.key_share.has_value() ? "its key share does not unwrap"
                                                        : "it has no key share"));
  }
  cryptoscatter::GatherDecoder& decoder = DecoderFor(share.core, share.script);
  const bool has_fragment = found.has_fragment;
  const auto verdict =
      decoder.Add(std::move(share), std::move(key_share), found.where, has_fragment);
  if (!verdict.reason.empty()) wrong.insert(wrong.begin(), verdict.reason);
  return absl::StrJoin(wrong, "; ");
}

std::string OfflineValue::AddStaged(const SealedValue& sealed, absl::string_view where) {
  const std::string here = absl::StrCat("staged payload in ", where, ": ");
  const auto script = scripts_->Find(sealed.script);
  if (!script.ok()) return absl::StrCat(here, script.status().message());
  const bool whole = !sealed.ciphertext.empty();
  cryptoscatter::Fragments fragments;
  if (whole) {
    auto checked = cryptoscatter::CheckSealedValue(**script, sealed);
    if (!checked.ok()) return absl::StrCat(here, checked.status().message());
    fragments = *std::move(checked);
  }
  cryptoscatter::GatherDecoder& decoder = DecoderFor(sealed.core, sealed.script);
  auto key_shares = keys_.OpenSealed(sealed);
  auto shares =
      cryptoscatter::MakeShares(sealed, std::move(fragments), Slot(), SlotEpoch(), Version());
  std::string wrong;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto verdict = decoder.Add(std::move(shares[i]), std::move(key_shares[i]), where, whole);
    if (!verdict.reason.empty() && wrong.empty()) wrong = here + verdict.reason;
  }
  return wrong;
}

NodeSet OfflineValue::fragments() const {
  return decoder_ == nullptr ? NodeSet() : decoder_->good_fragments();
}
NodeSet OfflineValue::key_shares() const {
  return decoder_ == nullptr ? NodeSet() : decoder_->good_key_shares();
}
bool OfflineValue::IsReadable() const { return decoder_ != nullptr && decoder_->IsReadable(); }

OfflineValue::Shortfall OfflineValue::shortfall() const {
  Shortfall out;
  const auto script = scripts_->Find(script_);
  if (!script.ok()) return out;
  out.script_text = (*script)->text();
  int best = kNodeCount + 1;
  for (int bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(static_cast<std::uint32_t>(bits));
    const int missing = set.Minus(whole()).Count();
    const bool better = missing < best || (missing == best && set.Count() < out.need);
    if (!better || !(*script)->IsReadable(set)) continue;
    best = missing;
    out.need = set.Count();
    out.have = set.Count() - missing;
    out.missing = set.Minus(whole());
  }
  return out;
}

absl::StatusOr<cryptoscatter::OpenedValue> OfflineValue::Open(
    std::optional<ByteSpan> expected_key_name) const {
  if (decoder_ == nullptr) return absl::NotFoundError("no share of the value");
  return decoder_->Open(expected_key_name);
}

OfflineReader::OfflineReader(std::shared_ptr<const Cell> cell, Bytes key_name)
    : cell_(std::move(cell)), key_name_(std::move(key_name)), key_tag_(cell_->KeyTagOf(key_name_)) {
  scripts_.AddOf(*cell_);
}

void OfflineReader::AddNode(NodeIndex node, const NodeSecrets& secrets,
                            const std::vector<StoreRow>& rows, const std::vector<StoreRow>& blobs) {
  const NodePublic& who = cell_->node(node);
  keys_.Add(who.id, secrets.storage_key, secrets.exchange.PrivateKey());
  std::map<absl::string_view, const Bytes*> by_key;
  for (const StoreRow& row : rows) by_key.emplace(row.key, &row.value);
  OfflineRows store(
      [&by_key](const std::string& key) -> absl::StatusOr<Bytes> {
        const auto it = by_key.find(key);
        if (it == by_key.end()) return absl::NotFoundError("no such row");
        return *it->second;
      },
      batches_);
  for (const StoreRow& row : rows) {
    if (!absl::StartsWith(row.key, ScriptRow::kFamilyPrefix)) continue;
    const auto script = store.AddScript(row);
    if (script.ok()) {
      scripts_.Add(*script);
    } else {
      rejected_.push_back(absl::StrCat("node ", who.name, ": ", script.status().message()));
    }
  }
  const std::string shares = ShareRow::KeyPrefix(key_tag_);
  for (const StoreRow& row : rows) {
    if (!absl::StartsWith(row.key, shares)) continue;
    absl::StatusOr<FoundRow> stored = store.DecodeShare(row, *scripts_.book());
    if (!stored.ok()) {
      rejected_.push_back(absl::StrCat("node ", who.name, ": ", stored.status().message()));
      continue;
    }
    FoundShare& share = stored->found;
    share.holder = who.id;
    share.where = who.name;
    const auto blob = std::find_if(blobs.begin(), blobs.end(),
                                   [&row](const StoreRow& b) { return b.key == row.key; });
    if (stored->fragment_apart && blob != blobs.end()) {
      share.share.fragment = blob->value;
      share.has_fragment = true;
    }
    Found& found = found_[share.share.Commitment()];
    found.version = std::max(found.version, std::pair(share.share.slot_epoch, share.share.version));
    found.shares.push_back(std::move(share));
  }
  for (const StoreRow& row : blobs) {
    if (!IsStagedRow(row.key)) continue;
    auto staged = DecodeStaged(row.key, row.value);
    if (!staged.ok()) continue;
    for (StagedPayload& payload : *staged) {
      if (payload.sealed.core.key_tag != key_tag_) continue;
      found_[payload.commitment].staged.emplace_back(std::move(payload.sealed), who.name);
    }
  }
}

void OfflineReader::Gather() {
  for (auto& [commitment, found] : found_) {
    if (found.value == nullptr)
      found.value = std::make_unique<OfflineValue>(keys_, scripts_.book(), verifier_);
    for (FoundShare& share : std::exchange(found.shares, {})) {
      std::string wrong = found.value->Add(std::move(share));
      if (!wrong.empty()) rejected_.push_back(std::move(wrong));
    }
    for (const auto& [sealed, where] : std::exchange(found.staged, {})) {
      std::string wrong = found.value->AddStaged(sealed, where);
      if (!wrong.empty()) rejected_.push_back(std::move(wrong));
    }
  }
}

const OfflineReader::Found* OfflineReader::Newest() const {
  const Found* newest = nullptr;
  for (const auto& [commitment, found] : found_) {
    if (newest == nullptr || found.version > newest->version) newest = &found;
  }
  return newest;
}

NodeSet OfflineReader::key_shares() {
  Gather();
  const Found* newest = Newest();
  return newest == nullptr ? NodeSet() : newest->value->key_shares();
}

absl::StatusOr<cryptoscatter::OpenedValue> OfflineReader::Read() {
  Gather();
  const Found* newest = Newest();
  if (newest == nullptr) return absl::NotFoundError("no row of these stores is of this key");
  const Found* readable = nullptr;
  for (const auto& [commitment, found] : found_) {
    if (!found.value->IsReadable()) continue;
    if (readable == nullptr || found.version > readable->version) readable = &found;
  }
  if (readable != nullptr) return readable->value->Open(ByteSpan(key_name_));
  const auto counts = newest->value->key_shares().PerDataCenter();
  return absl::FailedPreconditionError(
      absl::StrCat("needs key shares of two nodes in each of two data centers; found ", counts[0],
                   " in ", cell_->data_center_name(DataCenterAt(0)), ", ", counts[1], " in ",
                   cell_->data_center_name(DataCenterAt(1)), ", ", counts[2], " in ",
                   cell_->data_center_name(DataCenterAt(2)), " (and fragments of ",
                   newest->value->fragments().Count(), " nodes)"));
}

}  // namespace worldb::engine
