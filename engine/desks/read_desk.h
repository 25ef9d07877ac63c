// Holds questions at the sequencer: each waits for a READ mark that was appended after it came in; a
// version LATEST may not answer with yet is waited for, and so is an op whose asker wants to know its
// end.
//
// One mark serves all questions that wait for one. A question repeated under the same id is the same
// question.
// Threads: its node's executor.
// Source:  docs/protocol.md 6; ARCHITECTURE.md invariant 20.
#ifndef WORLDB_ENGINE_DESKS_READ_DESK_H_
#define WORLDB_ENGINE_DESKS_READ_DESK_H_

#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "engine/context/node_context.h"
#include "engine/desks/key_lister.h"
#include "engine/desks/watch_desk.h"
#include "engine/home/home.h"

namespace worldb::engine {

class ReadDesk {
 public:
  static constexpr std::size_t kReadsMax = 100'000;
  using Query = std::variant<ReadQuery, TicketQuery, ListQuery, HistoryQuery, WatchOpen>;

  ReadDesk(NodeSelf& context, const Home& home, const KeyLister& lister, WatchDesk& watches)
      : context_(context), home_(home), lister_(lister), watches_(watches) {}

  // False when it is known already, or too many wait.
  bool Take(NodeIndex from, Query query);
  // Answers a query that asks to be told again, once the op got there. Nothing to do when it has, or is
  // not on record.
  void Hold(NodeIndex from, const TicketQuery& query);
  // Some read waits for a mark.
  bool wants_mark() const { return !unmarked_.empty(); }
  // The entry being built carries a mark for every read taken so far.
  void MarkTaken();
  // That entry was not written: its reads need another mark.
  void MarkLost();
  // That entry was applied.
  void MarkApplied();
  // What followed from an entry.
  void OnEffects(const std::vector<arbiter::Effect>& effects);
  // Tells those whose patience ended; to be called every few tens of milliseconds.
  void Expire();
  // Whoever waits asks the next sequencer.
  void Clear();

 private:
  struct Read {
    NodeIndex from;
    Query query;
    absl::Duration deadline;
    std::uint64_t id() const;
  };
  struct HeldTicket {
    NodeIndex from;
    TicketQuery query;
    absl::Duration deadline;
  };
  void AnswerMarked(const Read& read);
  void AnswerRead(const Read& read, const ReadQuery& query);
  void Answer(const Read& read, const arbiter::ClosedVersion& version,
              std::vector<Version> void_versions);
  void Reply(const Read& read, ReadReply reply);
  bool IsMet(const TicketQuery& query) const;
  void OnOp(const OpId& op);
  void OnVersion(const arbiter::RoundId& id);

  NodeSelf& context_;
  const Home& home_;
  const KeyLister& lister_;
  WatchDesk& watches_;
  std::set<std::pair<NodeIndex, std::uint64_t>> known_;
  std::vector<Read> unmarked_;
  std::vector<Read> marked_;
  std::multimap<arbiter::RoundId, Read> waiting_for_visible_;
  std::multimap<OpId, HeldTicket> waiting_for_op_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_DESKS_READ_DESK_H_
