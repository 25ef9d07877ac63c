#include "tests/support/contest_oracle.h"

#include <algorithm>

#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"

namespace worldb::testing {

using arbiter::Base;
using arbiter::Candidate;
using arbiter::Effect;
using arbiter::Level;
using arbiter::LevelReached;
using arbiter::LogEntry;
using arbiter::OpKind;
using arbiter::Outcome;
using arbiter::OutcomeKind;
using arbiter::Refusal;
using arbiter::Rival;
using arbiter::RoundId;
using arbiter::Stamp;

namespace {

bool Overlap(const Stamp& a, const Stamp& b) {
  return a.midpoint - a.bound <= b.midpoint + b.bound &&
         b.midpoint - b.bound <= a.midpoint + a.bound;
}

absl::Duration Distance(const Stamp& a, const Stamp& b) {
  return a.midpoint < b.midpoint ? b.midpoint - a.midpoint : a.midpoint - b.midpoint;
}

}  // namespace

// ---- ranks: midpoint, then an unkeyed hash of key, version and stamper, then the op id

bool ContestOracle::OwnRank::operator<(const OwnRank& other) const {
  if (midpoint != other.midpoint) return midpoint < other.midpoint;
  if (tie != other.tie) return tie < other.tie;
  return op < other.op;
}

ContestOracle::OwnRank ContestOracle::RankIn(const RoundId& round, const Stamp& stamp,
                                             const OpId& op) {
  Bytes text(round.key_tag.bytes.begin(), round.key_tag.bytes.end());
  for (int i = 0; i < 8; ++i) {
    text.push_back(static_cast<std::uint8_t>(round.version.value() >> (8 * i)));
  }
  text.push_back(stamp.node.value());
  return {stamp.midpoint, LabelledHash(HashLabel("worldb.tie.1"), text), op};
}

// ---- what the lists say

bool ContestOracle::Op::retried() const {
  return std::any_of(attempts.begin(), attempts.end(),
                     [](const Attempt& a) { return a.candidate.attempt > 0; });
}

NodeSet ContestOracle::Op::staged() const {
  NodeSet nodes;
  for (const Attempt& a : attempts) {
    if (a.candidate.commitment == first().commitment) nodes = nodes | a.candidate.staged;
  }
  return nodes;
}

std::size_t ContestOracle::RememberedCount() const {
  std::size_t count = 0;
  for (const auto& [name, op] : ops_) count += op.forgotten ? 0 : 1;
  return count;
}

Version ContestOracle::Newest(const KeyTag& key) const {
  std::uint64_t newest = 0;
  for (const Ending& e : endings_) {
    if (e.id.key_tag == key) newest = std::max(newest, e.id.version.value());
  }
  return Version(newest);
}

bool ContestOracle::HasEnded(const RoundId& id) const {
  return std::any_of(endings_.begin(), endings_.end(), [&](const Ending& e) { return e.id == id; });
}

const ContestOracle::Ending& ContestOracle::EndingOf(const RoundId& id) const {
  for (const Ending& e : endings_) {
    if (e.id == id) return e;
  }
  WORLDB_CHECK(false);
}

// Never less than e(w - 1): so the maximum over all versions up to w.
absl::Time ContestOracle::ClosedEarliest(const RoundId& id) const {
  absl::Time earliest = absl::InfinitePast();
  for (const Ending& e : endings_) {
    if (e.id.key_tag == id.key_tag && e.id.version <= id.version) {
      earliest = std::max(earliest, e.reading_earliest);
    }
  }
  return earliest;
}

ContestOracle::Ending* ContestOracle::FindWon(const RoundId& id) {
  for (Ending& e : endings_) {
    if (e.id == id && !e.gone) return &e;
  }
  return nullptr;
}

// Who asked last is told; with the op forgotten, the node that stamped the winner.
NodeIndex ContestOracle::IngressOf(const Ending& ending) const {
  const Op& op = ops_.at(ending.winner);
  return op.forgotten ? ending.stamp.node : op.ingress();
}

// A version that is VOID leaves the key as the one before it did.
bool ContestOracle::AbsentAfter(const RoundId& id) const {
  if (id.version == Version()) return true;
  const Ending& e = EndingOf(id);
  if (e.gone) return AbsentAfter({id.key_tag, Version(id.version.value() - 1)});
  return ops_.at(e.winner).first().kind == OpKind::kDelete;
}

Version ContestOracle::NewestAbsence(const KeyTag& key) const {
  Version w = Newest(key);
  while (!AbsentAfter({key, w})) w = Version(w.value() - 1);
  return w;
}

// VOID versions that it cannot have seen on top of an absence changed nothing for it.
Version ContestOracle::AbsenceKnownTo(const LogEntry& entry, const Candidate& c) const {
  Version w = NewestAbsence(c.key_tag);
  while (w != Version() && EndingOf({c.key_tag, w}).gone && !MayHaveSeen(entry, c, w)) {
    w = Version(w.value() - 1);
  }
  return w;
}

bool ContestOracle::MayHaveSeen(const LogEntry& entry, const Candidate& c, Version w) const {
  if (w <= c.seen) return true;
  const absl::Time closed = ClosedEarliest({c.key_tag, w});
  if (c.stamp.midpoint + c.stamp.bound >= closed) return true;
  // By the clock that is in force it was not closed yet: nobody can tell.
  const arbiter::ClockReading& now = entry.reading;
  return now.quality != arbiter::ClockQuality::kNone && now.midpoint + now.bound < closed;
}

Stamp ContestOracle::CountingStamp(const Op& op) const {
  const RoundId round{op.first().key_tag, op.candidate_of};
  const Stamp* best = &op.first().stamp;
  for (const Attempt& a : op.attempts) {
    if (!a.counts) continue;
    if (RankIn(round, a.candidate.stamp, op.first().op) < RankIn(round, *best, op.first().op)) {
      best = &a.candidate.stamp;
    }
  }
  return *best;
}

std::vector<OpId> ContestOracle::Ranking(const RoundId& id) const {
  std::vector<std::pair<OwnRank, OpId>> all;
  for (const auto& [name, op] : ops_) {
    if (op.first().key_tag == id.key_tag && op.candidate_of == id.version) {
      all.emplace_back(RankIn(id, CountingStamp(op), name), name);
    }
  }
  std::sort(all.begin(), all.end());
  std::vector<OpId> names;
  for (const auto& [rank, name] : all) names.push_back(name);
  return names;
}

std::map<RoundId, absl::Time> ContestOracle::OpenRounds() const {
  std::map<RoundId, absl::Time> open;
  for (const OpId& name : order_) {  // the first one met is the one that opened the round
    const Op& op = ops_.at(name);
    const RoundId id{op.first().key_tag, op.candidate_of};
    if (op.candidate_of == Version() || HasEnded(id) || open.contains(id)) continue;
    const Attempt& opening = op.attempts.front();
    const absl::Duration d = opening.window;
    const absl::Time leader = CountingStamp(ops_.at(Ranking(id).front())).midpoint;
    absl::Time due = std::max(leader + d, opening.recorded + d / 2);
    due = std::min(due, opening.recorded + rule_.window_max);
    open.emplace(id, due);
  }
  return open;
}

FrameNumber ContestOracle::Cursor(NodeIndex node, StreamEpoch epoch) const {
  FrameNumber number;
  for (const arbiter::StreamCursor& c : cursors_) {
    if (c.node == node && c.stream_epoch == epoch) number = std::max(number, c.number);
  }
  return number;
}

Level ContestOracle::Reached(const RoundId& id) const {
  Level level = Level::kDecided;
  for (const Spread& s : spreads_) {
    if (s.version == id) level = s.lost ? std::min(level, s.level) : std::max(level, s.level);
  }
  return level;
}

// What was announced stays so. SAFE and what lies above is announced only once that is so of every version
// before it, or it is VOID.
Level ContestOracle::Announced(const RoundId& id) const {
  const auto told = announced_.find(id);
  return told == announced_.end() ? Level::kDecided : told->second;
}

Level ContestOracle::MayBeAnnounced(const RoundId& id) const {
  for (std::uint64_t before = 1; before < id.version.value(); ++before) {
    const RoundId other{id.key_tag, Version(before)};
    if (!EndingOf(other).gone && Announced(other) < Level::kSafe) {
      return std::min(Reached(id), Level::kHeld);
    }
  }
  return Reached(id);
}

Level ContestOracle::Present(const RoundId& id) const {
  return std::min(Announced(id), Reached(id));
}

NodeSet ContestOracle::Held(const RoundId& id) const {
  NodeSet held;
  for (const Spread& s : spreads_) {
    if (s.version == id) held = s.lost ? held.Minus(s.nodes) : held | s.nodes;
  }
  return held;
}

bool ContestOracle::WasFull(const RoundId& id) const {
  return std::any_of(spreads_.begin(), spreads_.end(), [&](const Spread& s) {
    return s.version == id && !s.lost && s.level == Level::kFull;
  });
}

bool ContestOracle::Refuted(const RoundId& id) const {
  for (const auto& [name, op] : ops_) {
    if (op.first().key_tag == id.key_tag && op.outcome.kind == OutcomeKind::kLateFirst &&
        op.outcome.version == id.version) {
      return true;
    }
  }
  return false;
}

Level ContestOracle::LevelOf(const Op& op) const {
  if (op.outcome.kind == OutcomeKind::kPending) return Level::kAccepted;
  if (op.outcome.kind != OutcomeKind::kWon) return Level::kDecided;
  return Present({op.first().key_tag, op.outcome.version});
}

std::size_t ContestOracle::LateFirstCount() const {
  std::size_t count = 0;
  for (const auto& [name, op] : ops_) count += op.outcome.kind == OutcomeKind::kLateFirst ? 1 : 0;
  return count;
}

// ---- judging

std::optional<Refusal> ContestOracle::WhyRefused(const LogEntry& entry, const Candidate& c) const {
  const auto known = ops_.find(c.op);
  if (known != ops_.end()) {
    // Never run twice, whatever the clock says now.
    if (known->second.forgotten) return Refusal::kOpExpired;
    // The id alone decides, unless both carry a tag; another key is other content on its face, and so is a
    // Delete where there was a Set.
    const Candidate& first = known->second.first();
    if (first.key_tag != c.key_tag || first.kind != c.kind) return Refusal::kOpIdReused;
    if (first.content_tag && c.content_tag && *first.content_tag != *c.content_tag) {
      return Refusal::kOpIdReused;
    }
    return std::nullopt;
  }
  const absl::Time named = arbiter::OpIdTime(c.op);
  if (entry.reading.midpoint - named > rule_.op_memory) return Refusal::kOpExpired;
  if (entry.reading.quality != arbiter::ClockQuality::kNone &&
      named - entry.reading.midpoint > rule_.op_ahead_max) {
    return Refusal::kOpExpired;
  }
  // It may have run and been forgotten: the home could not tell.
  // Nobody remembers which ids as old as a forgotten one there were.
  for (const auto& [name, op] : ops_) {
    if (op.forgotten && named <= arbiter::OpIdTime(name)) return Refusal::kOpExpired;
  }
  if (c.base.kind == Base::Kind::kVersion && c.base.version > Newest(c.key_tag)) {
    return Refusal::kBadBase;
  }
  return std::nullopt;
}

bool ContestOracle::TooOld(const LogEntry& entry, const Candidate& c) const {
  return entry.reading.midpoint - c.stamp.midpoint > rule_.window_max;
}

Outcome ContestOracle::LateAgainst(const Candidate& c, Version w) const {
  const Ending& ending = EndingOf({c.key_tag, w});
  const bool better =
      RankIn(ending.id, c.stamp, c.op) < RankIn(ending.id, ending.stamp, ending.winner);
  Outcome o;
  o.kind = better ? OutcomeKind::kLateFirst : OutcomeKind::kLate;
  o.version = w;
  o.rival = Rival{ending.winner, ending.stamp};
  o.margin = Distance(c.stamp, ending.stamp);
  return o;
}

Outcome ContestOracle::JudgeFirst(const LogEntry& entry, const Candidate& c) const {
  const Version newest = Newest(c.key_tag);
  const bool too_old = TooOld(entry, c);
  Outcome stale;
  stale.kind = OutcomeKind::kStale;
  stale.present = newest;

  if (c.base.kind == Base::Kind::kNone) {
    for (std::uint64_t w = 1; w <= newest.value(); ++w) {
      if (!MayHaveSeen(entry, c, Version(w))) return LateAgainst(c, Version(w));
    }
  } else {
    const bool absent = c.base.kind == Base::Kind::kAbsent;
    const Version base = absent ? AbsenceKnownTo(entry, c) : c.base.version;
    if (absent && AbsentAfter({c.key_tag, newest}) && base != Version() &&
        !MayHaveSeen(entry, c, base)) {
      stale.version = base.Next();  // a tombstone it knows nothing of
      return stale;
    }
    if (base < newest) {
      if (!MayHaveSeen(entry, c, base.Next())) return LateAgainst(c, base.Next());
      stale.version = base.Next();
      return stale;
    }
  }
  Outcome o;
  o.version = newest.Next();  // the one it competes for
  if (!too_old) return o;
  o.kind = OutcomeKind::kLate;
  return o;
}

Outcome ContestOracle::LostTo(const OpId& loser, const OpId& better, Version version) const {
  const Stamp own = CountingStamp(ops_.at(loser));
  const Stamp other = CountingStamp(ops_.at(better));
  Outcome o;
  o.kind = OutcomeKind::kLost;
  o.version = version;
  o.rival = Rival{better, other};
  o.margin = Distance(own, other);
  return o;
}

void ContestOracle::Judge(const OpId& name, const Outcome& outcome, std::vector<Effect>& effects) {
  Op& op = ops_.at(name);
  WORLDB_CHECK(op.outcome.kind == OutcomeKind::kPending);
  op.outcome = outcome;
  effects.push_back(arbiter::OpJudged{name, op.ingress(), op.first().key_tag, outcome});
  if (outcome.kind != OutcomeKind::kWon) {
    effects.push_back(arbiter::PayloadUnwanted{name, op.first().commitment});
  }
}

void ContestOracle::LoseTheBeaten(const RoundId& id, std::vector<Effect>& effects) {
  const std::vector<OpId> ranking = Ranking(id);
  for (const OpId& name : ranking) {
    const Op& op = ops_.at(name);
    if (name == ranking.front() || op.retried() || op.outcome.kind != OutcomeKind::kPending)
      continue;
    Judge(name, LostTo(name, ranking.front(), id.version), effects);
  }
}

// Only the payload recorded first is ever scattered, and only while its op may still win or has
// won. A repeat or a refused reuse of the id must not throw that very payload away.
void ContestOracle::TellUnlessWanted(const Candidate& c, std::vector<Effect>& effects) const {
  const auto known = ops_.find(c.op);
  if (known != ops_.end() && !known->second.forgotten &&
      known->second.first().commitment == c.commitment &&
      (known->second.outcome.kind == OutcomeKind::kPending ||
       known->second.outcome.kind == OutcomeKind::kWon)) {
    return;
  }
  effects.push_back(arbiter::PayloadUnwanted{c.op, c.commitment});
}

// ---- records

void ContestOracle::Record(const LogEntry& entry, const Candidate& c,
                           std::vector<Effect>& effects) {
  if (const std::optional<Refusal> refusal = WhyRefused(entry, c); refusal.has_value()) {
    effects.push_back(
        arbiter::OpRefused{c.op, c.stamp.node, *refusal, Newest(c.key_tag), c.stamp.number});
    TellUnlessWanted(c, effects);
    return;
  }
  if (ops_.contains(c.op)) {
    RecordAgain(entry, c, effects);
    return;
  }
  const Outcome outcome = JudgeFirst(entry, c);
  const bool candidate = outcome.kind == OutcomeKind::kPending;
  Op op;
  op.attempts.push_back({c, entry.reading.midpoint, window_, true});
  if (candidate) op.candidate_of = outcome.version;
  ops_.emplace(c.op, op);
  order_.push_back(c.op);
  const RoundId round{c.key_tag, outcome.version};
  const bool leading = candidate && Ranking(round).front() == c.op;
  effects.push_back(arbiter::OpAccepted{
      c.op, c.stamp.node, round, c.stamp, leading, {c.key_tag, c.kind, c.content_tag}});
  if (candidate) {
    LoseTheBeaten(round, effects);
  } else {
    Judge(c.op, outcome, effects);
  }
}

void ContestOracle::RecordAgain(const LogEntry& entry, const Candidate& c,
                                std::vector<Effect>& effects) {
  Op& op = ops_.at(c.op);
  const bool pending = op.outcome.kind == OutcomeKind::kPending;
  // Final is final: a later stamp of a judged op is no longer looked at. One older than D_max at
  // its recording is no candidate.
  op.attempts.push_back({c, entry.reading.midpoint, window_, pending && !TooOld(entry, c)});
  if (op.outcome.kind == OutcomeKind::kWon && c.commitment == op.first().commitment) {
    Ending* won = FindWon({op.first().key_tag, op.outcome.version});
    won->staged = won->staged | c.staged;
  }
  const RoundId round{op.first().key_tag, pending ? op.candidate_of : op.outcome.version};
  const bool leading = pending && Ranking(round).front() == c.op;
  effects.push_back(
      arbiter::OpAccepted{c.op,
                          c.stamp.node,
                          round,
                          CountingStamp(op),
                          leading,
                          {op.first().key_tag, op.first().kind, op.first().content_tag}});
  if (!pending) {
    effects.push_back(arbiter::OpJudged{c.op, c.stamp.node, op.first().key_tag, op.outcome});
    if (op.outcome.kind == OutcomeKind::kWon && Present(round) > Level::kDecided) {
      effects.push_back(
          arbiter::LevelAnnounced{round, c.op, c.stamp.node, Present(round), Held(round)});
    }
  }
  TellUnlessWanted(c, effects);
  if (pending) LoseTheBeaten(round, effects);
}

void ContestOracle::EndRound(const LogEntry& entry, const RoundId& id,
                             std::vector<Effect>& effects) {
  WORLDB_CHECK(id.version == Newest(id.key_tag).Next());
  const std::vector<OpId> ranking = Ranking(id);
  WORLDB_CHECK(!ranking.empty());
  const OpId winner = ranking.front();
  const Stamp stamp = CountingStamp(ops_.at(winner));
  Outcome won;
  won.kind = OutcomeKind::kWon;
  won.version = id.version;
  if (ranking.size() > 1) {
    const Stamp second = CountingStamp(ops_.at(ranking[1]));
    won.rival = Rival{ranking[1], second};
    won.margin = Distance(stamp, second);
  }
  for (std::size_t i = 1; i < ranking.size(); ++i) {
    if (Overlap(stamp, CountingStamp(ops_.at(ranking[i])))) won.ambiguous = true;
  }
  // A closer without a clock knows only what earlier readings proved.
  const absl::Time earliest = entry.reading.quality == arbiter::ClockQuality::kNone
                                  ? log_earliest_
                                  : entry.reading.midpoint - entry.reading.bound;
  endings_.push_back({id, winner, stamp, earliest, ops_.at(winner).staged(), false, LogIndex()});
  Judge(winner, won, effects);
  effects.push_back(arbiter::VersionDecided{id});
  for (std::size_t i = 1; i < ranking.size(); ++i) {
    if (ops_.at(ranking[i]).outcome.kind == OutcomeKind::kPending) {
      Judge(ranking[i], LostTo(ranking[i], winner, id.version), effects);
    }
  }
}

// Of all versions of the key, in order: one that rises may let the next ones rise.
void ContestOracle::TellRisen(const KeyTag& key, std::vector<Effect>& effects) {
  for (std::uint64_t v = 1; v <= Newest(key).value(); ++v) {
    const RoundId id{key, Version(v)};
    const Ending& ending = EndingOf(id);
    if (ending.gone || MayBeAnnounced(id) <= Announced(id)) continue;
    announced_[id] = MayBeAnnounced(id);
    effects.push_back(
        arbiter::LevelAnnounced{id, ending.winner, IngressOf(ending), Announced(id), Held(id)});
  }
}

// VOID is final: nothing spreads any more.
void ContestOracle::Reach(const LevelReached& reached, std::vector<Effect>& effects) {
  if (FindWon(reached.version) == nullptr) return;
  const bool all = (Held(reached.version) | reached.held) == NodeSet::All();
  spreads_.push_back({reached.version, false, all ? Level::kFull : reached.level, reached.held});
  TellRisen(reached.version.key_tag, effects);
}

void ContestOracle::Lose(const arbiter::ShareLost& lost) {
  if (FindWon(lost.version) == nullptr || (Held(lost.version) & lost.lost).empty()) return;
  spreads_.push_back({lost.version, true, lost.level, lost.lost});
}

// What was HELD can be read and is never given up.
void ContestOracle::GiveUp(const arbiter::VersionVoid& gone, std::vector<Effect>& effects) {
  Ending* ending = FindWon(gone.version);
  if (ending == nullptr || Announced(gone.version) >= Level::kHeld) return;
  Op& op = ops_.at(ending->winner);
  WORLDB_CHECK(!op.forgotten);  // its version is below FULL
  ending->gone = true;
  op.outcome.kind = OutcomeKind::kVoid;
  effects.push_back(
      arbiter::OpJudged{ending->winner, op.ingress(), op.first().key_tag, op.outcome});
  effects.push_back(arbiter::PayloadUnwanted{ending->winner, op.first().commitment});
  TellRisen(gone.version.key_tag, effects);
}

void ContestOracle::ChangeOutage(const arbiter::OutageChange& change,
                                 std::vector<Effect>& effects) {
  if (out_.contains(change.data_center) == change.out) return;
  if (change.out) {
    out_.insert(change.data_center);
  } else {
    out_.erase(change.data_center);
  }
  effects.push_back(arbiter::OutageChanged{change.data_center, change.out});
}

// LATEST may answer with it: SAFE, or HELD while a data center is OUT, and every earlier version
// visible or VOID. What was once visible stays so.
void ContestOracle::Show(std::vector<Effect>& effects) {
  std::set<KeyTag> keys;
  for (const Ending& e : endings_) keys.insert(e.id.key_tag);
  for (const KeyTag& key : keys) {
    for (std::uint64_t v = 1; v <= Newest(key).value(); ++v) {
      Ending* ending = FindWon({key, Version(v)});
      if (ending == nullptr || ending->visible_from != LogIndex()) continue;
      if (Announced(ending->id) < (out_.empty() ? Level::kSafe : Level::kHeld)) break;
      ending->visible_from = applied_;
      effects.push_back(arbiter::VersionVisible{ending->id});
    }
  }
}

// Its end is told and nobody can still change it: judged, a win spread to all nine nodes, and not in
// a round that is open.
bool ContestOracle::MayBeForgotten(const OpId& name, absl::Time until) const {
  const Op& op = ops_.at(name);
  if (arbiter::OpIdTime(name) >= until) return false;
  const RoundId id{op.first().key_tag, op.candidate_of};
  if (op.candidate_of != Version() && !HasEnded(id)) return false;
  return op.outcome.kind != OutcomeKind::kWon || Reached(id) == Level::kFull;
}

// By a licensed clock alone; and not again before it has moved, either way, by 1/24 of the op memory.
void ContestOracle::Forget(const arbiter::ClockReading& reading) {
  if (reading.quality == arbiter::ClockQuality::kNone) return;
  const absl::Time until = reading.midpoint - reading.bound - rule_.op_memory;
  if (forgot_before_.has_value()) {
    const absl::Duration moved = until - *forgot_before_;
    if (std::max(moved, -moved) < rule_.op_memory / 24) return;
  }
  forgot_before_ = until;
  for (auto& [name, op] : ops_) op.forgotten = op.forgotten || MayBeForgotten(name, until);
}

std::vector<Effect> ContestOracle::Apply(const LogEntry& entry) {
  std::vector<Effect> effects;
  applied_ = applied_.Next();
  if (entry.reading.quality != arbiter::ClockQuality::kNone) {
    const absl::Time from = entry.reading.midpoint - entry.reading.bound;
    const absl::Time to = entry.reading.midpoint + entry.reading.bound;
    if (to < log_earliest_ || from > log_earliest_) log_earliest_ = from;
  }
  cursors_.insert(cursors_.end(), entry.cursors.begin(), entry.cursors.end());
  for (const arbiter::LogRecord& record : entry.records) {
    if (const auto* candidate = std::get_if<Candidate>(&record)) {
      Record(entry, *candidate, effects);
    } else if (const auto* close = std::get_if<arbiter::Close>(&record)) {
      for (const RoundId& id : close->rounds) EndRound(entry, id, effects);
    } else if (const auto* level = std::get_if<LevelReached>(&record)) {
      Reach(*level, effects);
    } else if (const auto* lost = std::get_if<arbiter::ShareLost>(&record)) {
      Lose(*lost);
    } else if (const auto* change = std::get_if<arbiter::WindowChange>(&record)) {
      window_ = change->window;
    } else if (const auto* gone = std::get_if<arbiter::VersionVoid>(&record)) {
      GiveUp(*gone, effects);
    } else if (const auto* outage = std::get_if<arbiter::OutageChange>(&record)) {
      ChangeOutage(*outage, effects);
    } else if (const auto* restaged = std::get_if<arbiter::Restaged>(&record)) {
      if (Ending* won = FindWon(restaged->version)) won->staged = won->staged | restaged->staged;
    }
    Show(effects);
  }
  if (entry.checkpoint) Forget(entry.reading);
  return effects;
}

}  // namespace worldb::testing
