// The home's state as checkpoint rows. Layout: docs/checkpoint-format.md.

#include <algorithm>
#include <utility>

#include "arbiter/home_state.h"
#include "arbiter/op_id.h"
#include "arbiter/record_fields.h"
#include "arbiter/state_rows.h"

namespace worldb::arbiter {
namespace {

// Ops that may be forgotten are looked for once in this part of the op memory.
constexpr int kForgetSteps = 24;
// Op ids are dated to the millisecond.
constexpr absl::Duration kOpIdTick = absl::Milliseconds(1);

}  // namespace

Bytes HomeState::EncodeHeader() const {
  ByteWriter w(64 + 17 * cursors_.size());
  w.U16(kRowFormat).U8(home_.value()).U64(applied_.value());
  WriteDuration(w, window_);
  WriteMoment(w, log_earliest_);
  WriteMoment(w, forgotten_until_);
  WriteMoment(w, looked_until_);
  w.U64(late_first_count_);
  std::uint8_t out = 0;
  for (const DataCenterIndex dc : out_) out |= static_cast<std::uint8_t>(1u << dc.value());
  w.U8(out).U32(static_cast<std::uint32_t>(cursors_.size()));
  for (const auto& [stream, number] : cursors_) {
    w.U8(stream.first.value()).U64(stream.second.value()).U64(number.value());
  }
  // What lies outside the other rows is part of the sum as well.
  RowSum sum = sum_;
  sum += RowSum::Of(kHeaderRowKey, w.span());
  w.Raw(sum.ToHash().span());
  return std::move(w).Take();
}

void HomeState::PutRow(std::string key, Bytes value, RowSum& row_sum,
                       std::vector<CheckpointRow>& rows) {
  sum_ -= row_sum;
  row_sum = RowSum::Of(key, value);
  sum_ += row_sum;
  rows.push_back({std::move(key), std::move(value)});
}

void HomeState::DropRow(std::string key, RowSum& row_sum, std::vector<CheckpointRow>& rows) {
  if (row_sum == RowSum()) return;
  sum_ -= std::exchange(row_sum, RowSum());
  rows.push_back({std::move(key), std::nullopt});
}

Bytes HomeState::EncodeRound(const Round& round) {
  ByteWriter w(64 + 49 * round.contenders.size());
  w.U64(round.version.value());
  WriteTime(w, round.first_record);
  WriteDuration(w, round.window);
  w.U32(static_cast<std::uint32_t>(round.contenders.size()));
  for (const Contender& c : round.contenders) {
    w.Raw(c.op.span());
    WriteStamp(w, c.stamp);
  }
  w.U32(static_cast<std::uint32_t>(round.leader));
  return std::move(w).Take();
}

void HomeState::ForgetOps(const ClockReading& reading, std::vector<CheckpointRow>& rows) {
  const absl::Time until = reading.Earliest() - rule_.op_memory;
  if (reading.quality == ClockQuality::kNone ||
      (looked_until_ != absl::InfinitePast() &&
       absl::AbsDuration(until - looked_until_) < rule_.op_memory / kForgetSteps)) {
    return;
  }
  looked_until_ = until;
  absl::flat_hash_set<OpId> contending;  // early losers of open rounds among them
  for (const auto& [due, id] : due_) {
    for (const Contender& c : FindRound(id)->contenders) contending.insert(c.op);
  }
  for (auto it = ops_.begin(); it != ops_.end();) {
    auto& [id, op] = *it;
    const OutcomeKind kind = op.outcome.kind;
    const bool ended = kind == OutcomeKind::kWon
                           ? FindVersion({op.key_tag, op.outcome.version})->reached == Level::kFull
                           : kind != OutcomeKind::kPending;
    if (!ended || OpIdTime(id) >= until || contending.contains(id)) {
      ++it;
      continue;
    }
    if (IsInItsVersion(op)) Touch({op.key_tag, op.outcome.version});
    DropRow(RowKey(kOpRowPrefix, id.span()), op.row_sum, rows);
    forgotten_until_ = std::max(forgotten_until_, OpIdTime(id) + kOpIdTick);
    touched_ops_.erase(id);
    ops_.erase(it++);
  }
}

Checkpoint HomeState::MakeCheckpoint(const ClockReading& reading) {
  Checkpoint checkpoint;
  checkpoint.index = applied_;
  ForgetOps(reading, checkpoint.rows);
  for (const OpId& id : touched_ops_) {
    OpRecord& op = ops_.at(id);
    std::string row_key = RowKey(kOpRowPrefix, id.span());
    if (IsInItsVersion(op)) {
      Touch({op.key_tag, op.outcome.version});
      DropRow(std::move(row_key), op.row_sum, checkpoint.rows);
    } else {
      PutRow(std::move(row_key), EncodeOp(op), op.row_sum, checkpoint.rows);
    }
  }
  for (const RoundId& id : touched_versions_) {
    ClosedVersion& version = keys_.at(id.key_tag).versions.At(id.version);
    PutRow(VersionRowKey(id), EncodeVersion(version, FindOp(version.op)), version.row_sum,
           checkpoint.rows);
  }
  for (const KeyTag& tag : touched_rounds_) {
    Key& key = keys_.at(tag);
    std::string row_key = RowKey(kRoundRowPrefix, tag.span());
    if (key.round.has_value()) {
      PutRow(std::move(row_key), EncodeRound(*key.round), key.round_row_sum, checkpoint.rows);
    } else {
      DropRow(std::move(row_key), key.round_row_sum, checkpoint.rows);
    }
  }
  touched_ops_.clear();
  touched_versions_.clear();
  touched_rounds_.clear();

  Bytes header = EncodeHeader();
  std::copy(header.end() - Hash128::kBytes, header.end(), checkpoint.sum.bytes.begin());
  checkpoint.rows.push_back({kHeaderRowKey, std::move(header)});
  std::sort(checkpoint.rows.begin(), checkpoint.rows.end(),
            [](const CheckpointRow& a, const CheckpointRow& b) { return a.key < b.key; });
  checkpoint_ = {applied_, checkpoint.sum};
  return checkpoint;
}

}  // namespace worldb::arbiter
