#include "arbiter/log_entry.h"

#include <utility>

#include "arbiter/record_fields.h"

namespace worldb::arbiter {
namespace {

constexpr std::uint16_t kFormat = 1;
constexpr std::uint32_t kCursorsMax = 4096;
enum RecordTag : std::uint8_t {
  kCandidateTag = 1,
  kCloseTag = 2,
  kLevelTag = 3,
  kWindowTag = 4,
  kVoidTag = 5,
  kOutageTag = 6,
  kRestagedTag = 7,
  kStateSumTag = 8,
  kShareLostTag = 9,
};

void Write(ByteWriter& w, const Candidate& c) {
  w.U8(kCandidateTag).Raw(c.op.span()).Raw(c.key_tag.span()).U16(c.slot.value());
  WriteEnum(w, c.kind);
  WriteEnum(w, c.base.kind);
  w.U64(c.base.version.value()).U64(c.seen.value());
  WriteStamp(w, c.stamp);
  w.U32(c.attempt).Raw(c.commitment.span()).Raw(c.script.span());
  WriteContentTag(w, c.content_tag);
  w.U64(c.payload_bytes);
  WriteNodes(w, c.staged);
}
Candidate ReadCandidate(ByteReader& r) {
  Candidate c;
  c.op = ReadId<OpId>(r);
  c.key_tag = ReadId<KeyTag>(r);
  c.slot = Slot(r.U16());
  c.kind = ReadEnum(r, OpKind::kSet, OpKind::kDelete);
  c.base.kind = ReadEnum(r, Base::Kind::kNone, Base::Kind::kVersion);
  c.base.version = Version(r.U64());
  if (c.base.kind != Base::Kind::kVersion && c.base.version != Version()) {
    r.Fail("a base version without a base");
  }
  c.seen = Version(r.U64());
  c.stamp = ReadStamp(r);
  c.attempt = r.U32();
  c.commitment = ReadId<CommitmentId>(r);
  c.script = ReadId<ScriptId>(r);
  c.content_tag = ReadContentTag(r);
  c.payload_bytes = r.U64();
  c.staged = ReadNodes(r);
  return c;
}

void Write(ByteWriter& w, const Close& c) {
  w.U8(kCloseTag).U32(static_cast<std::uint32_t>(c.rounds.size()));
  for (const RoundId& id : c.rounds) WriteRoundId(w, id);
  w.Raw(c.digest.span());
}
Close ReadClose(ByteReader& r) {
  Close c;
  const std::uint32_t count = r.Count(kRoundsPerCloseMax, KeyTag::kBytes + 8);
  for (std::uint32_t i = 0; i < count; ++i) c.rounds.push_back(ReadRoundId(r));
  c.digest = ReadId<Hash256>(r);
  return c;
}

void Write(ByteWriter& w, const LevelReached& l) {
  w.U8(kLevelTag);
  WriteRoundId(w, l.version);
  WriteEnum(w, l.level);
  WriteNodes(w, l.held);
}
LevelReached ReadLevel(ByteReader& r) {
  LevelReached l;
  l.version = ReadRoundId(r);
  l.level = ReadEnum(r, Level::kDecided, Level::kFull);
  l.held = ReadNodes(r);
  return l;
}

void Write(ByteWriter& w, const WindowChange& c) {
  w.U8(kWindowTag);
  WriteDuration(w, c.window);
}

void Write(ByteWriter& w, const VersionVoid& v) {
  w.U8(kVoidTag);
  WriteRoundId(w, v.version);
  WriteNodes(w, v.not_here);
  WriteNodes(w, v.refused);
}
VersionVoid ReadVoid(ByteReader& r) {
  VersionVoid v;
  v.version = ReadRoundId(r);
  v.not_here = ReadNodes(r);
  v.refused = ReadNodes(r);
  return v;
}

void Write(ByteWriter& w, const OutageChange& c) {
  w.U8(kOutageTag).U8(c.data_center.value()).U8(c.out ? 1 : 0);
}
OutageChange ReadOutage(ByteReader& r) {
  const std::uint8_t dc = r.U8();
  if (dc >= kDataCenterCount) r.Fail("data center above 2");
  return {DataCenterIndex(dc), ReadBool(r)};
}

void Write(ByteWriter& w, const Restaged& m) {
  w.U8(kRestagedTag);
  WriteRoundId(w, m.version);
  WriteNodes(w, m.staged);
}
Restaged ReadRestaged(ByteReader& r) {
  const RoundId id = ReadRoundId(r);
  return {id, ReadNodes(r)};
}

void Write(ByteWriter& w, const StateSum& s) {
  w.U8(kStateSumTag).U64(s.at.value()).Raw(s.sum.span());
}
StateSum ReadStateSum(ByteReader& r) {
  const LogIndex at(r.U64());
  return {at, ReadId<Hash128>(r)};
}

void Write(ByteWriter& w, const ShareLost& l) {
  w.U8(kShareLostTag);
  WriteRoundId(w, l.version);
  WriteEnum(w, l.level);
  WriteNodes(w, l.lost);
}
ShareLost ReadShareLost(ByteReader& r) {
  ShareLost l;
  l.version = ReadRoundId(r);
  l.level = ReadEnum(r, Level::kDecided, Level::kSafe);
  l.lost = ReadNodes(r);
  return l;
}

LogRecord ReadRecord(ByteReader& r) {
  switch (r.U8()) {
    case kCandidateTag:
      return ReadCandidate(r);
    case kCloseTag:
      return ReadClose(r);
    case kLevelTag:
      return ReadLevel(r);
    case kWindowTag:
      return WindowChange{ReadDuration(r)};
    case kVoidTag:
      return ReadVoid(r);
    case kOutageTag:
      return ReadOutage(r);
    case kRestagedTag:
      return ReadRestaged(r);
    case kStateSumTag:
      return ReadStateSum(r);
    case kShareLostTag:
      return ReadShareLost(r);
    default:
      r.Fail("unknown record kind");
      return WindowChange{};
  }
}

}  // namespace

absl::Status CheckCandidate(const Candidate& candidate) {
  ByteWriter w(256);
  Write(w, candidate);
  ByteReader r(w.span());
  r.U8();  // the record's tag
  const Candidate read = ReadCandidate(r);
  if (absl::Status status = r.Finish("candidate record"); !status.ok()) return status;
  if (read != candidate) {
    return absl::InvalidArgumentError("candidate record: a time finer than a nanosecond");
  }
  return absl::OkStatus();
}

Bytes EncodeLogEntry(const LogEntry& entry) {
  ByteWriter w(64 + 32 * entry.cursors.size() + 192 * entry.records.size());
  w.U16(kFormat).U8(entry.author.value()).U64(entry.author_number).U64(entry.log_epoch.value());
  WriteTime(w, entry.reading.midpoint);
  WriteDuration(w, entry.reading.bound);
  w.U8(static_cast<std::uint8_t>(entry.reading.quality)).U8(entry.read_mark ? 1 : 0);
  w.U8(entry.checkpoint ? 1 : 0);
  w.U32(static_cast<std::uint32_t>(entry.cursors.size()));
  for (const StreamCursor& c : entry.cursors) {
    w.U8(c.node.value()).U64(c.stream_epoch.value()).U64(c.number.value());
  }
  w.U32(static_cast<std::uint32_t>(entry.records.size()));
  for (const LogRecord& record : entry.records) {
    std::visit([&w](const auto& r) { Write(w, r); }, record);
  }
  return std::move(w).Take();
}

absl::StatusOr<LogEntry> DecodeLogEntry(ByteSpan bytes) {
  ByteReader r(bytes);
  LogEntry entry;
  if (r.U16() != kFormat) r.Fail("unknown format");
  entry.author = ReadNode(r);
  entry.author_number = r.U64();
  entry.log_epoch = LogEpoch(r.U64());
  entry.reading.midpoint = ReadTime(r);
  entry.reading.bound = ReadDuration(r);
  entry.reading.quality = ReadEnum(r, ClockQuality::kNone, ClockQuality::kSynchronised);
  entry.read_mark = ReadBool(r);
  entry.checkpoint = ReadBool(r);
  const std::uint32_t cursor_count = r.Count(kCursorsMax, 17);
  for (std::uint32_t i = 0; i < cursor_count; ++i) {
    const NodeIndex node = ReadNode(r);
    const StreamEpoch epoch(r.U64());
    entry.cursors.push_back({node, epoch, FrameNumber(r.U64())});
  }
  const std::uint32_t record_count = r.Count(kRecordsPerEntryMax, 3);
  for (std::uint32_t i = 0; i < record_count && r.ok(); ++i) {
    entry.records.push_back(ReadRecord(r));
  }
  if (absl::Status status = r.Finish("accept log entry"); !status.ok()) return status;
  return entry;
}

}  // namespace worldb::arbiter
