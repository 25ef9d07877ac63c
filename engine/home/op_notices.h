// What ingresses are told of what followed from an entry.
//
// A core: effects in, notices out. Only the node that writes the log sends them; whoever misses one asks.
// Threads: pure functions.
// Source:  docs/protocol.md 5.
#ifndef WORLDB_ENGINE_HOME_OP_NOTICES_H_
#define WORLDB_ENGINE_HOME_OP_NOTICES_H_

#include <array>
#include <vector>

#include "arbiter/home_state.h"
#include "cryptoscatter/base/ids.h"
#include "engine/cell/cell.h"
#include "engine/messages/stream_messages.h"

namespace worldb::engine {

using NoticesByNode = std::array<std::vector<OpNotice>, kNodeCount>;

// For each ingress, in the order of the effects. `state` is the home's after the entry: an op that its
// checkpoint forgot is told as if all levels were within reach.
NoticesByNode MakeOpNotices(const Cell& cell, const arbiter::HomeState& state,
                            const std::vector<arbiter::Effect>& effects);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_OP_NOTICES_H_
