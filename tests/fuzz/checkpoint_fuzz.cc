// Checkpoint rows, also rows made to add up: refused, or a state that lives on. Every question about it
// has an answer, it takes every kind of record, and its own checkpoints come back.
//
// The input: one byte, odd to put the right sum into the header, then rows: length of the key (1), key,
// length of the value (2), value.
#include <algorithm>
#include <map>
#include <string>

#include "arbiter/checkpoint.h"
#include "arbiter/home_state.h"
#include "cryptoscatter/base/check.h"

namespace {

using worldb::Bytes;
using worldb::ByteSpan;
using worldb::arbiter::HomeState;
using worldb::arbiter::LogEntry;
using Rows = std::map<std::string, Bytes>;

Rows ReadRows(worldb::ByteReader& r) {
  Rows rows;
  while (r.ok() && r.remaining() > 0) {
    const std::string key = worldb::ToString(r.View(r.U8()));
    rows[key] = worldb::ToBytes(r.View(r.U16()));
  }
  return rows;
}

void MakeItAddUp(Rows& rows) {
  const auto header = rows.find("h");
  if (header == rows.end() || header->second.size() < worldb::Hash128::kBytes) return;
  worldb::arbiter::RowSum sum;
  for (const auto& [key, value] : rows) {
    const std::size_t left_out = key == "h" ? worldb::Hash128::kBytes : 0;
    sum += worldb::arbiter::RowSum::Of(key, ByteSpan(value).first(value.size() - left_out));
  }
  const worldb::Hash128 total = sum.ToHash();
  std::copy(total.bytes.begin(), total.bytes.end(), header->second.end() - worldb::Hash128::kBytes);
}

bool Restore(const Rows& rows, HomeState& state) {
  for (const auto& [key, value] : rows) {
    if (!state.RestoreRow(key, value).ok()) return false;
  }
  return state.FinishRestore().ok();
}

void Apply(const LogEntry& entry, HomeState& state, Rows& rows) {
  const auto effects = state.Apply(state.applied().Next(), entry);
  WORLDB_CHECK(effects.ok());
  for (const worldb::arbiter::Effect& effect : *effects) {
    const auto* made = std::get_if<worldb::arbiter::CheckpointMade>(&effect);
    if (made == nullptr) continue;
    for (const worldb::arbiter::CheckpointRow& row : made->checkpoint.rows) {
      if (row.value.has_value()) {
        rows[row.key] = *row.value;
      } else {
        WORLDB_CHECK(rows.erase(row.key) == 1);
      }
    }
  }
}

// As its ingress asks again, with a better stamp.
worldb::arbiter::Candidate AskedAgain(const HomeState& state, const worldb::OpId& id) {
  const worldb::arbiter::OpRecord* op = state.FindOp(id);
  WORLDB_CHECK(op != nullptr);
  state.LevelOf(*op);
  worldb::arbiter::Candidate again;
  again.op = id;
  again.key_tag = op->key_tag;
  again.kind = op->kind;
  again.content_tag = op->content_tag;
  again.stamp = op->stamp;
  again.stamp.midpoint -= absl::Seconds(1);
  again.attempt = 1;
  return again;
}

// Every op once more, every version given up or FULL, every round ended; then time passes.
void LiveOn(const Rows& restored, HomeState& state, Rows& rows) {
  LogEntry entry;
  entry.reading.quality = worldb::arbiter::ClockQuality::kSynchronised;
  entry.checkpoint = true;
  for (const auto& [row_key, value] : restored) {
    worldb::ByteReader key(worldb::AsBytes(row_key));
    const char prefix = static_cast<char>(key.U8());
    if (prefix == 'o') {
      entry.records.emplace_back(
          AskedAgain(state, worldb::OpId{key.Array<worldb::OpId::kBytes>()}));
    } else if (prefix == 'v') {
      const worldb::KeyTag tag{key.Array<worldb::KeyTag::kBytes>()};
      for (const worldb::arbiter::ClosedVersion& v : state.Versions(tag)) {
        const bool remembered = state.FindOp(v.op) != nullptr;
        if (remembered) entry.records.emplace_back(AskedAgain(state, v.op));
        entry.records.emplace_back(worldb::arbiter::VersionVoid{v.id, {}});
        if (remembered) entry.records.emplace_back(AskedAgain(state, v.op));
        entry.records.emplace_back(worldb::arbiter::Restaged{v.id, worldb::NodeSet::All()});
        entry.records.emplace_back(worldb::arbiter::LevelReached{
            v.id, worldb::arbiter::Level::kFull, worldb::NodeSet::All()});
      }
    }
  }
  entry.records.emplace_back(worldb::arbiter::OutageChange{worldb::DataCenterAt(2), true});
  Apply(entry, state, rows);
  state.VisibleSince(worldb::LogIndex());
  LogEntry last;
  const auto close = state.CloseDue(absl::InfiniteFuture());
  if (close.has_value()) last.records.emplace_back(*close);
  last.reading = {absl::FromUnixSeconds(4'000'000'000), absl::ZeroDuration(),
                  worldb::arbiter::ClockQuality::kSynchronised};
  last.checkpoint = true;
  Apply(last, state, rows);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr worldb::DataCenterIndex kHome(1);
  worldb::ByteReader r(ByteSpan(data, size));
  const bool fit = (r.U8() & 1) != 0;
  const Rows restored = [&] {
    Rows rows = ReadRows(r);
    if (fit) MakeItAddUp(rows);
    return rows;
  }();
  HomeState state(kHome, worldb::arbiter::ContestRule{});
  if (!Restore(restored, state)) return 0;
  Rows rows = restored;
  LiveOn(restored, state, rows);
  HomeState again(kHome, worldb::arbiter::ContestRule{});
  WORLDB_CHECK(Restore(rows, again));
  return 0;
}
