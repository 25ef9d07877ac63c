// Goal:   one entry has one encoding, and nothing else is accepted.
// Method: a hand-made entry against its bytes; random entries there and back; every truncation,
//         every single-bit change and absurd counts of them: refused, or another entry in its one
//         encoding.

#include "arbiter/log_entry.h"

#include <random>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace worldb::arbiter {
namespace {

using ::testing::HasSubstr;

// The fields an entry begins with, as docs/accept-log-format.md counts them.
constexpr std::size_t kAuthorAt = 2;
constexpr std::size_t kReadingBoundAt = 27;
constexpr std::size_t kQualityAt = 35;
constexpr std::size_t kReadMarkAt = 36;
constexpr std::size_t kCheckpointAt = 37;
constexpr std::size_t kCursorCountAt = 38;
constexpr std::size_t kRecordCountAt = 42;  // without cursors
constexpr std::size_t kFirstRecordAt = 46;

template <typename Id>
Id Filled(std::uint8_t byte) {
  Id id;
  id.bytes.fill(byte);
  return id;
}

class RandomEntries {
 public:
  explicit RandomEntries(std::uint64_t seed) : random_(seed) {}

  LogEntry Next() {
    LogEntry e;
    e.author = Node();
    e.author_number = random_();
    e.log_epoch = LogEpoch(random_());
    e.reading = {Moment(), Span(), static_cast<ClockQuality>(Below(3))};
    e.read_mark = Below(2) == 1;
    e.checkpoint = Below(2) == 1;
    for (std::uint64_t i = Below(4); i > 0; --i) {
      e.cursors.push_back({Node(), StreamEpoch(random_()), FrameNumber(random_())});
    }
    for (std::uint64_t i = Below(6); i > 0; --i) e.records.push_back(Record());
    return e;
  }
  Candidate NextCandidate() {
    Candidate c;
    c.op = Id<OpId>();
    c.key_tag = Id<KeyTag>();
    c.slot = Slot(static_cast<std::uint16_t>(random_()));
    c.kind = static_cast<OpKind>(Below(2));
    c.base.kind = static_cast<Base::Kind>(Below(3));
    if (c.base.kind == Base::Kind::kVersion) c.base.version = Version(random_());
    c.seen = Version(random_());
    c.stamp = {Moment(), Span(), Node(), StreamEpoch(random_()), FrameNumber(random_())};
    c.attempt = static_cast<std::uint32_t>(random_());
    c.commitment = Id<CommitmentId>();
    c.script = Id<ScriptId>();
    c.staged = Nodes();
    if (Below(2) == 1) c.content_tag = Id<ContentTag>();
    c.payload_bytes = random_();
    return c;
  }

 private:
  std::uint64_t Below(std::uint64_t count) { return random_() % count; }
  NodeIndex Node() { return NodeAt(static_cast<int>(Below(9))); }
  absl::Time Moment() { return absl::FromUnixNanos(static_cast<std::int64_t>(random_())); }
  absl::Duration Span() { return absl::Nanoseconds(static_cast<std::int64_t>(random_() >> 1)); }
  template <typename T>
  T Id() {
    T id;
    for (std::uint8_t& b : id.bytes) b = static_cast<std::uint8_t>(random_());
    return id;
  }
  NodeSet Nodes() { return NodeSet::FromBits(static_cast<std::uint32_t>(random_())); }
  RoundId Round() { return {Id<KeyTag>(), Version(random_())}; }
  LogRecord Record() {
    switch (Below(9)) {
      case 0: {
        Close c;
        for (std::uint64_t i = Below(4); i > 0; --i) c.rounds.push_back(Round());
        c.digest = Id<Hash256>();
        return c;
      }
      case 1:
        return LevelReached{Round(), static_cast<Level>(1 + Below(4)), Nodes()};
      case 2:
        return WindowChange{Span()};
      case 3:
        return VersionVoid{Round(), Nodes(), Nodes()};
      case 4:
        return OutageChange{DataCenterAt(static_cast<int>(Below(3))), Below(2) == 1};
      case 5:
        return Restaged{Round(), Nodes()};
      case 6:
        return StateSum{LogIndex(random_()), Id<Hash128>()};
      case 7:
        return ShareLost{Round(), Nodes(), static_cast<Level>(1 + Below(3))};
      default:
        return NextCandidate();
    }
  }

  std::mt19937_64 random_;
};

void ExpectEqual(const LogEntry& a, const LogEntry& b) {
  EXPECT_EQ(a.author, b.author);
  EXPECT_EQ(a.author_number, b.author_number);
  EXPECT_EQ(a.log_epoch, b.log_epoch);
  EXPECT_EQ(a.reading.midpoint, b.reading.midpoint);
  EXPECT_EQ(a.reading.bound, b.reading.bound);
  EXPECT_EQ(a.reading.quality, b.reading.quality);
  EXPECT_EQ(a.read_mark, b.read_mark);
  EXPECT_EQ(a.checkpoint, b.checkpoint);
  EXPECT_EQ(a.cursors, b.cursors);
  ASSERT_EQ(a.records.size(), b.records.size());
  for (std::size_t i = 0; i < a.records.size(); ++i) {
    ASSERT_EQ(a.records[i].index(), b.records[i].index());
    std::visit(
        [&](const auto& record) {
          using Record = std::decay_t<decltype(record)>;
          const auto& other = std::get<Record>(b.records[i]);
          if constexpr (std::is_same_v<Record, WindowChange>) {
            EXPECT_EQ(record.window, other.window);
          } else {
            EXPECT_EQ(record, other);
          }
        },
        a.records[i]);
  }
}

void ExpectRefused(const Bytes& bytes, absl::string_view why) {
  const auto decoded = DecodeLogEntry(bytes);
  ASSERT_FALSE(decoded.ok()) << why;
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(decoded.status().message()), HasSubstr(std::string(why)));
}

// The worked example of docs/accept-log-format.md.
TEST(LogEntry, ExampleHasTheseBytes) {
  LogEntry e;
  e.author = NodeAt(4);
  e.author_number = 7;
  e.log_epoch = LogEpoch(2);
  e.reading = {absl::FromUnixNanos(1000), absl::Nanoseconds(3), ClockQuality::kSynchronised};
  e.read_mark = true;
  e.checkpoint = true;
  e.cursors = {{NodeAt(8), StreamEpoch(5), FrameNumber(6)}};
  const RoundId version{Filled<KeyTag>(0xaa), Version(9)};
  e.records = {WindowChange{absl::Nanoseconds(255)},
               LevelReached{version, Level::kSafe, NodeSet::FromBits(0x1b)},
               VersionVoid{version, NodeSet::FromBits(0x103), NodeSet::FromBits(4)},
               OutageChange{DataCenterAt(2), true},
               Restaged{version, NodeSet::FromBits(7)},
               StateSum{LogIndex(300), Filled<Hash128>(0xbb)}};
  EXPECT_EQ(HexEncode(EncodeLogEntry(e)),
            "0100"
            "04"
            "0700000000000000"
            "0200000000000000"
            "e803000000000000"
            "0300000000000000"
            "02"
            "01"
            "01"
            "01000000"
            "08"
            "0500000000000000"
            "0600000000000000"
            "06000000"
            "04"
            "ff00000000000000"
            "03"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "0900000000000000"
            "03"
            "1b00"
            "05"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "0900000000000000"
            "03010400"
            "06"
            "02"
            "01"
            "07"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "0900000000000000"
            "0700"
            "08"
            "2c01000000000000"
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
}

// The table of the candidate, field by field.
TEST(LogEntry, CandidateHasTheseBytes) {
  Candidate c;
  c.op = Filled<OpId>(0x11);
  c.key_tag = Filled<KeyTag>(0x22);
  c.slot = Slot(0x0304);
  c.kind = OpKind::kDelete;
  c.base = {Base::Kind::kVersion, Version(5)};
  c.seen = Version(6);
  c.stamp = {absl::FromUnixNanos(-1), absl::Nanoseconds(7), NodeAt(8), StreamEpoch(9),
             FrameNumber(10)};
  c.attempt = 11;
  c.commitment = Filled<CommitmentId>(0x33);
  c.script = Filled<ScriptId>(0x44);
  c.content_tag = Filled<ContentTag>(0x55);
  c.payload_bytes = 12;
  c.staged = NodeSet::FromBits(0x138);
  LogEntry entry;
  entry.records = {c};
  const std::string hex = HexEncode(EncodeLogEntry(entry)).substr(2 * kFirstRecordAt);
  const std::string common = "01" + HexEncode(c.op.span()) + HexEncode(c.key_tag.span()) +
                             "0403"
                             "01"
                             "02"
                             "0500000000000000"
                             "0600000000000000"
                             "ffffffffffffffff"
                             "0700000000000000"
                             "08"
                             "0900000000000000"
                             "0a00000000000000"
                             "0b000000" +
                             HexEncode(c.commitment.span()) + HexEncode(c.script.span());
  const std::string rest = "0c000000000000003801";
  EXPECT_EQ(hex, common + "01" + HexEncode(c.content_tag->span()) + rest);
  EXPECT_EQ(hex.size() / 2, 181u);
  c.content_tag.reset();
  entry.records = {c};
  EXPECT_EQ(HexEncode(EncodeLogEntry(entry)).substr(2 * kFirstRecordAt), common + "00" + rest);
}

TEST(LogEntry, ComesBackAsItWas) {
  RandomEntries entries(1);
  for (int i = 0; i < 5000; ++i) {
    const LogEntry entry = entries.Next();
    const Bytes bytes = EncodeLogEntry(entry);
    const auto decoded = DecodeLogEntry(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ExpectEqual(*decoded, entry);
    ASSERT_EQ(EncodeLogEntry(*decoded), bytes);
  }
}

TEST(LogEntry, RefusesEveryTruncationAndEveryLongerInput) {
  RandomEntries entries(2);
  for (int i = 0; i < 40; ++i) {
    const Bytes whole = EncodeLogEntry(entries.Next());
    for (std::size_t size = 0; size < whole.size(); ++size) {
      ExpectRefused(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), "");
    }
    Bytes longer = whole;
    longer.push_back(0);
    ExpectRefused(longer, "follow the end");
  }
}

// Refused, or a different entry whose only encoding these bytes are.
TEST(LogEntry, EveryChangedBitIsRefusedOrAnotherEntry) {
  RandomEntries entries(3);
  for (int i = 0; i < 60; ++i) {
    const Bytes whole = EncodeLogEntry(entries.Next());
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      Bytes changed = whole;
      changed[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      const auto decoded = DecodeLogEntry(changed);
      if (!decoded.ok()) continue;
      ASSERT_EQ(EncodeLogEntry(*decoded), changed) << "entry " << i << ", bit " << bit;
    }
  }
}

TEST(LogEntry, RefusesValuesOutOfRange) {
  const Bytes empty = EncodeLogEntry(LogEntry());
  ASSERT_TRUE(DecodeLogEntry(empty).ok());
  const auto with = [&empty](std::size_t at, std::uint8_t value) {
    Bytes bytes = empty;
    bytes.at(at) = value;
    return bytes;
  };
  ExpectRefused(with(0, 2), "unknown format");
  ExpectRefused(with(1, 1), "unknown format");
  ExpectRefused(with(kAuthorAt, 9), "node index");
  ExpectRefused(with(kReadingBoundAt + 7, 0x80), "negative duration");
  ExpectRefused(with(kQualityAt, 3), "out of range");
  ExpectRefused(with(kReadMarkAt, 2), "out of range");
  ExpectRefused(with(kCheckpointAt, 2), "out of range");

  const auto refused_record = [](const LogRecord& record, std::size_t at, std::uint8_t value,
                                 absl::string_view why) {
    LogEntry entry;
    entry.records.push_back(record);
    Bytes bytes = EncodeLogEntry(entry);
    ASSERT_TRUE(DecodeLogEntry(bytes).ok());
    bytes.at(kFirstRecordAt + at) = value;
    ExpectRefused(bytes, why);
  };
  refused_record(WindowChange{}, 0, 0, "unknown record kind");
  refused_record(WindowChange{}, 0, 10, "unknown record kind");
  refused_record(WindowChange{}, 8, 0x80, "negative duration");
  // Candidate: tag 1, op 16, key tag 16, slot 2, then kind, base kind, base version.
  refused_record(Candidate{}, 35, 2, "out of range");
  refused_record(Candidate{}, 36, 3, "out of range");
  refused_record(Candidate{}, 37, 1, "a base version without a base");
  refused_record(Candidate{}, 53 + 15, 0x80, "negative duration");
  refused_record(Candidate{}, 53 + 16, 9, "node index");
  refused_record(Candidate{}, 53 + 33 + 4 + 32 + 32, 2, "out of range");
  refused_record(Candidate{}, 53 + 33 + 4 + 32 + 32 + 1 + 8 + 1, 2, "more than nine members");
  // Level: tag 1, round 24, then level and held.
  refused_record(LevelReached{}, 25, 0, "out of range");
  refused_record(LevelReached{}, 25, 5, "out of range");
  refused_record(LevelReached{}, 27, 2, "more than nine members");
  refused_record(ShareLost{}, 25, 0, "out of range");
  refused_record(ShareLost{}, 25, 4, "out of range");
  refused_record(ShareLost{}, 27, 2, "more than nine members");
  // VOID and restaged: tag 1, round 24, then nodes.
  refused_record(VersionVoid{}, 26, 2, "more than nine members");
  refused_record(VersionVoid{}, 28, 2, "more than nine members");
  refused_record(Restaged{}, 26, 2, "more than nine members");
  refused_record(OutageChange{}, 1, 3, "data center above 2");
  refused_record(OutageChange{}, 2, 2, "out of range");
}

TEST(LogEntry, RefusesAbsurdCountsBeforeAllocating) {
  const Bytes empty = EncodeLogEntry(LogEntry());
  for (const std::size_t at : {kCursorCountAt, kRecordCountAt}) {
    for (const std::uint32_t count : {1u, 4096u, 4097u, 0x7fffffffu, 0xffffffffu}) {
      Bytes bytes = empty;
      for (int i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(count >> (8 * i));
      ExpectRefused(bytes, "");
      // Not even when the input could hold that many.
      if (count != 4097) continue;
      bytes.resize(bytes.size() + 40 * 4097);
      ExpectRefused(bytes, "count 4097");
    }
  }
  LogEntry entry;
  entry.records.push_back(Close{});
  Bytes bytes = EncodeLogEntry(entry);
  bytes[kFirstRecordAt + 1 + 3] = 0xff;
  ExpectRefused(bytes, "count");
}

TEST(LogEntry, FullEntriesComeBack) {
  LogEntry entry;
  entry.records.assign(kRecordsPerEntryMax, WindowChange{absl::Milliseconds(1)});
  EXPECT_TRUE(DecodeLogEntry(EncodeLogEntry(entry)).ok());
  entry.records.push_back(WindowChange{});
  EXPECT_FALSE(DecodeLogEntry(EncodeLogEntry(entry)).ok());
  // Of the shortest records as well: the count is not refused for want of bytes.
  entry.records.assign(kRecordsPerEntryMax, OutageChange{});
  EXPECT_TRUE(DecodeLogEntry(EncodeLogEntry(entry)).ok());
  Close close;
  close.rounds.resize(kRoundsPerCloseMax);
  entry.records = {close};
  EXPECT_TRUE(DecodeLogEntry(EncodeLogEntry(entry)).ok());
  close.rounds.emplace_back();
  entry.records = {close};
  EXPECT_FALSE(DecodeLogEntry(EncodeLogEntry(entry)).ok());
}

TEST(LogEntry, ACandidateTakesAtMost512Bytes) {
  LogEntry entry;
  const std::size_t empty = EncodeLogEntry(entry).size();
  RandomEntries entries(4);
  for (int i = 0; i < 100; ++i) {
    entry.records = {entries.NextCandidate()};
    EXPECT_LE(EncodeLogEntry(entry).size() - empty, 512u);
  }
}

// What no replica could read back is found before it is appended.
TEST(LogEntry, ACandidateThatWouldNotComeBackIsRefused) {
  RandomEntries entries(5);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(CheckCandidate(entries.NextCandidate()).ok());
  const Candidate good = entries.NextCandidate();
  Candidate bad = good;
  bad.base = {Base::Kind::kAbsent, Version(1)};
  EXPECT_EQ(CheckCandidate(bad).code(), absl::StatusCode::kInvalidArgument);
  bad = good;
  bad.stamp.bound = -absl::Nanoseconds(1);
  EXPECT_EQ(CheckCandidate(bad).code(), absl::StatusCode::kInvalidArgument);
  bad = good;
  bad.stamp.node = NodeIndex(9);
  EXPECT_EQ(CheckCandidate(bad).code(), absl::StatusCode::kInvalidArgument);
  bad = good;
  bad.stamp.midpoint = absl::UnixEpoch() + absl::Nanoseconds(1) / 4;
  EXPECT_EQ(CheckCandidate(bad).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace worldb::arbiter
