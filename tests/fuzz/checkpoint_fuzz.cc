// Checkpoint rows, also rows made to add up: refused, or a state that lives on. Every question about it
// has an answer, it takes every kind of record, and its own checkpoint comes back.
//
// The input: one byte, odd to put the right sum into the header, then rows: length of the key (1), key,
// length of the value (2), value.
#include <map>
#include <string>
#include <vector>

#include "arbiter/checkpoint.h"
#include "arbiter/home_state.h"
#include "cryptoscatter/base/check.h"

namespace {

using worldb::Bytes;
using worldb::ByteSpan;
using worldb::arbiter::HomeState;
using worldb::arbiter::LogEntry;
using Rows = std::vector<std::pair<std::string, Bytes>>;

constexpr worldb::DataCenterIndex kHome(1);

Rows ReadRows(worldb::ByteReader& r) {
  Rows rows;
  while (r.ok() && r.remaining() > 0) {
    const std::string key = worldb::ToString(r.View(r.U8()));
    rows.emplace_back(key, worldb::ToBytes(r.View(r.U16())));
  }
  return rows;
}

void MakeItAddUp(Rows& rows) {
  worldb::arbiter::RowSum sum;
  Bytes* header = nullptr;
  for (auto& [key, value] : rows) {
    const bool is_header = key == "h" && value.size() >= worldb::Hash128::kBytes;
    const std::size_t hashed = value.size() - (is_header ? worldb::Hash128::kBytes : 0);
    sum += worldb::arbiter::RowSum::Of(key, ByteSpan(value).first(hashed));
    if (is_header) header = &value;
  }
  if (header == nullptr) return;
  const worldb::Hash128 total = sum.ToHash();
  std::copy(total.bytes.begin(), total.bytes.end(), header->end() - worldb::Hash128::kBytes);
}

bool Restore(const Rows& rows, HomeState& state) {
  for (const auto& [key, value] : rows) {
    if (!state.RestoreRow(key, value).ok()) return false;
  }
  return state.FinishRestore().ok();
}

// Every op once more, every round ended, every version given up or FULL.
void LiveOn(const Rows& rows, HomeState& state) {
  LogEntry entry;
  entry.reading.quality = worldb::arbiter::ClockQuality::kSynchronised;
  entry.checkpoint = true;
  for (const auto& [row_key, value] : rows) {
    worldb::ByteReader key(worldb::AsBytes(row_key));
    const char prefix = static_cast<char>(key.U8());
    if (prefix == 'o') {
      worldb::arbiter::Candidate again;
      again.op = worldb::OpId{key.Array<worldb::OpId::kBytes>()};
      const worldb::arbiter::OpRecord* op = state.FindOp(again.op);
      WORLDB_CHECK(op != nullptr);
      state.LevelOf(*op);
      again.key_tag = op->key_tag;
      again.stamp = op->stamp;
      again.stamp.midpoint -= absl::Seconds(1);
      again.attempt = 1;
      entry.records.push_back(again);
    } else if (prefix == 'v') {
      const worldb::KeyTag tag{key.Array<worldb::KeyTag::kBytes>()};
      for (const worldb::arbiter::ClosedVersion& v : state.Versions(tag)) {
        entry.records.push_back(worldb::arbiter::VersionVoid{v.id, {}});
        entry.records.push_back(worldb::arbiter::Restaged{v.id, worldb::NodeSet::All()});
        entry.records.push_back(worldb::arbiter::LevelReached{v.id, worldb::arbiter::Level::kFull,
                                                              worldb::NodeSet::All()});
      }
    }
  }
  entry.records.push_back(worldb::arbiter::OutageChange{worldb::DataCenterAt(2), true});
  WORLDB_CHECK(state.Apply(state.applied().Next(), entry).ok());
  state.VisibleSince(worldb::LogIndex());
  const auto close = state.CloseDue(absl::InfiniteFuture());
  if (!close.has_value()) return;
  LogEntry last;
  last.records.push_back(*close);
  WORLDB_CHECK(state.Apply(state.applied().Next(), last).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  worldb::ByteReader r(ByteSpan(data, size));
  const bool fit = (r.U8() & 1) != 0;
  Rows rows = ReadRows(r);
  if (fit) MakeItAddUp(rows);
  HomeState state(kHome, worldb::arbiter::ContestRule{});
  if (Restore(rows, state)) LiveOn(rows, state);
  return 0;
}
