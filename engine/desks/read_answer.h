// What a home answers to a read, out of the state it has applied.
//
// LATEST passes over versions that ended VOID, and names them; whatever else is newest is the answer,
// a tombstone too. A version that is not visible yet is waited for: an older one never stands in, and
// no newer one is waited for instead.
// Errors:  in the reply: NotFound NO_SUCH_KEY, NO_SUCH_VERSION; DataLoss VERSION_NOT_READABLE when
//          the version asked for ended VOID.
// Threads: pure functions.
// Source:  docs/protocol.md 6; docs/decisions/004; ARCHITECTURE.md invariant 20.
#ifndef WORLDB_ENGINE_DESKS_READ_ANSWER_H_
#define WORLDB_ENGINE_DESKS_READ_ANSWER_H_

#include <optional>
#include <span>
#include <variant>

#include "arbiter/home_state.h"
#include "engine/messages/home_questions.h"

namespace worldb::engine {

// Answer again, up to this version, when it has become visible, or VOID.
struct NotVisibleYet {
  arbiter::RoundId id;
};
using ReadAnswer = std::variant<ReadReply, NotVisibleYet>;

// `up_to`: of a LATEST that waited, the version it waited for; it was the newest when the query's mark was
// applied, so it answers the query however many have closed since.
// REQUIRES: the state includes a READ mark appended since the query came in.
ReadAnswer AnswerRead(const arbiter::HomeState& state, SlotEpoch slot_epoch, const ReadQuery& query,
                      std::optional<Version> up_to = std::nullopt);

// The asker's patience ended before `version` was visible: Unavailable VERSION_NOT_READABLE.
ReadReply PatienceEnded(const ReadQuery& query, const arbiter::ClosedVersion& version);

// The newest that a LATEST, a List or a Watch may tell of; null when there is none. `versions`: oldest first.
const arbiter::ClosedVersion* NewestVisible(std::span<const arbiter::ClosedVersion> versions);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_DESKS_READ_ANSWER_H_
