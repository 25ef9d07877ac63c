// What a reader is told when it gets no value: words for people, a reason and details for programs.
//
// Threads: pure functions.
// Source:  docs/protocol.md 6.
#ifndef WORLDB_ENGINE_EDGE_READ_ERRORS_H_
#define WORLDB_ENGINE_EDGE_READ_ERRORS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/script.h"
#include "engine/cell/cell.h"
#include "engine/cell/errors.h"
#include "engine/edge/read_plan.h"

namespace worldb::engine {

// How many nodes have a good share, the fewest with which the script can be read, and the names of the
// others.
ErrorDetails SharesDetails(const Cell& cell, const cryptoscatter::Script& script, NodeSet have);

// ResourceExhausted SHED: nothing was asked.
absl::Status TooManyReads(std::size_t reads_max);
// The same, of the memory there is for values and answers: no share was fetched, or what came was dropped.
absl::Status NoRoomForValue();
// Unavailable TRIAD_UNAVAILABLE, with the version that SURVIVING would return if there is one.
absl::Status HomeSilent(const Cell& cell, DataCenterIndex home, std::optional<Version> surviving);
// `listed` answered what they hold, and no version of it can be read. NotFound NO_SUCH_KEY when that
// proves that there is none; else Unavailable SHARES_INSUFFICIENT.
absl::Status NothingReadable(const Cell& cell, NodeSet listed, const Holdings& holdings);
// Unavailable SHARES_INSUFFICIENT. `used` gave something good, `answered` gave anything.
absl::Status NotReadable(const Cell& cell, const ReadTarget& target, NodeSet used, NodeSet answered,
                         const std::vector<std::string>& rejected);
absl::Status NotReadableInTime(const Cell& cell, const ReadTarget& target, NodeSet used,
                               NodeSet answered, NodeSet asked);
// NotFound NO_SUCH_KEY, naming the version that is a tombstone.
absl::Status Deleted(Version version);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_READ_ERRORS_H_
