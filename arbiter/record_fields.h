// How the arbiter's fields are written and read: shared by log entries and checkpoint rows. Internal to
// arbiter/.
//
// Errors:  a reader that meets a value out of range turns sticky-bad (cryptoscatter/base/bytes.h).
#ifndef WORLDB_ARBITER_RECORD_FIELDS_H_
#define WORLDB_ARBITER_RECORD_FIELDS_H_

#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::arbiter {

inline void WriteTime(ByteWriter& w, absl::Time t) { w.I64(absl::ToUnixNanos(t)); }
inline absl::Time ReadTime(ByteReader& r) { return absl::FromUnixNanos(r.I64()); }

inline void WriteDuration(ByteWriter& w, absl::Duration d) { w.I64(absl::ToInt64Nanoseconds(d)); }
inline absl::Duration ReadDuration(ByteReader& r) {
  const std::int64_t nanos = r.I64();
  if (nanos < 0) r.Fail("negative duration");
  return absl::Nanoseconds(nanos);
}

template <typename Enum>
void WriteEnum(ByteWriter& w, Enum v) {
  w.U8(static_cast<std::uint8_t>(v));
}
template <typename Enum>
Enum ReadEnum(ByteReader& r, Enum first, Enum last) {
  const std::uint8_t v = r.U8();
  if (r.ok() && (v < static_cast<std::uint8_t>(first) || v > static_cast<std::uint8_t>(last))) {
    r.Fail("value out of range");
    return first;
  }
  return static_cast<Enum>(v);
}

inline bool ReadBool(ByteReader& r) { return ReadEnum<std::uint8_t>(r, 0, 1) != 0; }

inline NodeIndex ReadNode(ByteReader& r) {
  const std::uint8_t v = r.U8();
  if (r.ok() && v >= kNodeCount) r.Fail("node index above 8");
  return NodeIndex(v);
}

// Also infinite past, which the log's time is before its first reading.
inline void WriteMoment(ByteWriter& w, absl::Time t) {
  w.U8(t == absl::InfinitePast() ? 0 : 1);
  WriteTime(w, t == absl::InfinitePast() ? absl::UnixEpoch() : t);
}
inline absl::Time ReadMoment(ByteReader& r) {
  const bool finite = ReadBool(r);
  const absl::Time t = ReadTime(r);
  if (finite) return t;
  if (t != absl::UnixEpoch()) r.Fail("a time that is none");
  return absl::InfinitePast();
}

template <typename Id>
Id ReadId(ByteReader& r) {
  return Id{r.Array<Id::kBytes>()};
}

inline void WriteNodes(ByteWriter& w, NodeSet nodes) { w.U16(nodes.bits()); }
inline NodeSet ReadNodes(ByteReader& r) {
  const std::uint16_t bits = r.U16();
  if (bits >= NodeSet::kSubsetCount) r.Fail("node set has more than nine members");
  return NodeSet::FromBits(bits);
}

inline void WriteStamp(ByteWriter& w, const Stamp& s) {
  WriteTime(w, s.midpoint);
  WriteDuration(w, s.bound);
  w.U8(s.node.value()).U64(s.stream_epoch.value()).U64(s.number.value());
}
inline Stamp ReadStamp(ByteReader& r) {
  Stamp s;
  s.midpoint = ReadTime(r);
  s.bound = ReadDuration(r);
  s.node = ReadNode(r);
  s.stream_epoch = StreamEpoch(r.U64());
  s.number = FrameNumber(r.U64());
  return s;
}

inline void WriteRoundId(ByteWriter& w, const RoundId& id) {
  w.Raw(id.key_tag.span()).U64(id.version.value());
}
inline RoundId ReadRoundId(ByteReader& r) {
  const auto tag = ReadId<KeyTag>(r);
  return {tag, Version(r.U64())};
}

inline void WriteContentTag(ByteWriter& w, const std::optional<ContentTag>& tag) {
  w.U8(tag.has_value() ? 1 : 0);
  if (tag.has_value()) w.Raw(tag->span());
}
inline std::optional<ContentTag> ReadContentTag(ByteReader& r) {
  if (!ReadBool(r)) return std::nullopt;
  return ReadId<ContentTag>(r);
}

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_RECORD_FIELDS_H_
