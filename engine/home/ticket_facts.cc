#include "engine/home/ticket_facts.h"

#include <algorithm>

#include "engine/cell/levels.h"

namespace worldb::engine {

namespace {

// What is left to tell of an op that was forgotten: the version it won says whose it is.
std::optional<TicketFacts> FactsOfVersion(const Cell& cell, const arbiter::HomeState& state,
                                          const OpId& op, const KeyTag& key_tag) {
  if (!state.MayHaveForgotten(op)) return std::nullopt;
  const auto versions = state.Versions(key_tag);
  const auto won = std::find_if(versions.rbegin(), versions.rend(),
                                [&op](const arbiter::ClosedVersion& v) { return v.op == op; });
  if (won == versions.rend()) return std::nullopt;
  TicketFacts facts;
  facts.identity = {key_tag, won->kind, std::nullopt};
  facts.stamp = won->stamp;
  facts.outcome.kind = won->outcome;
  facts.outcome.version = won->id.version;
  facts.level = won->level();
  facts.held = won->held;
  facts.out = OutageOf(state);
  facts.within_reach = LevelWithinReach(cell, state, won->script);
  return facts;
}

}  // namespace

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
                                         const OpId& op, const KeyTag& key_tag) {
  const arbiter::OpRecord* record = state.FindOp(op);
  if (record == nullptr) return FactsOfVersion(cell, state, op, key_tag);
  TicketFacts facts;
  facts.identity = record->identity();
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
  TicketReply reply{query.id, authoritative, /*forgotten=*/false,
                    TicketFactsOf(cell, state, query.op, query.key_tag)};
  reply.forgotten = !reply.facts.has_value() && state.MayHaveForgotten(query.op);
  return reply;
}

}  // namespace worldb::engine
