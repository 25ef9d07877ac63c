#include "arbiter/state_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/record_fields.h"
#include "cryptoscatter/base/check.h"

namespace worldb::arbiter {
namespace {

// What an outcome says beside its kind and version.
void WriteContest(ByteWriter& w, const Outcome& o) {
  w.U8(o.rival.has_value() ? 1 : 0);
  if (o.rival.has_value()) {
    w.Raw(o.rival->op.span());
    WriteStamp(w, o.rival->stamp);
  }
  WriteDuration(w, o.margin);
  w.U8(o.ambiguous ? 1 : 0);
}
void ReadContest(ByteReader& r, Outcome& o) {
  if (ReadBool(r)) {
    const OpId op = ReadId<OpId>(r);
    o.rival = Rival{op, ReadStamp(r)};
  }
  o.margin = ReadDuration(r);
  o.ambiguous = ReadBool(r);
}

void WriteOutcome(ByteWriter& w, const Outcome& o) {
  WriteEnum(w, o.kind);
  w.U64(o.version.value());
  WriteContest(w, o);
  w.U64(o.present.value());
}
Outcome ReadOutcome(ByteReader& r) {
  Outcome o;
  o.kind = ReadEnum(r, OutcomeKind::kPending, OutcomeKind::kPerished);
  o.version = Version(r.U64());
  ReadContest(r, o);
  o.present = Version(r.U64());
  if (o.kind == OutcomeKind::kPending && o != Outcome()) r.Fail("an outcome of a pending op");
  return o;
}

// The version was made of its winner's record, of which no retry changes this any more.
bool SaysTheSame(const OpRecord& op, const ClosedVersion& v) {
  return op.key_tag == v.id.key_tag && op.slot == v.slot && op.kind == v.kind &&
         op.commitment == v.commitment && op.script == v.script &&
         op.payload_bytes == v.payload_bytes && op.stamp == v.stamp &&
         op.outcome.kind == v.outcome && op.outcome.version == v.id.version &&
         op.outcome.present == Version();
}

// Retries change who is told and where the payload is staged; a Restaged record names the version alone.
void WriteWon(ByteWriter& w, const OpRecord& op) {
  WriteContentTag(w, op.content_tag);
  WriteNodes(w, op.staged);
  w.U8(op.ingress.value()).U8(op.retried ? 1 : 0);
  WriteContest(w, op.outcome);
}
OpRecord ReadWon(const ClosedVersion& v, ByteReader& r) {
  OpRecord op;
  op.key_tag = v.id.key_tag;
  op.slot = v.slot;
  op.kind = v.kind;
  op.content_tag = ReadContentTag(r);
  op.commitment = v.commitment;
  op.script = v.script;
  op.payload_bytes = v.payload_bytes;
  op.staged = ReadNodes(r);
  op.stamp = v.stamp;
  op.ingress = ReadNode(r);
  op.retried = ReadBool(r);
  op.outcome.kind = v.outcome;
  op.outcome.version = v.id.version;
  ReadContest(r, op.outcome);
  return op;
}

}  // namespace

std::string RowKey(char prefix, ByteSpan id) {
  return absl::StrCat(std::string(1, prefix), AsText(id));
}

Bytes EncodeOp(const OpRecord& op) {
  WORLDB_CHECK(!IsInItsVersion(op));
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

OpRecord ReadOp(ByteReader& r) {
  OpRecord op;
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
  if (IsInItsVersion(op)) r.Fail("an op that won has no row of its own");
  return op;
}

Bytes EncodeVersion(const ClosedVersion& v, const OpRecord* won) {
  ByteWriter w(256);
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
  w.U64(v.visible_at.value()).U8(won != nullptr ? 1 : 0);
  if (won != nullptr) {
    WORLDB_CHECK(SaysTheSame(*won, v));
    WriteWon(w, *won);
  }
  return std::move(w).Take();
}

VersionRow ReadVersion(const RoundId& id, ByteReader& r) {
  VersionRow row;
  ClosedVersion& v = row.version;
  v.id = id;
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
  if (v.outcome != OutcomeKind::kWon && v.outcome != OutcomeKind::kVoid) {
    r.Fail("not an outcome of a version");
  }
  if (v.reached == Level::kFull && !v.settled) r.Fail("FULL, and never was");
  if (ReadBool(r)) row.won = ReadWon(v, r);
  return row;
}

}  // namespace worldb::arbiter
