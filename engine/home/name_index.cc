#include "engine/home/name_index.h"

#include <memory>
#include <utility>

#include "engine/rows/name_rows.h"
#include "engine/rows/row_pages.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kRowsPerPage = 1024;
constexpr std::size_t kTagsPerRequestMax = 1024;
constexpr absl::Duration kAskAgainEvery = absl::Milliseconds(500);

}  // namespace

void NameIndex::Load(std::function<void(absl::Status)> done) {
  ReadPages(
      *context_.parts.store, RowRange::WithPrefix(RowFamily::kRows, NameRow::kFamilyPrefix),
      kRowsPerPage,
      [this](std::vector<StoreRow>& rows) {
        for (const StoreRow& row : rows) {
          const absl::StatusOr<Bytes> name =
              NameRow::Open(context_.parts.secrets->storage_key, own_id(), row.key, row.value);
          if (name.ok()) Learn(context_.cell().KeyTagOf(*name), *name);
        }
        return absl::OkStatus();
      },
      std::move(done));
}

std::optional<StoreWrite> NameIndex::RowFor(const KeyTag& key_tag, const Bytes& name) const {
  if (by_tag_.contains(key_tag) || name.empty() || context_.cell().KeyTagOf(name) != key_tag) {
    return std::nullopt;
  }
  const std::string row_key = NameRow::Key(key_tag);
  return StoreWrite::Put(
      RowFamily::kRows, row_key,
      std::make_shared<const Bytes>(NameRow::Seal(context_.parts.secrets->storage_key, own_id(),
                                                  row_key, name, *context_.parts.entropy)));
}

void NameIndex::Learn(const KeyTag& key_tag, const Bytes& name) {
  missing_.erase(key_tag);
  if (by_tag_.contains(key_tag)) return;
  by_tag_.emplace(key_tag, names_.emplace(name, key_tag).first);
}

const Bytes* NameIndex::Find(const KeyTag& key_tag) const {
  const auto it = by_tag_.find(key_tag);
  return it == by_tag_.end() ? nullptr : &it->second->first;
}

void NameIndex::Need(const KeyTag& key_tag) {
  if (by_tag_.contains(key_tag) || !missing_.insert(key_tag).second) return;
  // After what is already waiting here: the name may be about to be learnt, and many are asked for
  // at once.
  if (!std::exchange(asking_, true)) {
    context_.executor().Post([this] { AskSiblings(); });
  }
}

void NameIndex::AskSiblings() {
  asking_ = !missing_.empty();
  if (!asking_) return;
  NamesGet request;
  request.id = context_.NextRequest();
  for (const KeyTag& key_tag : missing_) {
    if (request.key_tags.size() == kTagsPerRequestMax) break;
    request.key_tags.push_back(key_tag);
  }
  for (int i = 0; i < kNodeCount; ++i) {
    const NodeIndex node = NodeAt(i);
    if (node != context_.index() && DataCenterOf(node) == context_.data_center()) {
      context_.Send(node, request);
    }
  }
  context_.executor().PostAfter(kAskAgainEvery, [this] { AskSiblings(); });
}

void NameIndex::On(NodeIndex from, const NamesGet& request) {
  if (DataCenterOf(from) != context_.data_center()) return;
  NamesGetReply reply;
  reply.id = request.id;
  for (const KeyTag& key_tag : request.key_tags) {
    if (const Bytes* name = Find(key_tag)) reply.names.push_back(*name);
  }
  if (!reply.names.empty()) context_.Send(from, std::move(reply));
}

void NameIndex::On(NodeIndex from, const NamesGetReply& reply) {
  if (DataCenterOf(from) != context_.data_center()) return;
  std::vector<StoreWrite> writes;
  for (const Bytes& name : reply.names) {
    const KeyTag key_tag = context_.cell().KeyTagOf(name);
    if (!missing_.contains(key_tag)) continue;  // answered before, or never asked for
    if (auto row = RowFor(key_tag, name)) writes.push_back(*std::move(row));
    Learn(key_tag, name);
  }
  // Unsynced: what a crash takes away is asked for again.
  if (!writes.empty()) {
    context_.parts.store->Commit(std::move(writes), /*sync=*/false, [](absl::Status) {});
  }
}

}  // namespace worldb::engine
