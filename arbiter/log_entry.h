// What one accept log entry says: a batch of records and the clock reading they were recorded under.
//
// Layout: fixed little-endian, canonical; docs/accept-log-format.md.
// Shapes:  at most kRecordsPerEntryMax records; a candidate record is at most 512 bytes.
// Errors:  Decode answers InvalidArgument for anything Encode would not write.
// Source:  docs/protocol.md 1 to 4.
#ifndef WORLDB_ARBITER_LOG_ENTRY_H_
#define WORLDB_ARBITER_LOG_ENTRY_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/clock.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::arbiter {

inline constexpr std::uint32_t kRecordsPerEntryMax = 4096;
inline constexpr std::uint32_t kRoundsPerCloseMax = 4096;

enum class OpKind : std::uint8_t { kSet = 0, kDelete = 1 };

// The version a Set builds on.
struct Base {
  enum class Kind : std::uint8_t {
    kNone = 0,    // judged by its stamp: competes with everything it could not have seen
    kAbsent = 1,  // there is no version, or a tombstone the Set may have seen
    kVersion = 2,
  };
  Kind kind = Kind::kNone;
  Version version;  // kVersion only
  friend bool operator==(const Base&, const Base&) = default;
};

// A Set or Delete as the accept log knows it: never the value, never the key's name.
struct Candidate {
  OpId op;
  KeyTag key_tag;
  Slot slot;
  OpKind kind = OpKind::kSet;
  Base base;
  Version seen;  // it is never judged against versions <= seen
  Stamp stamp;
  std::uint32_t attempt = 0;
  CommitmentId commitment;
  ScriptId script;
  std::optional<ContentTag> content_tag;
  std::uint64_t payload_bytes = 0;  // of sealed ciphertext
  NodeSet staged;  // triad nodes that had synced the payload when this was recorded
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// What makes two writes under one op id the same op. Without content tags nobody can tell, so the id decides.
struct OpIdentity {
  KeyTag key_tag;
  OpKind kind = OpKind::kSet;
  std::optional<ContentTag> content_tag;

  bool IsSameOpAs(const OpIdentity& other) const {
    return key_tag == other.key_tag && kind == other.kind &&
           (content_tag == other.content_tag || !content_tag.has_value() ||
            !other.content_tag.has_value());
  }
};

struct RoundId {
  KeyTag key_tag;
  Version version;
  friend auto operator<=>(const RoundId&, const RoundId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const RoundId& id) {
    return H::combine(std::move(h), id.key_tag, id.version);
  }
};

// Ends rounds. The reading in force is the entry's own.
struct Close {
  std::vector<RoundId> rounds;
  Hash256 digest;  // of the result; a replica that computes another one stops
  friend bool operator==(const Close&, const Close&) = default;
};

// A version's shares have spread to `held`.
struct LevelReached {
  RoundId version;
  Level level = Level::kHeld;
  NodeSet held;
  friend bool operator==(const LevelReached&, const LevelReached&) = default;
};

// These nodes do not hold their share of the version any more; `level` is what it has spread to without them.
struct ShareLost {
  RoundId version;
  NodeSet lost;
  Level level = Level::kDecided;
  friend bool operator==(const ShareLost&, const ShareLost&) = default;
};

// The window D for rounds opened from here on.
struct WindowChange {
  absl::Duration window;
  friend bool operator==(const WindowChange&, const WindowChange&) = default;
};

// A won version can never be read: all who had staged its payload say that it is not there, or so many
// nodes that the others cannot read have refused their shares, for what the writer sealed to them.
struct VersionVoid {
  RoundId version;
  NodeSet not_here;
  NodeSet refused = {};
  friend bool operator==(const VersionVoid&, const VersionVoid&) = default;
};

// A data center is gone for now, or back.
struct OutageChange {
  DataCenterIndex data_center;
  bool out = false;
  friend bool operator==(const OutageChange&, const OutageChange&) = default;
};

// More triad nodes have synced the payload of a won version.
struct Restaged {
  RoundId version;
  NodeSet staged;
  friend bool operator==(const Restaged&, const Restaged&) = default;
};

// What the author's state was after the checkpoint entry at `at`; a replica that differs stops.
struct StateSum {
  LogIndex at;
  Hash128 sum;
  friend bool operator==(const StateSum&, const StateSum&) = default;
};

using LogRecord = std::variant<Candidate, Close, LevelReached, WindowChange, VersionVoid,
                               OutageChange, Restaged, StateSum, ShareLost>;

// Up to this number, everything of the stream is recorded or refused.
struct StreamCursor {
  NodeIndex node;
  StreamEpoch stream_epoch;
  FrameNumber number;
  friend bool operator==(const StreamCursor&, const StreamCursor&) = default;
};

struct LogEntry {
  NodeIndex author;
  std::uint64_t author_number = 0;  // makes two appends of one author distinct
  LogEpoch log_epoch;
  ClockReading reading;     // the author's clock when it built the batch
  bool read_mark = false;   // reads that waited for a mark may answer once this is applied
  bool checkpoint = false;  // every replica checkpoints its state right after this entry
  std::vector<StreamCursor> cursors;
  std::vector<LogRecord> records;
};

// OK when the record is one that Decode gives back unchanged. What fails must not be appended: no
// replica could read it.
absl::Status CheckCandidate(const Candidate& candidate);

Bytes EncodeLogEntry(const LogEntry& entry);
absl::StatusOr<LogEntry> DecodeLogEntry(ByteSpan bytes);

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_LOG_ENTRY_H_
