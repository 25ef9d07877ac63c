#include "engine/home/ticket_facts.h"

#include "engine/cell/levels.h"

namespace worldb::engine {

std::vector<DataCenterIndex> OutageOf(const arbiter::HomeState& state) {
  return {state.out().begin(), state.out().end()};
}

arbiter::Level LevelWithinReach(const Cell& cell, const arbiter::HomeState& state,
                                const ScriptId& script) {
  NodeSet in = NodeSet::All();
  for (const DataCenterIndex dc : state.out()) in = in.Minus(NodeSet::Of(dc));
  const auto found = cell.FindScript(script);
  return found.ok() ? LevelOf(**found, in) : arbiter::Level::kDecided;
}

std::optional<TicketFacts> TicketFactsOf(const Cell& cell, const arbiter::HomeState& state,
                                         const OpId& op) {
  const arbiter::OpRecord* record = state.FindOp(op);
  if (record == nullptr) return std::nullopt;
  TicketFacts facts;
  facts.stamp = record->stamp;
  facts.outcome = record->outcome;
  facts.level = state.LevelOf(*record);
  facts.out = OutageOf(state);
  facts.within_reach = LevelWithinReach(cell, state, record->script);
  if (record->outcome.kind == arbiter::OutcomeKind::kWon) {
    facts.held = state.FindVersion({record->key_tag, record->outcome.version})->held;
  }
  return facts;
}

TicketReply AnswerTicket(const Cell& cell, const arbiter::HomeState& state,
                         const TicketQuery& query, bool authoritative) {
  return {query.id, authoritative, TicketFactsOf(cell, state, query.op)};
}

}  // namespace worldb::engine
