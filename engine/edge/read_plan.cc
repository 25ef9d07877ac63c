#include "engine/edge/read_plan.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/cell/levels.h"

namespace worldb::engine {
namespace {

// When nobody is awaited: somebody may have come back.
constexpr absl::Duration kLookAgainEvery = absl::Milliseconds(250);

}  // namespace

ReadTarget TargetOf(const VersionFacts& facts,
                    std::shared_ptr<const cryptoscatter::Script> script) {
  return {.slot_epoch = facts.slot_epoch,
          .version = facts.id.version,
          .commitment = facts.commitment,
          .core = std::nullopt,
          .script = std::move(script),
          .holders = facts.held,
          .payload_bytes = facts.payload_bytes,
          .level = facts.level,
          .op = facts.op,
          .void_versions = facts.void_versions};
}

std::vector<ReadTarget> TargetsOf(const Holdings& holdings,
                                  const cryptoscatter::ScriptBook& scripts) {
  std::vector<ReadTarget> targets;
  for (auto it = holdings.rbegin(); it != holdings.rend(); ++it) {
    const auto& [share, holders] = *it;
    auto script = scripts.Find(share.script);
    if (!script.ok() || !(*script)->IsReadable(holders)) continue;
    const arbiter::Level level = LevelOf(**script, holders);
    targets.push_back({.slot_epoch = share.slot_epoch,
                       .version = share.version,
                       .commitment = std::nullopt,
                       .core = share.core,
                       .script = *std::move(script),
                       .holders = holders,
                       .payload_bytes = share.payload_bytes,
                       .level = level,
                       .op = OpId(),
                       .void_versions = {}});
  }
  return targets;
}

NodeOrder QuickestFirst(const AnswerTimes& answer_times, const Outlook& outlook,
                        absl::Duration now) {
  NodeOrder order;
  std::array<absl::Duration, kNodeCount> expected;
  for (int i = 0; i < kNodeCount; ++i) {
    order[i] = NodeAt(i);
    expected[i] = answer_times.Expected(NodeAt(i), outlook.round_trips[i], now);
  }
  std::sort(order.begin(), order.end(), [&expected, &outlook](NodeIndex a, NodeIndex b) {
    return std::tuple(expected[a.value()], outlook.round_trips[a.value()], a) <
           std::tuple(expected[b.value()], outlook.round_trips[b.value()], b);
  });
  return order;
}

NodeSet NearestReadable(const cryptoscatter::Script& script, NodeSet holders,
                        const NodeOrder& order, NodeSet hopeful) {
  NodeSet chosen = hopeful;
  for (const NodeIndex node : order) {
    if (script.IsReadable(chosen)) break;
    if (holders.Has(node)) chosen.Add(node);
  }
  if (!script.IsReadable(chosen)) return {};
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    NodeSet without = chosen;
    without.Remove(*it);
    if (!hopeful.Has(*it) && script.IsReadable(without)) chosen = without;
  }
  return chosen;
}

NodeSet ReadPlan::Begin(const Outlook& outlook, absl::Duration now, NodeSet speculative,
                        absl::Duration since) {
  Ask(speculative, outlook, since);
  const NodeOrder order = QuickestFirst(answer_times_, outlook, now);
  NodeSet first = NearestReadable(script_, holders_ & outlook.reachable, order, speculative);
  // The log's held set may lag behind what the nodes have.
  if (first.empty()) first = NearestReadable(script_, outlook.reachable, order, speculative);
  if (first.empty()) first = NodeSet::All();
  return Ask(first, outlook, now);
}

void ReadPlan::TakeAnswer(NodeIndex from, absl::Duration now) {
  answered_.Add(from);
  answer_times_.Add(from, now - asked_at_[from.value()], now);
}

void ReadPlan::AskAnew(NodeIndex node, const Outlook& outlook, absl::Duration now) {
  asked_.Remove(node);
  overdue_.Remove(node);
  NodeSet one;
  one.Add(node);
  Ask(one, outlook, now);
}

ReadPlan::Step ReadPlan::GoOn(bool good, const Outlook& outlook, absl::Duration now) {
  return AskOrGiveUp(good ? NodeSet() : NodeSet::All(), outlook, now);
}

absl::Duration ReadPlan::NextLook(absl::Duration now) const {
  const NodeSet awaited = Awaited();
  if (awaited.empty()) return now + kLookAgainEvery;
  absl::Duration next = absl::InfiniteDuration();
  for (int i = 0; i < kNodeCount; ++i) {
    if (awaited.Has(i)) next = std::min(next, due_at_[i]);
  }
  return next;
}

ReadPlan::Step ReadPlan::LookAgain(const Outlook& outlook, absl::Duration now) {
  NoteOverdue(now);
  const NodeSet silent = overdue_.Minus(answered_);
  const NodeSet hopeful = asked_.Minus(silent);
  const NodeSet enough = NearestReadable(script_, (holders_ & outlook.reachable).Minus(silent),
                                         QuickestFirst(answer_times_, outlook, now), hopeful);
  return AskOrGiveUp(enough.empty() ? NodeSet::All() : enough, outlook, now);
}

void ReadPlan::NoteOverdue(absl::Duration now) {
  const NodeSet awaited = Awaited();
  for (int i = 0; i < kNodeCount; ++i) {
    if (!awaited.Has(i) || due_at_[i] > now) continue;
    overdue_.Add(NodeAt(i));
    answer_times_.Add(NodeAt(i), now - asked_at_[i], now);
  }
}

NodeSet ReadPlan::Ask(NodeSet nodes, const Outlook& outlook, absl::Duration now) {
  const NodeSet further = nodes.Minus(asked_);
  for (int i = 0; i < kNodeCount; ++i) {
    if (!further.Has(i)) continue;
    asked_at_[i] = now;
    due_at_[i] = now + answer_times_.Patience(NodeAt(i), outlook.round_trips[i], now);
  }
  asked_ = asked_ | further;
  return further;
}

ReadPlan::Step ReadPlan::AskOrGiveUp(NodeSet nodes, const Outlook& outlook, absl::Duration now) {
  if (outlook.possibly_reachable.Minus(answered_).empty()) return {.ask = {}, .give_up = true};
  return {.ask = Ask(nodes, outlook, now), .give_up = false};
}

}  // namespace worldb::engine
