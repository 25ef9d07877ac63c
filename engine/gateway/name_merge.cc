#include "engine/gateway/name_merge.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "cryptoscatter/base/check.h"

namespace worldb::engine {

NameMerge::NameMerge(const Bytes& after, std::size_t page_size) : page_size_(page_size) {
  WORLDB_CHECK(page_size > 0);
  for (Source& source : sources_) source.to = after;
}

std::vector<NameMerge::Question> NameMerge::Advance() {
  while (page_.size() < page_size_) {
    std::vector<Question> questions;
    bool wait = false;
    for (int i = 0; i < kDataCenterCount; ++i) {
      Source& source = sources_[static_cast<std::size_t>(i)];
      if (!source.keys.empty() || source.all) continue;
      wait = true;
      if (!std::exchange(source.asked, true)) questions.push_back({DataCenterAt(i), source.to});
    }
    if (wait) return questions;
    Source* next = Smallest();
    if (next == nullptr) break;
    page_.push_back(std::move(next->keys.front()));
    next->keys.pop_front();
  }
  done_ = true;
  return {};
}

NameMerge::Source* NameMerge::Smallest() {
  Source* smallest = nullptr;
  for (Source& source : sources_) {
    if (source.keys.empty()) continue;
    if (smallest == nullptr || source.keys.front().key < smallest->keys.front().key) {
      smallest = &source;
    }
  }
  return smallest;
}

void NameMerge::Tell(DataCenterIndex home, std::vector<ListedKey> keys, Bytes told_to) {
  Source& source = sources_[home.value()];
  std::move(keys.begin(), keys.end(), std::back_inserter(source.keys));
  source.all = told_to.empty();
  source.to = std::move(told_to);
  source.asked = false;
}

bool NameMerge::more() const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [](const Source& source) { return !source.all || !source.keys.empty(); });
}

std::optional<DataCenterIndex> NameMerge::awaited() const {
  for (int i = 0; i < kDataCenterCount; ++i) {
    if (sources_[static_cast<std::size_t>(i)].asked) return DataCenterAt(i);
  }
  return std::nullopt;
}

}  // namespace worldb::engine
