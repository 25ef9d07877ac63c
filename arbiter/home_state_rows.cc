// The home's state as checkpoint rows, and back. Layout: docs/checkpoint-format.md.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/home_state.h"
#include "arbiter/op_id.h"
#include "arbiter/record_fields.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/key_order.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::arbiter {
namespace {

constexpr std::uint16_t kFormat = 1;
constexpr char kHeaderKey[] = "h";
constexpr char kOpPrefix = 'o';
constexpr char kRoundPrefix = 'r';
constexpr std::uint32_t kCursorsMax = 1u << 20;
constexpr std::uint32_t kContendersMax = 1u << 24;
// Ops that may be forgotten are looked for once in this part of the op memory.
constexpr int kForgetSteps = 24;
// Op ids are dated to the millisecond.
constexpr absl::Duration kOpIdTick = absl::Milliseconds(1);

std::string RowKey(char prefix, ByteSpan id) {
  return absl::StrCat(std::string(1, prefix), AsText(id));
}

// Also infinite past, which the log's time is before its first reading.
void WriteMoment(ByteWriter& w, absl::Time t) {
  w.U8(t == absl::InfinitePast() ? 0 : 1);
  WriteTime(w, t == absl::InfinitePast() ? absl::UnixEpoch() : t);
}
absl::Time ReadMoment(ByteReader& r) {
  const bool finite = ReadBool(r);
  const absl::Time t = ReadTime(r);
  if (finite) return t;
  if (t != absl::UnixEpoch()) r.Fail("a time that is none");
  return absl::InfinitePast();
}

void WriteOutcome(ByteWriter& w, const Outcome& o) {
  WriteEnum(w, o.kind);
  w.U64(o.version.value()).U8(o.rival.has_value() ? 1 : 0);
  if (o.rival.has_value()) {
    w.Raw(o.rival->op.span());
    WriteStamp(w, o.rival->stamp);
  }
  WriteDuration(w, o.margin);
  w.U8(o.ambiguous ? 1 : 0).U64(o.present.value());
}
Outcome ReadOutcome(ByteReader& r) {
  Outcome o;
  o.kind = ReadEnum(r, OutcomeKind::kPending, OutcomeKind::kPerished);
  o.version = Version(r.U64());
  if (ReadBool(r)) {
    const OpId op = ReadId<OpId>(r);
    o.rival = Rival{op, ReadStamp(r)};
  }
  o.margin = ReadDuration(r);
  o.ambiguous = ReadBool(r);
  o.present = Version(r.U64());
  return o;
}

Bytes EncodeOp(const OpRecord& op) {
  ByteWriter w(192);
  w.Raw(op.key_tag.span()).U16(op.slot.value());
  WriteEnum(w, op.kind);
  WriteContentTag(w, op.content_tag);
  w.Raw(op.commitment.span()).Raw(op.script.span()).U64(op.payload_bytes);
  WriteNodes(w, op.staged);
  WriteStamp(w, op.stamp);
  w.U8(op.ingress.value()).U8(op.retried ? 1 : 0);
  WriteOutcome(w, op.outcome);
  return std::move(w).Take();
}

Bytes EncodeVersion(const ClosedVersion& v) {
  ByteWriter w(192);
  w.U16(v.slot.value());
  WriteEnum(w, v.kind);
  w.Raw(v.op.span());
  WriteStamp(w, v.stamp);
  w.Raw(v.commitment.span()).Raw(v.script.span()).U64(v.payload_bytes);
  WriteNodes(w, v.staged);
  WriteMoment(w, v.closed_earliest);
  WriteEnum(w, v.outcome);
  WriteEnum(w, v.reached);
  WriteEnum(w, v.announced);
  WriteNodes(w, v.held);
  w.U8(v.settled ? 1 : 0);
  WriteEnum(w, v.fairness);
  w.U64(v.visible_at.value());
  return std::move(w).Take();
}

}  // namespace

Bytes HomeState::EncodeHeader() const {
  ByteWriter w(64 + 17 * cursors_.size());
  w.U16(kFormat).U8(home_.value()).U64(applied_.value());
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
  sum += RowSum::Of(kHeaderKey, w.span());
  w.Raw(sum.ToHash().span());
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
    const auto& [id, op] = *it;
    const OutcomeKind kind = op.outcome.kind;
    const bool ended = kind == OutcomeKind::kWon
                           ? FindVersion({op.key_tag, op.outcome.version})->reached == Level::kFull
                           : kind != OutcomeKind::kPending;
    if (!ended || OpIdTime(id) >= until || contending.contains(id)) {
      ++it;
      continue;
    }
    if (op.row_sum != RowSum()) {
      sum_ -= op.row_sum;
      rows.push_back({RowKey(kOpPrefix, id.span()), std::nullopt});
    }
    forgotten_until_ = std::max(forgotten_until_, OpIdTime(id) + kOpIdTick);
    touched_ops_.erase(id);
    ops_.erase(it++);
  }
}

Checkpoint HomeState::MakeCheckpoint(const ClockReading& reading) {
  Checkpoint checkpoint;
  checkpoint.index = applied_;
  ForgetOps(reading, checkpoint.rows);
  const auto put = [&](std::string key, Bytes value, RowSum& row_sum) {
    sum_ -= row_sum;
    row_sum = RowSum::Of(key, value);
    sum_ += row_sum;
    checkpoint.rows.push_back({std::move(key), std::move(value)});
  };
  for (const OpId& id : touched_ops_) {
    OpRecord& op = ops_.at(id);
    put(RowKey(kOpPrefix, id.span()), EncodeOp(op), op.row_sum);
  }
  for (const RoundId& id : touched_versions_) {
    ClosedVersion& version = keys_.at(id.key_tag).versions.At(id.version);
    put(VersionRowKey(id), EncodeVersion(version), version.row_sum);
  }
  for (const KeyTag& tag : touched_rounds_) {
    Key& key = keys_.at(tag);
    std::string row_key = RowKey(kRoundPrefix, tag.span());
    if (key.round.has_value()) {
      const Round& round = *key.round;
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
      put(std::move(row_key), std::move(w).Take(), key.round_row_sum);
    } else if (key.round_row_sum != RowSum()) {
      sum_ -= std::exchange(key.round_row_sum, RowSum());
      checkpoint.rows.push_back({std::move(row_key), std::nullopt});
    }
  }
  touched_ops_.clear();
  touched_versions_.clear();
  touched_rounds_.clear();

  Bytes header = EncodeHeader();
  std::copy(header.end() - Hash128::kBytes, header.end(), checkpoint.sum.bytes.begin());
  checkpoint.rows.push_back({kHeaderKey, std::move(header)});
  std::sort(checkpoint.rows.begin(), checkpoint.rows.end(),
            [](const CheckpointRow& a, const CheckpointRow& b) { return a.key < b.key; });
  checkpoint_ = {applied_, checkpoint.sum};
  return checkpoint;
}

// ---------------------------------------------------------------- and back

absl::Status HomeState::RestoreRow(absl::string_view key, ByteSpan value) {
  ByteReader r(value);
  const auto fail = [&key](const absl::Status& why) {
    return absl::DataLossError(absl::StrCat("checkpoint row ", HexEncode(AsBytes(key)), ": ",
                                            why.message(),
                                            "; the state must be fetched from a sibling"));
  };
  absl::Status status = absl::InvalidArgumentError("unknown kind of row");
  if (key == kHeaderKey) {
    if (value.size() < Hash128::kBytes) return fail(absl::InvalidArgumentError("too short"));
    const ByteSpan fields = value.first(value.size() - Hash128::kBytes);
    status = RestoreHeader(r);
    restored_sum_ += RowSum::Of(key, fields);
  } else if (!key.empty()) {
    const RowSum sum = RowSum::Of(key, value);
    const ByteSpan id = AsBytes(key.substr(1));
    sum_ += sum;
    if (key.front() == kOpPrefix) status = RestoreOp(id, r, sum);
    if (key.front() == kVersionRowPrefix[0]) status = RestoreVersion(key, r, sum);
    if (key.front() == kRoundPrefix) status = RestoreRound(id, r, sum);
  }
  return status.ok() ? status : fail(status);
}

absl::Status HomeState::RestoreHeader(ByteReader& r) {
  if (r.U16() != kFormat) r.Fail("unknown format");
  if (r.U8() != home_.value()) r.Fail("of another home");
  Checkpoint header;
  header.index = LogIndex(r.U64());
  window_ = ReadDuration(r);
  log_earliest_ = ReadMoment(r);
  forgotten_until_ = ReadMoment(r);
  looked_until_ = ReadMoment(r);
  late_first_count_ = r.U64();
  const std::uint8_t out = r.U8();
  if (out >= 1u << kDataCenterCount) r.Fail("data center above 2");
  for (int i = 0; i < kDataCenterCount; ++i) {
    if ((out >> i) & 1) out_.insert(DataCenterAt(i));
  }
  const std::uint32_t count = r.Count(kCursorsMax, 17);
  for (std::uint32_t i = 0; i < count; ++i) {
    const NodeIndex node = ReadNode(r);
    const StreamEpoch epoch(r.U64());
    cursors_[{node, epoch}] = FrameNumber(r.U64());
  }
  header.sum = ReadId<Hash128>(r);
  WORLDB_RETURN_IF_ERROR(r.Finish("header"));
  restored_header_ = std::move(header);
  return absl::OkStatus();
}

absl::Status HomeState::RestoreOp(ByteSpan key, ByteReader& r, RowSum sum) {
  ByteReader id(key);
  const OpId op_id = ReadId<OpId>(id);
  WORLDB_RETURN_IF_ERROR(id.Finish("op row key"));
  OpRecord& op = ops_[op_id];
  op.key_tag = ReadId<KeyTag>(r);
  op.slot = Slot(r.U16());
  op.kind = ReadEnum(r, OpKind::kSet, OpKind::kDelete);
  op.content_tag = ReadContentTag(r);
  op.commitment = ReadId<CommitmentId>(r);
  op.script = ReadId<ScriptId>(r);
  op.payload_bytes = r.U64();
  op.staged = ReadNodes(r);
  op.stamp = ReadStamp(r);
  op.ingress = ReadNode(r);
  op.retried = ReadBool(r);
  op.outcome = ReadOutcome(r);
  op.row_sum = sum;
  return r.Finish("op row");
}

absl::Status HomeState::RestoreVersion(absl::string_view key, ByteReader& r, RowSum sum) {
  ClosedVersion v;
  const std::optional<RoundId> named = ParseVersionRowKey(key);
  if (!named.has_value()) return absl::InvalidArgumentError("version row key");
  v.id = *named;
  v.slot = Slot(r.U16());
  v.kind = ReadEnum(r, OpKind::kSet, OpKind::kDelete);
  v.op = ReadId<OpId>(r);
  v.stamp = ReadStamp(r);
  v.commitment = ReadId<CommitmentId>(r);
  v.script = ReadId<ScriptId>(r);
  v.payload_bytes = r.U64();
  v.staged = ReadNodes(r);
  v.closed_earliest = ReadMoment(r);
  v.outcome = ReadEnum(r, OutcomeKind::kWon, OutcomeKind::kPerished);
  v.reached = ReadEnum(r, Level::kAccepted, Level::kFull);
  v.announced = ReadEnum(r, Level::kAccepted, Level::kFull);
  v.held = ReadNodes(r);
  v.settled = ReadBool(r);
  v.fairness = ReadEnum(r, Fairness::kTimeout, Fairness::kRefuted);
  v.visible_at = LogIndex(r.U64());
  v.row_sum = sum;
  if (v.outcome != OutcomeKind::kWon && v.outcome != OutcomeKind::kVoid)
    r.Fail("not an outcome of a version");
  WORLDB_RETURN_IF_ERROR(r.Finish("version row"));
  Key& of = keys_[v.id.key_tag];
  if (v.id.version != of.Newest().Next()) {
    return absl::InvalidArgumentError("the version before it is missing");
  }
  if (v.outcome == OutcomeKind::kWon && v.reached != Level::kFull) {
    (v.settled ? incomplete_ : unsettled_).insert(v.id);
  }
  of.versions.Push(std::move(v));
  return absl::OkStatus();
}

absl::Status HomeState::RestoreRound(ByteSpan key, ByteReader& r, RowSum sum) {
  ByteReader id(key);
  const KeyTag tag = ReadId<KeyTag>(id);
  WORLDB_RETURN_IF_ERROR(id.Finish("round row key"));
  Round round;
  round.version = Version(r.U64());
  round.first_record = ReadTime(r);
  round.window = ReadDuration(r);
  round.due = absl::InfiniteFuture();
  const std::uint32_t count = r.Count(kContendersMax, OpId::kBytes + 33);
  for (std::uint32_t i = 0; i < count; ++i) {
    Contender c;
    c.op = ReadId<OpId>(r);
    c.stamp = ReadStamp(r);
    c.rank = RankOf(c.stamp, tag, round.version, c.op);
    round.contenders.push_back(std::move(c));
  }
  round.leader = r.U32();
  if (round.leader >= round.contenders.size()) r.Fail("no such contender");
  WORLDB_RETURN_IF_ERROR(r.Finish("round row"));
  Key& of = keys_[tag];
  of.round = std::move(round);
  of.round_row_sum = sum;
  return absl::OkStatus();
}

bool HomeState::RoundFits(const KeyTag& tag, const Key& key) const {
  const Round& round = *key.round;
  return round.version == key.Newest().Next() &&
         std::all_of(round.contenders.begin(), round.contenders.end(), [&](const Contender& c) {
           const auto op = ops_.find(c.op);
           return op != ops_.end() && op->second.key_tag == tag &&
                  (op->second.outcome.kind == OutcomeKind::kPending ||
                   op->second.outcome.kind == OutcomeKind::kLost);
         });
}

bool HomeState::OpFits(const OpId& id, const OpRecord& op,
                       const absl::flat_hash_set<OpId>& contending) const {
  const OutcomeKind kind = op.outcome.kind;
  if (kind == OutcomeKind::kPending) return contending.contains(id);
  if (kind != OutcomeKind::kWon && kind != OutcomeKind::kVoid) return true;
  const ClosedVersion* version = FindVersion({op.key_tag, op.outcome.version});
  return version != nullptr && version->op == id && version->outcome == kind;
}

// The sum finds faults. That the rows fit each other is looked at as well, so that not even rows made
// to add up lead to a state whose questions have no answer.
absl::Status HomeState::FinishRestore() {
  if (!restored_header_.has_value()) {
    return absl::DataLossError(
        "the checkpoint has no header; the state must be fetched from a sibling");
  }
  restored_sum_ += sum_;
  if (restored_sum_.ToHash() != restored_header_->sum) {
    return absl::DataLossError(
        "the rows of the checkpoint do not add up to its sum; the state must be fetched from a "
        "sibling");
  }
  const auto misfit = [](absl::string_view what) {
    return absl::DataLossError(absl::StrCat("the rows of the checkpoint do not fit each other: ",
                                            what, "; the state must be fetched from a sibling"));
  };
  absl::flat_hash_set<OpId> contending;
  for (auto& [tag, key] : keys_) {
    key.newest_absent = NewestAbsent(key.versions);
    for (const ClosedVersion& version : key.versions.span()) {
      if (version.outcome != OutcomeKind::kVoid && version.visible_at == LogIndex()) break;
      key.told = version.id.version;
    }
    // Rows come in key order: rounds before the versions they follow.
    if (key.round.has_value()) {
      if (!RoundFits(tag, key)) return misfit(absl::StrCat("round of ", tag.Hex()));
      for (const Contender& c : key.round->contenders) contending.insert(c.op);
      Reschedule(tag, *key.round);
    }
    for (const ClosedVersion& version : key.versions.span()) {
      const OpRecord* op = FindOp(version.op);
      if (op != nullptr && (op->key_tag != tag || op->outcome.version != version.id.version ||
                            op->outcome.kind != version.outcome)) {
        return misfit(absl::StrCat("version ", version.id.version.value(), " of ", tag.Hex()));
      }
    }
  }
  for (const auto& [id, op] : ops_) {
    if (!OpFits(id, op, contending)) return misfit(absl::StrCat("op ", FormatOpId(id)));
  }
  applied_ = restored_header_->index;
  checkpoint_ = {applied_, restored_header_->sum};
  restored_header_.reset();
  return absl::OkStatus();
}

}  // namespace worldb::arbiter
