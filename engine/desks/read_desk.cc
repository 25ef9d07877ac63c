#include "engine/desks/read_desk.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "engine/desks/read_answer.h"
#include "engine/home/ticket_facts.h"

namespace worldb::engine {

std::uint64_t ReadDesk::Question::id() const {
  return std::visit([](const auto& q) { return q.id; }, query);
}

bool ReadDesk::Take(NodeIndex from, Query query) {
  Question question{from, std::move(query), self_.now()};
  if (known_.size() >= kReadsMax || !known_.emplace(from, question.id()).second) return false;
  unmarked_.push_back(std::move(question));
  return true;
}

std::size_t ReadDesk::TakeAll(NodeIndex from, const ReadQueries& message) {
  const std::size_t count = std::min(message.queries.size(), ReadQueries::kQueriesMax);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < count; ++i) taken += Take(from, message.queries[i]) ? 1 : 0;
  return taken;
}

void ReadDesk::MarkTaken() { marked_ = std::exchange(unmarked_, {}); }

void ReadDesk::MarkLost() {
  std::move(marked_.begin(), marked_.end(), std::back_inserter(unmarked_));
  marked_.clear();
}

void ReadDesk::MarkApplied() {
  for (const Question& question : std::exchange(marked_, {})) {
    std::visit([&](const auto& query) { AnswerMarked(question, query); }, question.query);
  }
  SendReplies();
}

void ReadDesk::SendReplies() {
  for (int i = 0; i < kNodeCount; ++i) {
    const std::vector<ReadReply> all = std::exchange(replies_[i], {});
    for (std::size_t at = 0; at < all.size(); at += ReadQueries::kQueriesMax) {
      const auto end = all.begin() + std::min(at + ReadQueries::kQueriesMax, all.size());
      self_.Send(NodeAt(i), ReadReplies{{all.begin() + at, end}});
    }
  }
}

void ReadDesk::AnswerMarked(const Question& question, const ReadQuery& query) {
  AnswerOrWait({question.from, query, question.arrived + query.patience});
}

void ReadDesk::AnswerMarked(const Question& question, const TicketQuery& query) {
  known_.erase({question.from, query.id});
  self_.Send(question.from, AnswerTicket(self_.cell(), state_, query, /*authoritative=*/true));
  Hold(question.from, query);
}

void ReadDesk::AnswerMarked(const Question& question, const ListQuery& query) {
  known_.erase({question.from, query.id});
  std::optional<ListQueryReply> reply = lister_.List(query);
  if (reply.has_value()) self_.Send(question.from, *std::move(reply));
}

void ReadDesk::AnswerMarked(const Question& question, const HistoryQuery& query) {
  known_.erase({question.from, query.id});
  self_.Send(question.from, lister_.History(query));
}

void ReadDesk::AnswerMarked(const Question& question, const WatchOpen& query) {
  known_.erase({question.from, query.id});
  watches_.Open(question.from, query);
}

void ReadDesk::AnswerOrWait(PatientRead read) {
  ReadAnswer answer = AnswerRead(state_, self_.cell().slot_epoch(), read.query, read.up_to);
  if (const auto* wait = std::get_if<NotVisibleYet>(&answer)) {
    read.up_to = wait->id.version;
    waiting_for_visible_.emplace(wait->id, std::move(read));
    return;
  }
  known_.erase({read.from, read.query.id});
  Reply(read.from, std::get<ReadReply>(std::move(answer)));
}

bool ReadDesk::IsMet(const TicketQuery& query) const {
  const arbiter::OpRecord* op = state_.FindOp(query.op);
  if (op == nullptr || !query.until.has_value()) return true;
  return arbiter::EndsWait(op->outcome.kind, state_.LevelOf(*op), *query.until);
}

void ReadDesk::Hold(NodeIndex from, const TicketQuery& query) {
  if (IsMet(query) || known_.size() >= kReadsMax) return;
  if (!known_.emplace(from, query.id).second) return;
  waiting_for_op_.emplace(query.op, HeldTicket{from, query, self_.now() + query.patience});
}

void ReadDesk::OnEffects(const std::vector<arbiter::Effect>& effects) {
  for (const arbiter::Effect& effect : effects) {
    if (const auto* judged = std::get_if<arbiter::OpJudged>(&effect)) {
      TellHoldersOf(judged->op);
      if (judged->outcome.kind == arbiter::OutcomeKind::kVoid) {
        TellReadersOf({judged->key_tag, judged->outcome.version});
      }
    } else if (const auto* level = std::get_if<arbiter::LevelAnnounced>(&effect)) {
      TellHoldersOf(level->op);
    } else if (const auto* visible = std::get_if<arbiter::VersionVisible>(&effect)) {
      TellReadersOf(visible->id);
    }
  }
  SendReplies();
}

void ReadDesk::TellHoldersOf(const OpId& op) {
  const auto [begin, end] = waiting_for_op_.equal_range(op);
  for (auto it = begin; it != end;) {
    const auto& [from, query, deadline] = it->second;
    if (!IsMet(query)) {
      ++it;
      continue;
    }
    self_.Send(from, AnswerTicket(self_.cell(), state_, query, /*authoritative=*/false));
    known_.erase({from, query.id});
    it = waiting_for_op_.erase(it);
  }
}

// The version may be answered with now, or never.
void ReadDesk::TellReadersOf(const arbiter::RoundId& id) {
  const auto [begin, end] = waiting_for_visible_.equal_range(id);
  std::vector<PatientRead> reads;
  for (auto it = begin; it != end; ++it) reads.push_back(std::move(it->second));
  waiting_for_visible_.erase(begin, end);
  for (PatientRead& read : reads) AnswerOrWait(std::move(read));
}

void ReadDesk::Expire() {
  ExpireReads();
  ExpireTickets();
  SendReplies();
}

void ReadDesk::ExpireReads() {
  for (auto it = waiting_for_visible_.begin(); it != waiting_for_visible_.end();) {
    const auto& [from, query, deadline, up_to] = it->second;
    if (deadline > self_.now()) {
      ++it;
      continue;
    }
    known_.erase({from, query.id});
    Reply(from, PatienceEnded(query, *state_.FindVersion(it->first)));
    it = waiting_for_visible_.erase(it);
  }
}

// Their last answer stands.
void ReadDesk::ExpireTickets() {
  std::erase_if(waiting_for_op_, [this](const auto& entry) {
    const auto& [from, query, deadline] = entry.second;
    if (deadline > self_.now()) return false;
    known_.erase({from, query.id});
    return true;
  });
}

void ReadDesk::Clear() {
  known_.clear();
  unmarked_.clear();
  marked_.clear();
  waiting_for_visible_.clear();
  waiting_for_op_.clear();
}

}  // namespace worldb::engine
