#include "engine/home/staged_places.h"

#include <utility>

namespace worldb::engine {

StagedPlaces::RowPtr StagedPlaces::Find(const std::string& row) {
  RowPtr& found = rows_[row];
  if (found == nullptr) found = std::make_shared<Row>(Row{.key = row});
  return found;
}

void StagedPlaces::Begin(const std::string& row) { ++Find(row)->commits; }

std::vector<std::string> StagedPlaces::End(const std::string& row,
                                           std::span<const CommitmentId> written,
                                           absl::Duration now) {
  std::vector<std::string> gone;
  const RowPtr ended = Find(row);
  --ended->commits;
  if (!written.empty()) {
    ended->written = now;
    ended->held = written.size();
  }
  for (const CommitmentId& commitment : written) {
    RowPtr& place = places_[commitment];
    if (place == ended) continue;
    ++ended->alive;
    if (const RowPtr before = std::exchange(place, ended)) {
      --before->alive;
      MayGo(before, gone);
    }
  }
  MayGo(ended, gone);
  return gone;
}

std::vector<std::string> StagedPlaces::Remove(const CommitmentId& commitment) {
  std::vector<std::string> gone;
  const auto it = places_.find(commitment);
  if (it == places_.end()) return gone;
  const RowPtr row = std::move(it->second);
  places_.erase(it);
  --row->alive;
  MayGo(row, gone);
  return gone;
}

void StagedPlaces::MayGo(const RowPtr& row, std::vector<std::string>& gone) {
  if (row->alive > 0 || row->commits > 0) return;
  gone.push_back(row->key);
  rows_.erase(row->key);
}

const std::string* StagedPlaces::RowOf(const CommitmentId& commitment) const {
  const auto it = places_.find(commitment);
  return it == places_.end() ? nullptr : &it->second->key;
}

std::vector<std::string> StagedPlaces::TogetherSince(absl::Duration then) const {
  std::vector<std::string> rows;
  for (const auto& [key, row] : rows_) {
    if (row->held > 1 && row->alive > 0 && row->commits == 0 && row->written < then) {
      rows.push_back(key);
    }
  }
  return rows;
}

}  // namespace worldb::engine
