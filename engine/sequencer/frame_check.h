// What a home checks of a frame before it records it: that it says one thing, and that a writer of the
// cell signed what comes with it.
//
// Threads: pure functions but for the verifier, which remembers what it has verified.
// Errors:  InvalidArgument: the bytes are wrong for ever.
// Source:  docs/protocol.md 2.
#ifndef WORLDB_ENGINE_SEQUENCER_FRAME_CHECK_H_
#define WORLDB_ENGINE_SEQUENCER_FRAME_CHECK_H_

#include "absl/status/status.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/records.h"
#include "engine/cell/cell.h"
#include "engine/messages/payload.h"
#include "engine/messages/stream_messages.h"

namespace worldb::engine {

// The payload's own consistency: signed by a node of this cell, roots as coded. Costs a signature for
// each commit batch that `verifier` has not met.
absl::Status CheckPayload(const Cell& cell, const Payload& payload,
                          cryptoscatter::BatchVerifier& verifier);
// That the payload is of the kind the candidate says.
absl::Status CheckKind(const arbiter::Candidate& candidate, const Payload& payload);
// InvalidArgument unless what is staged is the candidate's own: it may not drop, or win with, another op's
// payload.
absl::Status CheckOwner(const arbiter::Candidate& candidate, const OpId& op, const KeyTag& key_tag,
                        const ScriptId& script);
// That the frame came by its own stream to the home of its key, and that its payload, if it has one, is
// of its op. REQUIRES: it has a candidate.
absl::Status CheckFrame(const Cell& cell, DataCenterIndex home, NodeIndex from,
                        StreamEpoch stream_epoch, const Frame& frame);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_FRAME_CHECK_H_
