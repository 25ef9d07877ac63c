#include "arbiter/log_entry.h"

#include <utility>

namespace worldb::arbiter {
namespace {

constexpr std::uint16_t kFormat = 1;
constexpr std::uint32_t kCursorsMax = 4096;
enum RecordTag : std::uint8_t { kCandidateTag = 1, kCloseTag = 2, kLevelTag = 3, kWindowTag = 4 };

void WriteTime(ByteWriter& w, absl::Time t) { w.I64(absl::ToUnixNanos(t)); }
void WriteDuration(ByteWriter& w, absl::Duration d) { w.I64(absl::ToInt64Nanoseconds(d)); }
absl::Time ReadTime(ByteReader& r) { return absl::FromUnixNanos(r.I64()); }
absl::Duration ReadDuration(ByteReader& r) {
  const std::int64_t nanos = r.I64();
  if (nanos < 0) r.Fail("negative duration");
  return absl::Nanoseconds(nanos);
}

template <typename Enum>
Enum ReadEnum(ByteReader& r, std::uint8_t first, std::uint8_t last) {
  const std::uint8_t v = r.U8();
  if (r.ok() && (v < first || v > last)) {
    r.Fail("value out of range");
    return static_cast<Enum>(first);
  }
  return static_cast<Enum>(v);
}

bool ReadBool(ByteReader& r) { return ReadEnum<std::uint8_t>(r, 0, 1) != 0; }

NodeIndex ReadNode(ByteReader& r) {
  const std::uint8_t v = r.U8();
  if (r.ok() && v >= kNodeCount) r.Fail("node index above 8");
  return NodeIndex(v);
}

template <typename Id>
Id ReadId(ByteReader& r) {
  return Id{r.Array<Id::kBytes>()};
}

void Write(ByteWriter& w, const Stamp& s) {
  WriteTime(w, s.midpoint);
  WriteDuration(w, s.bound);
  w.U8(s.node.value()).U64(s.stream_epoch.value()).U64(s.number.value());
}
Stamp ReadStamp(ByteReader& r) {
  Stamp s;
  s.midpoint = ReadTime(r);
  s.bound = ReadDuration(r);
  s.node = ReadNode(r);
  s.stream_epoch = StreamEpoch(r.U64());
  s.number = FrameNumber(r.U64());
  return s;
}

void Write(ByteWriter& w, const RoundId& id) { w.Raw(id.key_tag.span()).U64(id.version.value()); }
RoundId ReadRoundId(ByteReader& r) {
  const auto tag = ReadId<KeyTag>(r);
  return {tag, Version(r.U64())};
}

void Write(ByteWriter& w, const Candidate& c) {
  w.U8(kCandidateTag).Raw(c.op.span()).Raw(c.key_tag.span()).U16(c.slot.value());
  w.U8(static_cast<std::uint8_t>(c.kind)).U8(static_cast<std::uint8_t>(c.base.kind));
  w.U64(c.base.version.value()).U64(c.seen.value());
  Write(w, c.stamp);
  w.U32(c.attempt).Raw(c.commitment.span());
  w.U8(c.content_tag.has_value() ? 1 : 0);
  if (c.content_tag.has_value()) w.Raw(c.content_tag->span());
  w.U64(c.payload_bytes);
}
Candidate ReadCandidate(ByteReader& r) {
  Candidate c;
  c.op = ReadId<OpId>(r);
  c.key_tag = ReadId<KeyTag>(r);
  c.slot = Slot(r.U16());
  c.kind = ReadEnum<OpKind>(r, 0, 1);
  c.base.kind = ReadEnum<Base::Kind>(r, 0, 2);
  c.base.version = Version(r.U64());
  if (c.base.kind != Base::Kind::kVersion && c.base.version != Version()) {
    r.Fail("a base version without a base");
  }
  c.seen = Version(r.U64());
  c.stamp = ReadStamp(r);
  c.attempt = r.U32();
  c.commitment = ReadId<CommitmentId>(r);
  if (ReadBool(r)) c.content_tag = ReadId<ContentTag>(r);
  c.payload_bytes = r.U64();
  return c;
}

void Write(ByteWriter& w, const Close& c) {
  w.U8(kCloseTag).U32(static_cast<std::uint32_t>(c.rounds.size()));
  for (const RoundId& id : c.rounds) Write(w, id);
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
  Write(w, l.version);
  w.U8(static_cast<std::uint8_t>(l.level)).U16(l.held.bits());
}
LevelReached ReadLevel(ByteReader& r) {
  LevelReached l;
  l.version = ReadRoundId(r);
  l.level = ReadEnum<Level>(r, static_cast<std::uint8_t>(Level::kHeld),
                            static_cast<std::uint8_t>(Level::kFull));
  const std::uint16_t bits = r.U16();
  if (bits >= NodeSet::kSubsetCount) r.Fail("node set has more than nine members");
  l.held = NodeSet::FromBits(bits);
  return l;
}

void Write(ByteWriter& w, const WindowChange& c) {
  w.U8(kWindowTag);
  WriteDuration(w, c.window);
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
  entry.reading.quality = ReadEnum<ClockQuality>(r, 0, 2);
  entry.read_mark = ReadBool(r);
  const std::uint32_t cursor_count = r.Count(kCursorsMax, 17);
  for (std::uint32_t i = 0; i < cursor_count; ++i) {
    const NodeIndex node = ReadNode(r);
    const StreamEpoch epoch(r.U64());
    entry.cursors.push_back({node, epoch, FrameNumber(r.U64())});
  }
  const std::uint32_t record_count = r.Count(kRecordsPerEntryMax, 9);
  for (std::uint32_t i = 0; i < record_count && r.ok(); ++i) {
    entry.records.push_back(ReadRecord(r));
  }
  if (absl::Status status = r.Finish("accept log entry"); !status.ok()) return status;
  return entry;
}

}  // namespace worldb::arbiter
