#include "arbiter/state_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/record_fields.h"
#include "cryptoscatter/base/key_order.h"

namespace worldb::arbiter {
namespace {

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

}  // namespace

std::string RowKey(char prefix, ByteSpan id) {
  return absl::StrCat(std::string(1, prefix), AsText(id));
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
  return op;
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

ClosedVersion ReadVersion(ByteReader& r) {
  ClosedVersion v;
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
  return v;
}

}  // namespace worldb::arbiter
