// Rows of a home's state: their keys, and what the row of one op or one version holds. Internal to
// arbiter/.
//
// An op that won, also one whose version is VOID by now, has no row of its own. Its version's row carries
// what the version itself does not say of it. Once the op is forgotten that row is written without it.
// Errors:  a reader that meets a value out of range turns sticky-bad (cryptoscatter/base/bytes.h).
// Threads: plain functions.
// Source:  docs/checkpoint-format.md.
#ifndef WORLDB_ARBITER_STATE_ROWS_H_
#define WORLDB_ARBITER_STATE_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "arbiter/home_state.h"
#include "arbiter/version_line.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::arbiter {

inline constexpr std::uint16_t kRowFormat = 1;
inline constexpr char kHeaderRowKey[] = "h";
inline constexpr char kOpRowPrefix = 'o';
inline constexpr char kRoundRowPrefix = 'r';

// REQUIRES: not the prefix of version rows, whose keys arbiter/checkpoint.h makes.
std::string RowKey(char prefix, ByteSpan id);

// The op is in the row of the version it won.
inline bool IsInItsVersion(const OpRecord& op) {
  return op.outcome.kind == OutcomeKind::kWon || op.outcome.kind == OutcomeKind::kVoid;
}

// REQUIRES: !IsInItsVersion(op).
Bytes EncodeOp(const OpRecord& op);
// All but the sum.
OpRecord ReadOp(ByteReader& r);

struct VersionRow {
  ClosedVersion version;        // all but the sum
  std::optional<OpRecord> won;  // its winner; nothing once it is forgotten
};
// REQUIRES: `won` is null or the op that won the version.
Bytes EncodeVersion(const ClosedVersion& v, const OpRecord* won);
VersionRow ReadVersion(const RoundId& id, ByteReader& r);

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_STATE_ROWS_H_
