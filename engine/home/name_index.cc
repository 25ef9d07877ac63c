#include "engine/home/name_index.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/cell/triad.h"
#include "engine/rows/name_rows.h"
#include "engine/rows/row_walk.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kRowsPerPage = 1024;
constexpr std::size_t kStepDigits = 4;
constexpr absl::Duration kAskAgainEvery = absl::Milliseconds(500);

}  // namespace

void NameIndex::Load(std::function<void(absl::Status)> done) {
  // One that cannot be read is as good as lost: it is asked for like any other that is missing.
  ReadWhole(
      store_, RowWalk(RowFamily::kRows, NameRow::kFamilyPrefix, kRowsPerPage, kStepDigits),
      [this](std::vector<StoreRow>& rows) {
        for (const StoreRow& row : rows) {
          const absl::StatusOr<Bytes> name =
              NameRow::Open(secrets_.storage_key, own_id(), row.key, row.value);
          if (name.ok()) Learn(self_.cell().KeyTagOf(*name), *name);
        }
      },
      std::move(done));
}

std::optional<StoreWrite> NameIndex::RowFor(const KeyTag& key_tag, const Bytes& name) const {
  if (by_tag_.contains(key_tag) || name.empty() || self_.cell().KeyTagOf(name) != key_tag) {
    return std::nullopt;
  }
  const std::string row_key = NameRow::Key(key_tag);
  return StoreWrite::Put(RowFamily::kRows, row_key,
                         std::make_shared<const Bytes>(NameRow::Seal(secrets_.storage_key, own_id(),
                                                                     row_key, name, entropy_)));
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
    self_.executor().Post([this] { AskSiblings(); });
  }
}

void NameIndex::AskSiblings() {
  asking_ = !missing_.empty();
  if (!asking_) return asked_.Clear();
  const auto siblings = Triad::SiblingsOf(self_.index());
  NodeSet whom;
  for (const NodeIndex sibling : siblings) whom.Add(sibling);
  NamesGet request;
  request.id = asked_.Add(whom, MissingNames());
  for (const KeyTag& key_tag : missing_) {
    if (request.key_tags.size() == kTagsPerQuestionMax) break;
    request.key_tags.push_back(key_tag);
  }
  for (const NodeIndex sibling : siblings) self_.Send(sibling, request);
  self_.executor().PostAfter(kAskAgainEvery, [this] { AskSiblings(); });
}

void NameIndex::Serve(NodeIndex from, const NamesGet& request) const {
  if (DataCenterOf(from) != self_.data_center()) return;
  NamesGetReply reply;
  reply.id = request.id;
  const std::size_t count = std::min(request.key_tags.size(), kTagsPerQuestionMax);
  for (std::size_t i = 0; i < count; ++i) {
    if (const Bytes* name = Find(request.key_tags[i])) reply.names.push_back(*name);
  }
  if (!reply.names.empty()) self_.Send(from, std::move(reply));
}

void NameIndex::TakeNames(NodeIndex from, const NamesGetReply& reply) {
  // Left on record: the other sibling may know more of them.
  if (asked_.Find(from, reply.id) == nullptr) return;
  std::vector<StoreWrite> writes;
  const std::size_t count = std::min(reply.names.size(), kTagsPerQuestionMax);
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes& name = reply.names[i];
    const KeyTag key_tag = self_.cell().KeyTagOf(name);
    if (!missing_.contains(key_tag)) continue;  // answered before, or never asked for
    if (auto row = RowFor(key_tag, name)) writes.push_back(*std::move(row));
    Learn(key_tag, name);
  }
  // Unsynced: what a crash takes away is asked for again.
  if (!writes.empty()) {
    store_.Commit(std::move(writes), /*sync=*/false, [](absl::Status) {});
  }
}

}  // namespace worldb::engine
