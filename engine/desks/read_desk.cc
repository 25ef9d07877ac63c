#include "engine/desks/read_desk.h"

#include <iterator>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"
#include "engine/home/ticket_facts.h"

namespace worldb::engine {
namespace {

ReadReply NotFound(absl::string_view reason, std::string words, const ErrorDetails& details = {}) {
  ReadReply reply;
  reply.status = MakeError(absl::StatusCode::kNotFound, reason, words, details);
  return reply;
}

ReadReply Deleted(const ReadQuery& query, Version version) {
  const std::string number = absl::StrCat(version.value());
  const ErrorDetails details = {{"deleted_version", number}};
  return query.version.has_value()
             ? NotFound(reason::kNoSuchVersion,
                        absl::StrCat("version ", number, " has no value: it deleted the key"),
                        details)
             : NotFound(reason::kNoSuchKey, absl::StrCat("the key was deleted by version ", number),
                        details);
}

ReadReply EndedVoid(Version version) {
  ReadReply reply;
  reply.status = MakeError(
      absl::StatusCode::kDataLoss, reason::kVersionNotReadable,
      absl::StrCat("version ", version.value(), " ended VOID: its value can never be read"),
      {{"version", absl::StrCat(version.value())}});
  return reply;
}

}  // namespace

std::uint64_t ReadDesk::Read::id() const {
  return std::visit([](const auto& q) { return q.id; }, query);
}

bool ReadDesk::Take(NodeIndex from, Query query) {
  Read read{from, std::move(query), absl::InfiniteDuration()};
  if (const auto* latest = std::get_if<ReadQuery>(&read.query)) {
    read.deadline = context_.now() + latest->patience;
  }
  if (known_.size() >= kReadsMax || !known_.emplace(from, read.id()).second) return false;
  unmarked_.push_back(std::move(read));
  return true;
}

void ReadDesk::MarkTaken() { marked_ = std::exchange(unmarked_, {}); }

void ReadDesk::MarkLost() {
  std::move(marked_.begin(), marked_.end(), std::back_inserter(unmarked_));
  marked_.clear();
}

void ReadDesk::MarkApplied() {
  for (const Read& read : std::exchange(marked_, {})) AnswerMarked(read);
}

void ReadDesk::AnswerMarked(const Read& read) {
  if (const auto* latest = std::get_if<ReadQuery>(&read.query)) return AnswerRead(read, *latest);
  known_.erase({read.from, read.id()});
  if (const auto* ticket = std::get_if<TicketQuery>(&read.query)) {
    context_.Send(read.from,
                  AnswerTicket(context_.cell(), home_.state(), *ticket, /*authoritative=*/true));
    Hold(read.from, *ticket);
  } else if (const auto* list = std::get_if<ListQuery>(&read.query)) {
    lister_.Answer(read.from, *list);
  } else if (const auto* history = std::get_if<HistoryQuery>(&read.query)) {
    lister_.Answer(read.from, *history);
  } else {
    watches_.Open(read.from, std::get<WatchOpen>(read.query));
  }
}

void ReadDesk::AnswerRead(const Read& read, const ReadQuery& query) {
  const arbiter::ClosedVersion* version = nullptr;
  std::vector<Version> void_versions;
  if (query.version.has_value()) {
    version = home_.state().FindVersion({query.key_tag, *query.version});
    if (version == nullptr) {
      return Reply(read, NotFound(reason::kNoSuchVersion,
                                  absl::StrCat("the key has no version ", query.version->value())));
    }
    if (version->outcome == arbiter::OutcomeKind::kVoid) {
      return Reply(read, EndedVoid(*query.version));
    }
  } else {
    const std::span<const arbiter::ClosedVersion> versions = home_.state().Versions(query.key_tag);
    for (auto it = versions.rbegin(); it != versions.rend() && version == nullptr; ++it) {
      if (it->outcome == arbiter::OutcomeKind::kVoid) {
        void_versions.push_back(it->id.version);
      } else {
        version = &*it;
      }
    }
    if (version == nullptr) {
      return Reply(read, NotFound(reason::kNoSuchKey, "there is no value under this key"));
    }
  }
  if (version->visible_at == LogIndex()) {
    waiting_for_visible_.emplace(version->id, read);
  } else if (version->kind == arbiter::OpKind::kDelete) {
    Reply(read, Deleted(query, version->id.version));
  } else {
    Answer(read, *version, std::move(void_versions));
  }
}

void ReadDesk::Answer(const Read& read, const arbiter::ClosedVersion& version,
                      std::vector<Version> void_versions) {
  ReadReply reply;
  reply.facts = VersionFacts{version.id,
                             context_.cell().slot_epoch(),
                             version.kind,
                             version.op,
                             version.commitment,
                             version.script,
                             version.announced,
                             version.held,
                             std::move(void_versions)};
  Reply(read, std::move(reply));
}

void ReadDesk::Reply(const Read& read, ReadReply reply) {
  reply.id = read.id();
  known_.erase({read.from, reply.id});
  context_.Send(read.from, std::move(reply));
}

bool ReadDesk::IsMet(const TicketQuery& query) const {
  const arbiter::OpRecord* op = home_.state().FindOp(query.op);
  if (op == nullptr || !query.until.has_value()) return true;
  const arbiter::Level level = home_.state().LevelOf(*op);
  return arbiter::EndsWait(op->outcome.kind, level, *query.until);
}

void ReadDesk::Hold(NodeIndex from, const TicketQuery& query) {
  if (IsMet(query) || known_.size() >= kReadsMax) return;
  if (!known_.emplace(from, query.id).second) return;
  waiting_for_op_.emplace(query.op, HeldTicket{from, query, context_.now() + query.patience});
}

void ReadDesk::OnEffects(const std::vector<arbiter::Effect>& effects) {
  for (const arbiter::Effect& effect : effects) {
    if (const auto* judged = std::get_if<arbiter::OpJudged>(&effect)) {
      OnOp(judged->op);
      if (judged->outcome.kind == arbiter::OutcomeKind::kVoid) {
        OnVersion({judged->key_tag, judged->outcome.version});
      }
    } else if (const auto* level = std::get_if<arbiter::LevelAnnounced>(&effect)) {
      OnOp(level->op);
    } else if (const auto* visible = std::get_if<arbiter::VersionVisible>(&effect)) {
      OnVersion(visible->id);
    }
  }
}

void ReadDesk::OnOp(const OpId& op) {
  const auto [begin, end] = waiting_for_op_.equal_range(op);
  for (auto it = begin; it != end;) {
    const HeldTicket& held = it->second;
    if (!IsMet(held.query)) {
      ++it;
      continue;
    }
    context_.Send(held.from, AnswerTicket(context_.cell(), home_.state(), held.query,
                                          /*authoritative=*/false));
    known_.erase({held.from, held.query.id});
    it = waiting_for_op_.erase(it);
  }
}

// It may be answered with now, or never.
void ReadDesk::OnVersion(const arbiter::RoundId& id) {
  const auto [begin, end] = waiting_for_visible_.equal_range(id);
  std::vector<Read> reads;
  for (auto it = begin; it != end; ++it) reads.push_back(std::move(it->second));
  waiting_for_visible_.erase(begin, end);
  for (const Read& read : reads) AnswerMarked(read);
}

void ReadDesk::Expire() {
  for (auto it = waiting_for_visible_.begin(); it != waiting_for_visible_.end();) {
    if (it->second.deadline > context_.now()) {
      ++it;
      continue;
    }
    const arbiter::ClosedVersion& version = *home_.state().FindVersion(it->first);
    ReadReply reply;
    reply.status =
        MakeError(absl::StatusCode::kUnavailable, reason::kVersionNotReadable,
                  absl::StrCat("version ", it->first.version.value(), " is the latest and only ",
                               arbiter::LevelName(version.announced),
                               " yet; wait for SAFE, or read with --surviving"),
                  {{"version", absl::StrCat(it->first.version.value())}});
    Reply(it->second, std::move(reply));
    it = waiting_for_visible_.erase(it);
  }
  for (auto it = waiting_for_op_.begin(); it != waiting_for_op_.end();) {
    if (it->second.deadline > context_.now()) {
      ++it;
      continue;
    }
    known_.erase({it->second.from, it->second.query.id});
    it = waiting_for_op_.erase(it);
  }
}

void ReadDesk::Clear() {
  known_.clear();
  unmarked_.clear();
  marked_.clear();
  waiting_for_visible_.clear();
  waiting_for_op_.clear();
}

}  // namespace worldb::engine
