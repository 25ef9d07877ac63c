#include "engine/offline_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/script.h"
#include "engine/share_store.h"
#include "engine/staging.h"

namespace worldb::engine {

using cryptoscatter::KeyShare;
using cryptoscatter::Share;

OfflineReader::OfflineReader(std::shared_ptr<const Cell> cell, Bytes key_name)
    : cell_(std::move(cell)),
      key_name_(std::move(key_name)),
      key_tag_(cell_->KeyTagOf(key_name_)),
      scripts_(cell_->scripts().shared_book()) {
  for (const auto& [name, script] : cell_->scripts().by_name()) known_scripts_.push_back(script);
}

OfflineReader::Found& OfflineReader::FoundOf(const CoreId& core) {
  Found& found = found_[core];
  if (found.decoder == nullptr) {
    found.decoder = std::make_unique<cryptoscatter::GatherDecoder>(
        cryptoscatter::GatherDecoder::Expectation{cell_->id(), core, std::nullopt, scripts_},
        verifier_);
  }
  return found;
}

void OfflineReader::AddNode(NodeIndex node, const NodeSecrets& secrets,
                            const std::vector<StoreRow>& rows, const std::vector<StoreRow>& blobs) {
  for (const StoreRow& row : rows) {
    if (!absl::StartsWith(row.key, ScriptRow::kFamilyPrefix)) continue;
    auto script = ScriptRow::Decode(row.key, row.value);
    if (script.ok() && !scripts_->Find((*script)->id()).ok()) {
      known_scripts_.push_back(*std::move(script));
      scripts_ = std::make_shared<const cryptoscatter::ScriptBook>(known_scripts_);
    } else if (!script.ok()) {
      rejected_.push_back(
          absl::StrCat("node ", cell_->node(node).name, ": ", script.status().message()));
    }
  }
  const std::string shares = ShareRow::KeyPrefix(key_tag_);
  for (const StoreRow& row : rows) {
    if (absl::StartsWith(row.key, shares)) AddShareRow(node, secrets, row, blobs);
  }
  for (const StoreRow& row : blobs) {
    if (absl::StartsWith(row.key, Staging::kRowPrefix)) AddStaged(node, secrets, row);
  }
}

void OfflineReader::AddShareRow(NodeIndex node, const NodeSecrets& secrets, const StoreRow& row,
                                const std::vector<StoreRow>& blobs) {
  const std::string& name = cell_->node(node).name;
  absl::StatusOr<ShareRow> stored = ShareRow::Decode(row.value);
  if (!stored.ok()) {
    rejected_.push_back(absl::StrCat("node ", name, ": ", stored.status().message()));
    return;
  }
  Share& share = stored->share;
  Found& found = FoundOf(share.core.Id());
  found.version = std::max(found.version, std::pair(share.slot_epoch, share.version));
  bool has_fragment = !stored->fragment_apart;
  if (stored->fragment_apart) {
    const auto blob = std::find_if(blobs.begin(), blobs.end(),
                                   [&row](const StoreRow& b) { return b.key == row.key; });
    if (blob != blobs.end()) {
      share.fragment = blob->value;
      has_fragment = true;
    }
  }
  std::optional<KeyShare> key_share;
  auto unwrapped = cryptoscatter::UnwrapKeyShare(
      secrets.storage_key, {share.core.Id(), share.generation, share.index, cell_->node(node).id},
      stored->key_share);
  if (unwrapped.ok()) key_share = *std::move(unwrapped);
  found.decoder->Add(std::move(share), std::move(key_share), name, has_fragment);
}

void OfflineReader::AddStaged(NodeIndex node, const NodeSecrets& secrets, const StoreRow& row) {
  const std::string& name = cell_->node(node).name;
  const auto sealed = cryptoscatter::SealedValue::Decode(row.value);
  if (!sealed.ok() || sealed->core.key_tag != key_tag_) return;
  const auto script = scripts_->Find(sealed->script);
  if (!script.ok()) return;
  auto fragments = cryptoscatter::CheckSealedValue(**script, *sealed);
  if (!fragments.ok()) {
    rejected_.push_back(absl::StrCat("node ", name, ": ", fragments.status().message()));
    return;
  }
  Found& found = FoundOf(sealed->core.Id());
  const auto pairwise = secrets.exchange.PairwiseKeyAsOpener(sealed->writer_exchange_key);
  for (int i = 0; i < kNodeCount; ++i) {
    Share share = cryptoscatter::MakeShare(*sealed, std::move((*fragments)[i]), NodeAt(i), Slot(),
                                           SlotEpoch(), Version());
    std::optional<KeyShare> key_share;
    // A node can open what was sealed to it alone; trying the others costs an attacker nothing.
    if (pairwise.ok()) {
      auto opened = cryptoscatter::OpenKeyShare(*pairwise, sealed->core.Id(), NodeAt(i),
                                                cell_->node(NodeAt(i)).id, sealed->key_shares[i]);
      if (opened.ok()) key_share = *std::move(opened);
    }
    found.decoder->Add(std::move(share), std::move(key_share), name);
  }
}

const OfflineReader::Found* OfflineReader::Newest() const {
  const Found* newest = nullptr;
  for (const auto& [core, found] : found_) {
    if (newest == nullptr || found.version > newest->version) newest = &found;
  }
  return newest;
}

NodeSet OfflineReader::key_shares() const {
  const Found* newest = Newest();
  return newest == nullptr ? NodeSet() : newest->decoder->good_key_shares();
}

absl::StatusOr<cryptoscatter::OpenedValue> OfflineReader::Read() const {
  const Found* newest = Newest();
  if (newest == nullptr) return absl::NotFoundError("no row of these stores is of this key");
  const Found* readable = nullptr;
  for (const auto& [core, found] : found_) {
    if (!found.decoder->IsReadable()) continue;
    if (readable == nullptr || found.version > readable->version) readable = &found;
  }
  if (readable != nullptr) return readable->decoder->Open(ByteSpan(key_name_));
  const auto counts = key_shares().PerDataCenter();
  return absl::FailedPreconditionError(
      absl::StrCat("too few key shares to read under its script; found ", counts[0], " in ",
                   cell_->data_center_name(DataCenterAt(0)), ", ", counts[1], " in ",
                   cell_->data_center_name(DataCenterAt(1)), ", ", counts[2], " in ",
                   cell_->data_center_name(DataCenterAt(2)), " (and fragments of ",
                   newest->decoder->good_fragments().Count(), " nodes)"));
}

}  // namespace worldb::engine
