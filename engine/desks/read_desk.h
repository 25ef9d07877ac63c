// Holds questions at the sequencer: each waits for a READ mark that was appended after it came in; a
// version LATEST may not answer with yet is waited for, and so is an op whose asker wants to know its
// end.
//
// One mark serves all questions that wait for one, and what one event answers to one asker travels
// together. A question repeated under the same id is the same
// question. What is answered is decided elsewhere (read_answer.h, key_lister.h, ticket_facts.h); this
// decides when.
// Bounds:  kReadsMax questions, whatever they wait for; one more is ignored, and its asker repeats it.
// Threads: its node's executor.
// Source:  docs/protocol.md 6; ARCHITECTURE.md invariant 20.
#ifndef WORLDB_ENGINE_DESKS_READ_DESK_H_
#define WORLDB_ENGINE_DESKS_READ_DESK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/home_state.h"
#include "engine/context/node_self.h"
#include "engine/desks/key_lister.h"
#include "engine/desks/watch_desk.h"

namespace worldb::engine {

class ReadDesk {
 public:
  static constexpr std::size_t kReadsMax = 100'000;
  using Query = std::variant<ReadQuery, TicketQuery, ListQuery, HistoryQuery, WatchOpen>;

  // All of them outlive this object.
  ReadDesk(const NodeSelf& self, const arbiter::HomeState& state, const KeyLister& lister,
           WatchDesk& watches)
      : self_(self), state_(state), lister_(lister), watches_(watches) {}

  // False when it is known already, or too many wait.
  bool Take(NodeIndex from, Query query);
  // How many of them were taken.
  std::size_t TakeAll(NodeIndex from, const ReadQueries& message);
  // Answers a query that asks to be told again, once the op got there. Nothing to do when it has, or is
  // not on record.
  void Hold(NodeIndex from, const TicketQuery& query);
  // Some question waits for a mark.
  bool wants_mark() const { return !unmarked_.empty(); }
  // The entry being built carries a mark for every question taken so far.
  void MarkTaken();
  // That entry was not written: its questions need another mark.
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
  struct Question {
    NodeIndex from;
    Query query;
    absl::Duration arrived;
    std::uint64_t id() const;
  };
  struct PatientRead {
    NodeIndex from;
    ReadQuery query;
    absl::Duration deadline;
    std::optional<Version> up_to = std::nullopt;  // see AnswerRead()
  };
  struct HeldTicket {
    NodeIndex from;
    TicketQuery query;
    absl::Duration deadline;
  };
  // Whose, and under which id.
  using QuestionKey = std::pair<NodeIndex, std::uint64_t>;

  void AnswerMarked(const Question& question, const ReadQuery& query);
  void AnswerMarked(const Question& question, const TicketQuery& query);
  void AnswerMarked(const Question& question, const ListQuery& query);
  void AnswerMarked(const Question& question, const HistoryQuery& query);
  void AnswerMarked(const Question& question, const WatchOpen& query);
  void AnswerOrWait(PatientRead read);
  // To be sent with others by SendReplies(), the last thing an event does.
  void Reply(NodeIndex to, ReadReply reply) { replies_[to.value()].push_back(std::move(reply)); }
  void SendReplies();
  bool IsMet(const TicketQuery& query) const;
  void TellHoldersOf(const OpId& op);
  void TellReadersOf(const arbiter::RoundId& id);
  void ExpireReads();
  void ExpireTickets();

  const NodeSelf& self_;
  const arbiter::HomeState& state_;
  const KeyLister& lister_;
  WatchDesk& watches_;
  std::set<QuestionKey> known_;
  std::vector<Question> unmarked_;
  std::vector<Question> marked_;
  std::multimap<arbiter::RoundId, PatientRead> waiting_for_visible_;
  std::multimap<OpId, HeldTicket> waiting_for_op_;
  std::array<std::vector<ReadReply>, kNodeCount> replies_;  // by asker
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_DESKS_READ_DESK_H_
