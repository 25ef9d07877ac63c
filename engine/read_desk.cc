#include "engine/read_desk.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/errors.h"

namespace worldb::engine {

RequestId ReadDesk::Read::id() const {
  return std::visit([](const auto& q) { return q.id; }, query);
}

bool ReadDesk::Take(NodeIndex from, const ReadQuery& query) {
  return Take({from, query, context_.now() + query.patience});
}

bool ReadDesk::Take(NodeIndex from, const TicketQuery& query) {
  return Take({from, query, absl::InfiniteDuration()});
}

bool ReadDesk::Take(Read read) {
  if (known_.size() >= kReadsMax || !known_.emplace(read.from, read.id()).second) return false;
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
  if (const auto* ticket = std::get_if<TicketQuery>(&read.query)) {
    known_.erase({read.from, ticket->id});
    home_.Answer(read.from, *ticket, /*authoritative=*/true);
    return;
  }
  const auto& query = std::get<ReadQuery>(read.query);
  const arbiter::ClosedVersion* version =
      query.version.has_value() ? home_.state().FindVersion({query.key_tag, *query.version})
                                : home_.state().Newest(query.key_tag);
  if (version == nullptr) {
    ReadReply reply;
    reply.status = query.version.has_value()
                       ? MakeError(absl::StatusCode::kNotFound, reason::kNoSuchVersion,
                                   absl::StrCat("the key has no version ", query.version->value()))
                       : MakeError(absl::StatusCode::kNotFound, reason::kNoSuchKey,
                                   "there is no value under this key");
    Reply(read, std::move(reply));
  } else if (version->announced < arbiter::Level::kSafe) {
    waiting_for_safe_.emplace(version->id, read);
  } else {
    Answer(read, *version);
  }
}

void ReadDesk::Answer(const Read& read, const arbiter::ClosedVersion& version) {
  ReadReply reply;
  reply.facts = VersionFacts{version.id,  context_.cell().slot_epoch(), version.kind,
                             version.op,  version.commitment,           version.announced,
                             version.held};
  Reply(read, std::move(reply));
}

void ReadDesk::Reply(const Read& read, ReadReply reply) {
  reply.id = read.id();
  known_.erase({read.from, reply.id});
  context_.Send(read.from, std::move(reply));
}

void ReadDesk::OnSafe(const arbiter::ClosedVersion& version) {
  const auto [begin, end] = waiting_for_safe_.equal_range(version.id);
  for (auto it = begin; it != end; ++it) Answer(it->second, version);
  waiting_for_safe_.erase(begin, end);
}

void ReadDesk::Expire() {
  for (auto it = waiting_for_safe_.begin(); it != waiting_for_safe_.end();) {
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
    it = waiting_for_safe_.erase(it);
  }
}

void ReadDesk::Clear() {
  known_.clear();
  unmarked_.clear();
  marked_.clear();
  waiting_for_safe_.clear();
}

}  // namespace worldb::engine
