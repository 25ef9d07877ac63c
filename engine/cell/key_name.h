// Which bytes may name a key, and what a caller is told of others.
//
// Every door of a node asks here before anything else is done with a name.
// Errors:  InvalidArgument, BAD_KEY, with the field at fault among the details.
// Threads: pure functions.
#ifndef WORLDB_ENGINE_CELL_KEY_NAME_H_
#define WORLDB_ENGINE_CELL_KEY_NAME_H_

#include "absl/status/status.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::engine {

// 1 byte to kKeyNameBytesMax of them.
absl::Status CheckKeyName(ByteSpan key);
// What names begin with: it may be empty.
absl::Status CheckKeyPrefix(ByteSpan prefix);
// One field, `key`, that holds the one or the other.
absl::Status CheckKeyOrPrefix(ByteSpan key, bool is_prefix);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CELL_KEY_NAME_H_
