// Rows of a home's state: their keys, and what the row of one op or one version holds. Internal to
// arbiter/.
//
// Errors:  a reader that meets a value out of range turns sticky-bad (cryptoscatter/base/bytes.h).
// Threads: plain functions.
// Source:  docs/checkpoint-format.md.
#ifndef WORLDB_ARBITER_STATE_ROWS_H_
#define WORLDB_ARBITER_STATE_ROWS_H_

#include <cstdint>
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

Bytes EncodeOp(const OpRecord& op);
// All but the sum.
OpRecord ReadOp(ByteReader& r);

Bytes EncodeVersion(const ClosedVersion& v);
// All but the id, which is the row's key, and the sum.
ClosedVersion ReadVersion(ByteReader& r);

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_STATE_ROWS_H_
