#include "cryptoscatter/batch_nodes.h"

#include <utility>

#include "absl/container/inlined_vector.h"
#include "cryptoscatter/base/check.h"

namespace worldb::cryptoscatter {
namespace {

BatchNodes::Place SiblingOf(BatchNodes::Place place) { return {place.level, place.index ^ 1}; }

BatchNodes::Place Above(BatchNodes::Place place) { return {place.level + 1, place.index / 2}; }

}  // namespace

BatchNodes::BatchNodes(const HashLabel& node_label, std::uint32_t count)
    : node_label_(node_label), level_at_{0} {
  WORLDB_CHECK(count >= 1 && count <= kBatchCountMax);
  std::uint32_t width = count;
  for (; width > 1; width = (width + 1) / 2) level_at_.push_back(level_at_.back() + width);
  level_at_.push_back(level_at_.back() + 1);
  nodes_.resize(level_at_.back());
  known_.resize(level_at_.back());
}

std::vector<Hash256> BatchNodes::PathOf(std::uint32_t index) const {
  std::vector<Hash256> path;
  path.reserve(BatchPathLength(index, count()));
  for (Place place{0, index}; place.level < top_level(); place = Above(place)) {
    if (HasSibling(place)) path.push_back(At(SiblingOf(place)));
  }
  return path;
}

bool BatchNodes::Add(std::uint32_t index, const Hash256& item, std::span<const Hash256> path) {
  WORLDB_CHECK(path.size() == BatchPathLength(index, count()));
  absl::InlinedVector<std::pair<Place, Hash256>, 17> found;  // eight levels of two, and the root
  Hash256 node = item;
  auto beside = path.begin();
  Place place{0, index};
  for (; place.level <= top_level() && !Knows(place); place = Above(place)) {
    found.emplace_back(place, node);
    if (!HasSibling(place)) continue;
    found.emplace_back(SiblingOf(place), *beside);
    node = place.index % 2 == 0 ? ParentOf(node, *beside) : ParentOf(*beside, node);
    ++beside;
  }
  if (place.level <= top_level() && At(place) != node) return false;
  for (; place.level < top_level(); place = Above(place)) {
    if (HasSibling(place) && At(SiblingOf(place)) != *beside++) return false;
  }
  for (const auto& [at, hash] : found) Set(at, hash);
  return true;
}

void BatchNodes::Set(Place place, const Hash256& hash) {
  nodes_[IndexOf(place)] = hash;
  known_[IndexOf(place)] = true;
}

Hash256 BatchNodes::ParentOf(const Hash256& left, const Hash256& right) const {
  return BatchRootFrom(node_label_, /*index=*/0, /*count=*/2, left, {&right, 1});
}

void BatchNodes::FoldTo(Place place) {
  if (Knows(place)) return;
  WORLDB_CHECK(place.level > 0);  // an item that nothing covers
  const Place left{place.level - 1, 2 * place.index};
  FoldTo(left);
  if (!HasSibling(left)) return Set(place, At(left));
  FoldTo(SiblingOf(left));
  Set(place, ParentOf(At(left), At(SiblingOf(left))));
}

}  // namespace worldb::cryptoscatter
