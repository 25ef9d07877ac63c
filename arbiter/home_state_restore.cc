// The home's state from checkpoint rows. Layout: docs/checkpoint-format.md.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/home_state.h"
#include "arbiter/op_id.h"
#include "arbiter/record_fields.h"
#include "arbiter/state_rows.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::arbiter {
namespace {

constexpr std::uint32_t kCursorsMax = 1u << 20;
constexpr std::uint32_t kContendersMax = 1u << 24;

absl::Status TwoRowsOfAnOp(const OpId& op) {
  return absl::InvalidArgumentError(
      absl::StrCat("another row tells of op ", FormatOpId(op), " too"));
}

}  // namespace

absl::Status HomeState::RestoreRow(absl::string_view key, ByteSpan value) {
  ByteReader r(value);
  const auto fail = [&key](const absl::Status& why) {
    return absl::DataLossError(absl::StrCat("checkpoint row ", HexEncode(AsBytes(key)), ": ",
                                            why.message(),
                                            "; the state must be fetched from a sibling"));
  };
  absl::Status status = absl::InvalidArgumentError("unknown kind of row");
  if (key == kHeaderRowKey) {
    if (value.size() < Hash128::kBytes) return fail(absl::InvalidArgumentError("too short"));
    const ByteSpan fields = value.first(value.size() - Hash128::kBytes);
    status = RestoreHeader(r);
    restored_sum_ += RowSum::Of(key, fields);
  } else if (!key.empty()) {
    const RowSum sum = RowSum::Of(key, value);
    const ByteSpan id = AsBytes(key.substr(1));
    sum_ += sum;
    if (key.front() == kOpRowPrefix) status = RestoreOp(id, r, sum);
    if (key.front() == kVersionRowPrefix[0]) status = RestoreVersion(key, r, sum);
    if (key.front() == kRoundRowPrefix) status = RestoreRound(id, r, sum);
  }
  return status.ok() ? status : fail(status);
}

absl::Status HomeState::RestoreHeader(ByteReader& r) {
  if (r.U16() != kRowFormat) r.Fail("unknown format");
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
  OpRecord op = ReadOp(r);
  op.row_sum = sum;
  WORLDB_RETURN_IF_ERROR(r.Finish("op row"));
  if (!ops_.try_emplace(op_id, std::move(op)).second) return TwoRowsOfAnOp(op_id);
  return absl::OkStatus();
}

absl::Status HomeState::RestoreVersion(absl::string_view key, ByteReader& r, RowSum sum) {
  const std::optional<RoundId> named = ParseVersionRowKey(key);
  if (!named.has_value()) return absl::InvalidArgumentError("version row key");
  VersionRow row = ReadVersion(*named, r);
  WORLDB_RETURN_IF_ERROR(r.Finish("version row"));
  ClosedVersion& v = row.version;
  v.row_sum = sum;
  if (row.won.has_value() && !ops_.try_emplace(v.op, *std::move(row.won)).second) {
    return TwoRowsOfAnOp(v.op);
  }
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
  const auto fits = [&](const Contender& c) {
    const OpRecord* op = FindOp(c.op);
    return op != nullptr && op->key_tag == tag && op->stamp == c.stamp &&
           (op->outcome.kind == OutcomeKind::kPending || op->outcome.kind == OutcomeKind::kLost);
  };
  return round.version == key.Newest().Next() &&
         std::all_of(round.contenders.begin(), round.contenders.end(), fits) &&
         FindOp(round.contenders[round.leader].op)->outcome.kind == OutcomeKind::kPending;
}

// Its winner is in its row, or forgotten: by an id of that age nothing can run again.
bool HomeState::VersionFits(const ClosedVersion& version) const {
  if (const OpRecord* op = FindOp(version.op); op != nullptr) {
    return op->key_tag == version.id.key_tag && op->outcome.version == version.id.version &&
           op->outcome.kind == version.outcome;
  }
  return MayHaveForgotten(version.op) && (version.settled || version.outcome == OutcomeKind::kVoid);
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
      for (const Contender& c : key.round->contenders) {
        if (!contending.insert(c.op).second) return misfit(absl::StrCat("round of ", tag.Hex()));
      }
      Reschedule(tag, *key.round);
    }
    for (const ClosedVersion& version : key.versions.span()) {
      if (!VersionFits(version)) {
        return misfit(absl::StrCat("version ", version.id.version.value(), " of ", tag.Hex()));
      }
    }
  }
  for (const auto& [id, op] : ops_) {
    if (op.outcome.kind == OutcomeKind::kPending && !contending.contains(id)) {
      return misfit(absl::StrCat("op ", FormatOpId(id)));
    }
  }
  applied_ = restored_header_->index;
  checkpoint_ = {applied_, restored_header_->sum};
  restored_header_.reset();
  return absl::OkStatus();
}

}  // namespace worldb::arbiter
