// A home's applied state as rows, and how the sum of all rows is kept.
//
// A checkpoint carries the rows that changed since the one before it. Whoever keeps all rows under
// their keys, applying each checkpoint in one atomic write, has the whole state: HomeState::RestoreRow.
// Layout: docs/checkpoint-format.md.
// The sum adds the hashes of all rows, so that it follows from the changed rows alone. It finds faults
// and divergence, not forgery: whoever can write a triad node's store can make it fit.
// Threads: plain values.
// Source:  docs/protocol.md 4.
#ifndef WORLDB_ARBITER_CHECKPOINT_H_
#define WORLDB_ARBITER_CHECKPOINT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::arbiter {

struct CheckpointRow {
  std::string key;
  std::optional<Bytes> value;  // nothing: the row is gone
};

struct Checkpoint {
  LogIndex index;  // of the entry it follows
  Hash128 sum;
  std::vector<CheckpointRow> rows;  // the header among them
};

// The rows of closed versions lie behind all others, in key tag and version order. Their keys, and back;
// nullopt for another row's.
inline constexpr char kVersionRowPrefix[] = "v";
std::string VersionRowKey(const RoundId& id);
std::optional<RoundId> ParseVersionRowKey(absl::string_view key);

// Adds up hashes, lane by lane, modulo 2^64. Zero for a row that was never written.
class RowSum {
 public:
  static RowSum Of(absl::string_view key, ByteSpan value);

  RowSum& operator+=(const RowSum& other);
  RowSum& operator-=(const RowSum& other);
  Hash128 ToHash() const;
  friend bool operator==(const RowSum&, const RowSum&) = default;

 private:
  std::array<std::uint64_t, 2> lanes_{};
};

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_CHECKPOINT_H_
