// What a home's state tells of one op: to whoever holds its ticket, and to the ingress that is handed one.
//
// Threads: pure functions.
// Source:  docs/protocol.md 5 and 6.
#ifndef WORLDB_ENGINE_HOME_TICKET_FACTS_H_
#define WORLDB_ENGINE_HOME_TICKET_FACTS_H_

#include <optional>
#include <vector>

#include "arbiter/home_state.h"
#include "engine/cell/cell.h"
#include "engine/messages/home_questions.h"

namespace worldb::engine {

// The data centers that are OUT.
std::vector<DataCenterIndex> OutageOf(const arbiter::HomeState& state);

// The highest level that a value under the script can reach without them; DECIDED when the cell does
// not know the script.
arbiter::Level LevelWithinReach(const Cell& cell, const arbiter::HomeState& state,
                                const ScriptId& script);

// Nullopt when the op is not on record, and no version of the key is its: a win outlives the record of its op.
std::optional<TicketFacts> TicketFactsOf(const Cell& cell, const arbiter::HomeState& state,
                                         const OpId& op, const KeyTag& key_tag);

// The same as an answer to `query`. `authoritative`: the state includes a READ mark appended since the
// query came in, so an op that is not on record here is on record nowhere.
TicketReply AnswerTicket(const Cell& cell, const arbiter::HomeState& state,
                         const TicketQuery& query, bool authoritative);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_TICKET_FACTS_H_
