#include "engine/home/log_notes.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace worldb::engine {

void LogNotes::Open(std::function<void()> wake) { wake_ = std::move(wake); }

void LogNotes::Close() {
  wake_ = nullptr;
  levels_.clear();
  losses_.clear();
  moved_levels_.clear();
  moved_losses_.clear();
  notes_.clear();
  voids_.clear();
  outages_.clear();
}

void LogNotes::AddLevel(const arbiter::LevelReached& level) {
  arbiter::LevelReached& noted = levels_.try_emplace(level.version, level).first->second;
  noted.level = std::max(noted.level, level.level);
  noted.held = noted.held | level.held;
}

void LogNotes::AddLost(const arbiter::ShareLost& lost) {
  arbiter::ShareLost& noted = losses_.try_emplace(lost.version, lost).first->second;
  noted.level = std::min(noted.level, lost.level);
  noted.lost = noted.lost | lost.lost;
  if (const auto level = levels_.find(lost.version); level != levels_.end()) {
    level->second.held = level->second.held.Minus(lost.lost);
    level->second.level = std::min(level->second.level, lost.level);
  }
}

NodeSet LogNotes::HeldThen(const arbiter::RoundId& version, NodeSet logged) const {
  const auto apply = [&](const Losses& losses, const Levels& levels) {
    if (const auto lost = losses.find(version); lost != losses.end()) {
      logged = logged.Minus(lost->second.lost);
    }
    if (const auto level = levels.find(version); level != levels.end()) {
      logged = logged | level->second.held;
    }
  };
  apply(moved_losses_, moved_levels_);
  apply(losses_, levels_);
  return logged;
}

void LogNotes::AddVoid(const arbiter::VersionVoid& lost) {
  if (voids_.insert(lost.version).second) notes_.push_back(lost);
}

void LogNotes::NoteLevel(const arbiter::LevelReached& level) {
  if (!open()) return;
  AddLevel(level);
  wake_();
}

void LogNotes::NoteVoid(const arbiter::VersionVoid& lost) {
  if (!open()) return;
  AddVoid(lost);
  wake_();
}

void LogNotes::NoteRestaged(const arbiter::Restaged& restaged) {
  if (!open()) return;
  notes_.push_back(restaged);
  wake_();
}

void LogNotes::NoteLost(const arbiter::ShareLost& lost) {
  if (!open()) return;
  AddLost(lost);
  wake_();
}

void LogNotes::NoteOutage(DataCenterIndex data_center, bool out) {
  if (!open()) return;
  outages_[data_center] = out;
  wake_();
}

void LogNotes::MoveTo(std::vector<arbiter::LogRecord>& records,
                      const std::set<DataCenterIndex>& out) {
  moved_levels_.clear();
  moved_losses_.clear();
  for (const auto& [data_center, is_out] : std::exchange(outages_, {})) {
    if (out.contains(data_center) != is_out) {
      records.push_back(arbiter::OutageChange{data_center, is_out});
    }
  }
  for (std::size_t i = 0; i < kNotesPerEntryMax && !notes_.empty(); ++i) {
    if (const auto* lost = std::get_if<arbiter::VersionVoid>(&notes_.front())) {
      voids_.erase(lost->version);
    }
    records.push_back(std::move(notes_.front()));
    notes_.pop_front();
  }
  for (std::size_t i = 0; i < kLossesPerEntryMax && !losses_.empty(); ++i) {
    records.push_back(losses_.begin()->second);
    moved_losses_.insert(losses_.extract(losses_.begin()));
  }
  for (std::size_t i = 0; i < kLevelsPerEntryMax && !levels_.empty(); ++i) {
    records.push_back(levels_.begin()->second);
    moved_levels_.insert(levels_.extract(levels_.begin()));
  }
}

void LogNotes::TakeBack(const std::vector<arbiter::LogRecord>& records) {
  for (const arbiter::LogRecord& record : records) {
    if (const auto* level = std::get_if<arbiter::LevelReached>(&record)) {
      AddLevel(*level);
    } else if (const auto* missing = std::get_if<arbiter::ShareLost>(&record)) {
      AddLost(*missing);
    } else if (const auto* lost = std::get_if<arbiter::VersionVoid>(&record)) {
      AddVoid(*lost);
    } else if (std::holds_alternative<arbiter::Restaged>(record)) {
      notes_.push_back(record);
    } else if (const auto* change = std::get_if<arbiter::OutageChange>(&record)) {
      outages_.try_emplace(change->data_center, change->out);  // what was seen since stands
    }
  }
}

}  // namespace worldb::engine
