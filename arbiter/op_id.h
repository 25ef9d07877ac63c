// Op ids: UUIDv7, so the time of the op is part of its name.
//
// Errors:  InvalidArgument for text that is not a UUID of version 7.
// Threads: pure functions.
// Source:  RFC 9562 section 5.7; docs/protocol.md 5.
#ifndef WORLDB_ARBITER_OP_ID_H_
#define WORLDB_ARBITER_OP_ID_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::arbiter {

// A fresh op id dated `now`, millisecond resolution.
OpId MakeOpId(absl::Time now, Entropy& entropy);
// OK only for 16 bytes that are a UUID of version 7 and the RFC's variant.
absl::Status CheckOpId(const OpId& op);
// When the op was named, to the millisecond.
absl::Time OpIdTime(const OpId& op);
// The usual 36 characters, lower case.
std::string FormatOpId(const OpId& op);
absl::StatusOr<OpId> ParseOpId(absl::string_view text);

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_OP_ID_H_
