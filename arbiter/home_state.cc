#include "arbiter/home_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::arbiter {
namespace {

constexpr HashLabel kCloseDigestLabel("worldb.close.1");
// No CLOSE before the first record plus this part of the window, so that one very old stamp cannot
// shut the door on its rivals.
constexpr double kGuardRatio = 0.5;

// Never a candidate, never an injury: else whoever holds a frame back could be first for ever.
bool TooOld(const LogEntry& entry, const Stamp& stamp, const ContestRule& rule) {
  return stamp.midpoint < entry.reading.midpoint - rule.window_max;
}

bool MaySee(const Candidate& c, const ClosedVersion& w) {
  return c.seen >= w.id.version || c.stamp.Latest() >= w.closed_earliest;
}

absl::Duration Margin(const Stamp& a, const Stamp& b) {
  return absl::AbsDuration(a.midpoint - b.midpoint);
}

}  // namespace

HomeState::HomeState(DataCenterIndex home, ContestRule rule)
    : home_(home), rule_(rule), window_(rule.window_max) {}

absl::StatusOr<std::vector<Effect>> HomeState::Apply(LogIndex index, const LogEntry& entry) {
  WORLDB_CHECK(index == applied_.Next());
  std::vector<Effect> effects;
  if (entry.reading.quality != ClockQuality::kNone) {
    log_earliest_ = std::max(log_earliest_, entry.reading.Earliest());
  }
  for (const LogRecord& record : entry.records) {
    if (const auto* candidate = std::get_if<Candidate>(&record)) {
      ApplyRecord(entry, *candidate, effects);
    } else if (const auto* close = std::get_if<Close>(&record)) {
      WORLDB_RETURN_IF_ERROR(ApplyRecord(entry, *close, effects));
    } else if (const auto* level = std::get_if<LevelReached>(&record)) {
      ApplyRecord(*level, effects);
    } else {
      window_ = std::get<WindowChange>(record).window;
    }
  }
  for (const StreamCursor& cursor : entry.cursors) {
    FrameNumber& number = cursors_[{cursor.node, cursor.stream_epoch}];
    number = std::max(number, cursor.number);
  }
  applied_ = index;
  return effects;
}

std::optional<Refusal> HomeState::RefusalOf(const LogEntry& entry, const Candidate& c,
                                            const Key* key) const {
  const absl::Time named = OpIdTime(c.op);
  if (named < entry.reading.midpoint - rule_.op_memory ||
      named > entry.reading.midpoint + rule_.op_ahead_max) {
    return Refusal::kOpExpired;
  }
  const Version newest = key != nullptr ? key->Newest() : Version();
  if (c.base.kind == Base::Kind::kVersion && c.base.version > newest) return Refusal::kBadBase;
  return std::nullopt;
}

void HomeState::ApplyRecord(const LogEntry& entry, const Candidate& c,
                            std::vector<Effect>& effects) {
  if (const auto known = ops_.find(c.op); known != ops_.end()) {
    ApplyKnownOp(entry, c, known->second, effects);
    return;
  }
  const auto found = keys_.find(c.key_tag);
  const Key* present = found != keys_.end() ? &found->second : nullptr;
  if (const std::optional<Refusal> refusal = RefusalOf(entry, c, present)) {
    effects.push_back(OpRefused{c.op, c.stamp.node, *refusal,
                                present != nullptr ? present->Newest() : Version(),
                                c.stamp.number});
    effects.push_back(PayloadUnwanted{c.op, c.commitment});
    return;
  }
  Key& key = keys_[c.key_tag];
  OpRecord& op = ops_[c.op];
  op = {c.key_tag,       c.slot,  c.kind,       c.content_tag, c.commitment,
        c.payload_bytes, c.stamp, c.stamp.node, c.attempt > 0, {}};
  const Judgement judgement = Judge(entry, c, key);
  if (judgement.candidate) {
    JoinRound(entry, c, key, effects);
    return;
  }
  op.outcome = judgement.outcome;
  const RoundId round{c.key_tag, judgement.outcome.version};
  if (op.outcome.kind == OutcomeKind::kLateFirst) {
    ++late_first_count_;
    key.versions[round.version.value() - 1].fairness = Fairness::kRefuted;
  }
  effects.push_back(OpAccepted{c.op, op.ingress, round, c.stamp, false});
  effects.push_back(OpJudged{c.op, op.ingress, c.key_tag, op.outcome});
  effects.push_back(PayloadUnwanted{c.op, c.commitment});
}

// A retry, or the same frame through another road: the op is what it already is.
void HomeState::ApplyKnownOp(const LogEntry& entry, const Candidate& c, OpRecord& op,
                             std::vector<Effect>& effects) {
  // Only the payload recorded first is ever scattered; a repeat of it must not throw it away.
  const bool ended =
      op.outcome.kind != OutcomeKind::kPending && op.outcome.kind != OutcomeKind::kWon;
  const bool unwanted = ended || c.commitment != op.commitment;
  const bool tags_differ =
      op.content_tag.has_value() && c.content_tag.has_value() && *op.content_tag != *c.content_tag;
  if (tags_differ || op.key_tag != c.key_tag) {
    const ClosedVersion* newest = Newest(c.key_tag);
    effects.push_back(OpRefused{c.op, c.stamp.node, Refusal::kOpIdReused,
                                newest != nullptr ? newest->id.version : Version(),
                                c.stamp.number});
    if (unwanted) effects.push_back(PayloadUnwanted{c.op, c.commitment});
    return;
  }
  op.ingress = c.stamp.node;
  op.retried = op.retried || c.attempt > 0;
  if (unwanted) effects.push_back(PayloadUnwanted{c.op, c.commitment});
  Key& key = keys_[op.key_tag];
  if (op.outcome.kind != OutcomeKind::kPending) {
    effects.push_back(
        OpAccepted{c.op, op.ingress, {op.key_tag, op.outcome.version}, op.stamp, false});
    effects.push_back(OpJudged{c.op, op.ingress, op.key_tag, op.outcome});
    if (op.outcome.kind == OutcomeKind::kWon) {
      const ClosedVersion& won = key.versions[op.outcome.version.value() - 1];
      if (won.announced > Level::kDecided) {
        effects.push_back(LevelAnnounced{won.id, c.op, op.ingress, won.announced, won.held});
      }
    }
    return;
  }
  WORLDB_CHECK(key.round.has_value());
  Round& round = *key.round;
  const auto it = std::find_if(round.contenders.begin(), round.contenders.end(),
                               [&c](const Contender& other) { return other.op == c.op; });
  WORLDB_CHECK(it != round.contenders.end());
  const auto place = static_cast<std::size_t>(it - round.contenders.begin());
  const Rank rank = RankOf(c.stamp, c.key_tag, round.version, c.op);
  if (rank < it->rank && !TooOld(entry, c.stamp, rule_)) {
    it->rank = rank;
    it->stamp = c.stamp;
    op.stamp = c.stamp;
    if (place == round.leader) {
      Reschedule(c.key_tag, round);
    } else if (rank < round.contenders[round.leader].rank) {
      PutInFront(c.key_tag, round, place, effects);
    }
  }
  effects.push_back(
      OpAccepted{c.op, op.ingress, {c.key_tag, round.version}, op.stamp, place == round.leader});
}

HomeState::Judgement HomeState::Judge(const LogEntry& entry, const Candidate& c,
                                      const Key& key) const {
  const bool too_old = TooOld(entry, c.stamp, rule_);
  const Version newest = key.Newest();
  Judgement judgement;

  // The version it would have to beat, if that one is closed already.
  const ClosedVersion* against = nullptr;
  if (c.base.kind == Base::Kind::kNone) {
    // e(w) never falls, so what it may have seen comes first.
    const auto unseen = std::partition_point(key.versions.begin(), key.versions.end(),
                                             [&c](const ClosedVersion& w) { return MaySee(c, w); });
    if (unseen != key.versions.end()) against = &*unseen;
  } else {
    const Version base =
        c.base.kind == Base::Kind::kVersion ? c.base.version : key.newest_tombstone;
    const bool unseen_tombstone = c.base.kind == Base::Kind::kAbsent && base == newest &&
                                  newest != Version() && !MaySee(c, key.versions.back());
    if (base < newest) against = &key.versions[base.value()];
    if (unseen_tombstone || (against != nullptr && MaySee(c, *against))) {
      judgement.outcome = {OutcomeKind::kStale,  base.Next(), std::nullopt,
                           absl::ZeroDuration(), false,       newest};
      return judgement;
    }
  }

  if (against != nullptr) {
    judgement.outcome = LateAgainst(c, *against, !too_old);
    return judgement;
  }
  if (too_old) {
    judgement.outcome.kind = OutcomeKind::kLate;
    judgement.outcome.version = newest.Next();
    if (key.round.has_value()) {
      const Contender& leader = key.round->contenders[key.round->leader];
      judgement.outcome.rival = Rival{leader.op, leader.stamp};
      judgement.outcome.margin = Margin(c.stamp, leader.stamp);
    }
    return judgement;
  }
  judgement.candidate = true;
  return judgement;
}

Outcome HomeState::LateAgainst(const Candidate& c, const ClosedVersion& winner,
                               bool may_be_first) const {
  const Version version = winner.id.version;
  const bool first = may_be_first && RankOf(c.stamp, c.key_tag, version, c.op) <
                                         RankOf(winner.stamp, c.key_tag, version, winner.op);
  return {first ? OutcomeKind::kLateFirst : OutcomeKind::kLate,
          version,
          Rival{winner.op, winner.stamp},
          Margin(c.stamp, winner.stamp),
          false,
          Version()};
}

void HomeState::JoinRound(const LogEntry& entry, const Candidate& c, Key& key,
                          std::vector<Effect>& effects) {
  const bool opens = !key.round.has_value();
  if (opens) {
    key.round = Round();
    key.round->version = key.Newest().Next();
    key.round->first_record = entry.reading.midpoint;
    key.round->window = window_;
    key.round->due = absl::InfiniteFuture();
  }
  Round& round = *key.round;
  const Rank rank = RankOf(c.stamp, c.key_tag, round.version, c.op);
  round.contenders.push_back({c.op, c.stamp, rank});
  const std::size_t place = round.contenders.size() - 1;
  const bool leads = opens || rank < round.contenders[round.leader].rank;
  effects.push_back(OpAccepted{c.op, c.stamp.node, {c.key_tag, round.version}, c.stamp, leads});
  if (leads) {
    PutInFront(c.key_tag, round, place, effects);
  } else if (c.attempt == 0) {
    Lose(c.key_tag, round, place, effects);
  }
}

void HomeState::PutInFront(const KeyTag& key_tag, Round& round, std::size_t contender,
                           std::vector<Effect>& effects) {
  const std::size_t beaten = round.leader;
  round.leader = contender;
  if (beaten != contender && !ops_[round.contenders[beaten].op].retried) {
    Lose(key_tag, round, beaten, effects);
  }
  Reschedule(key_tag, round);
}

// The contender has a better one, the leader, on record.
void HomeState::Lose(const KeyTag& key_tag, const Round& round, std::size_t contender,
                     std::vector<Effect>& effects) {
  const Contender& loser = round.contenders[contender];
  const Contender& better = round.contenders[round.leader];
  OpRecord& op = ops_[loser.op];
  op.outcome = {OutcomeKind::kLost,
                round.version,
                Rival{better.op, better.stamp},
                Margin(loser.stamp, better.stamp),
                false,
                Version()};
  effects.push_back(OpJudged{loser.op, op.ingress, key_tag, op.outcome});
  effects.push_back(PayloadUnwanted{loser.op, op.commitment});
}

void HomeState::Reschedule(const KeyTag& key_tag, Round& round) {
  const RoundId id{key_tag, round.version};
  due_.erase({round.due, id});
  const absl::Time guarded = std::max(round.contenders[round.leader].stamp.midpoint + round.window,
                                      round.first_record + kGuardRatio * round.window);
  round.due = std::min(guarded, round.first_record + rule_.window_max);
  due_.insert({round.due, id});
}

absl::Time HomeState::NextDue() const {
  return due_.empty() ? absl::InfiniteFuture() : due_.begin()->first;
}

std::optional<Close> HomeState::CloseDue(absl::Time earliest) const {
  Close close;
  for (const auto& [due, id] : due_) {
    if (due > earliest || close.rounds.size() == kRoundsPerCloseMax) break;
    close.rounds.push_back(id);
  }
  if (close.rounds.empty()) return std::nullopt;
  close.digest = DigestOf(close.rounds);
  return close;
}

const HomeState::Round* HomeState::FindRound(const RoundId& id) const {
  const auto it = keys_.find(id.key_tag);
  if (it == keys_.end() || !it->second.round.has_value()) return nullptr;
  return it->second.round->version == id.version ? &*it->second.round : nullptr;
}

Hash256 HomeState::DigestOf(const std::vector<RoundId>& rounds) const {
  ByteWriter w(64 * rounds.size());
  for (const RoundId& id : rounds) {
    w.Raw(id.key_tag.span()).U64(id.version.value());
    if (const Round* round = FindRound(id)) {
      const Contender& winner = round->contenders[round->leader];
      w.Raw(winner.op.span()).I64(absl::ToUnixNanos(winner.stamp.midpoint));
      w.I64(absl::ToInt64Nanoseconds(winner.stamp.bound)).U8(winner.stamp.node.value());
    }
  }
  return LabelledHash(kCloseDigestLabel, w.span());
}

absl::Status HomeState::ApplyRecord(const LogEntry& entry, const Close& close,
                                    std::vector<Effect>& effects) {
  const Hash256 mine = DigestOf(close.rounds);
  if (mine != close.digest) {
    return absl::DataLossError(absl::StrCat(
        "accept log of data center ", home_.value(), ", entry ", applied_.Next().value(),
        ": CLOSE by node ", entry.author.value(), " names result ",
        close.digest.Hex().substr(0, 16), ", this replica computes ", mine.Hex().substr(0, 16),
        "; this replica stops; compare the states of the triad before starting it again"));
  }
  const absl::Time earliest =
      entry.reading.quality != ClockQuality::kNone ? entry.reading.Earliest() : log_earliest_;
  for (const RoundId& id : close.rounds) {
    if (FindRound(id) == nullptr) continue;
    CloseRound(id.key_tag, keys_[id.key_tag], earliest, effects);
  }
  return absl::OkStatus();
}

void HomeState::CloseRound(const KeyTag& key_tag, Key& key, absl::Time earliest,
                           std::vector<Effect>& effects) {
  const Round round = *std::move(key.round);
  key.round.reset();
  due_.erase({round.due, {key_tag, round.version}});

  const Contender& winner = round.contenders[round.leader];
  OpRecord& op = ops_[winner.op];
  op.outcome.kind = OutcomeKind::kWon;
  op.outcome.version = round.version;
  const Contender* runner_up = nullptr;
  for (const Contender& c : round.contenders) {
    if (&c == &winner) continue;
    if (runner_up == nullptr || c.rank < runner_up->rank) runner_up = &c;
    if (CompareStamps(winner.stamp, c.stamp) != StampOrder::kBefore) op.outcome.ambiguous = true;
  }
  if (runner_up != nullptr) {
    op.outcome.rival = Rival{runner_up->op, runner_up->stamp};
    op.outcome.margin = Margin(runner_up->stamp, winner.stamp);
  }

  ClosedVersion closed;
  closed.id = {key_tag, round.version};
  closed.slot = op.slot;
  closed.op = winner.op;
  closed.stamp = winner.stamp;
  closed.kind = op.kind;
  closed.commitment = op.commitment;
  closed.payload_bytes = op.payload_bytes;
  closed.closed_earliest =
      key.versions.empty() ? earliest : std::max(earliest, key.versions.back().closed_earliest);
  key.versions.push_back(closed);
  if (closed.kind == OpKind::kDelete) key.newest_tombstone = round.version;
  unsettled_.insert(closed.id);

  effects.push_back(OpJudged{winner.op, op.ingress, key_tag, op.outcome});
  for (std::size_t i = 0; i < round.contenders.size(); ++i) {
    if (ops_[round.contenders[i].op].outcome.kind == OutcomeKind::kPending) {
      Lose(key_tag, round, i, effects);
    }
  }
  effects.push_back(VersionDecided{closed.id});
}

void HomeState::ApplyRecord(const LevelReached& record, std::vector<Effect>& effects) {
  const auto it = keys_.find(record.version.key_tag);
  if (it == keys_.end()) return;
  Key& key = it->second;
  const Version version = record.version.version;
  if (version == Version() || version > key.Newest()) return;
  ClosedVersion& closed = key.versions[version.value() - 1];
  closed.held = closed.held | record.held;
  if (record.level <= closed.reached) return;
  closed.reached = record.level;
  if (record.level == Level::kFull) unsettled_.erase(closed.id);
  Announce(key, version, effects);
}

// HELD may be told at once; SAFE and FULL only when every earlier version of the key is SAFE.
void HomeState::Announce(Key& key, Version from, std::vector<Effect>& effects) {
  for (std::size_t i = from.value() - 1; i < key.versions.size(); ++i) {
    ClosedVersion& closed = key.versions[i];
    const bool earlier_safe = i == 0 || key.versions[i - 1].announced >= Level::kSafe;
    const Level level = earlier_safe ? closed.reached : std::min(closed.reached, Level::kHeld);
    if (level > closed.announced) {
      closed.announced = level;
      effects.push_back(
          LevelAnnounced{closed.id, closed.op, ops_[closed.op].ingress, level, closed.held});
    }
    if (closed.announced < Level::kSafe) break;
  }
}

const OpRecord* HomeState::FindOp(const OpId& op) const {
  const auto it = ops_.find(op);
  return it == ops_.end() ? nullptr : &it->second;
}

const ClosedVersion* HomeState::FindVersion(const RoundId& id) const {
  const auto it = keys_.find(id.key_tag);
  if (it == keys_.end() || id.version == Version() || id.version > it->second.Newest()) {
    return nullptr;
  }
  return &it->second.versions[id.version.value() - 1];
}

const ClosedVersion* HomeState::Newest(const KeyTag& key_tag) const {
  const auto it = keys_.find(key_tag);
  if (it == keys_.end() || it->second.versions.empty()) return nullptr;
  return &it->second.versions.back();
}

Level HomeState::LevelOf(const OpRecord& op) const {
  if (op.outcome.kind == OutcomeKind::kPending) return Level::kAccepted;
  if (op.outcome.kind != OutcomeKind::kWon) return Level::kDecided;
  return FindVersion({op.key_tag, op.outcome.version})->announced;
}

FrameNumber HomeState::Cursor(NodeIndex node, StreamEpoch epoch) const {
  const auto it = cursors_.find({node, epoch});
  return it == cursors_.end() ? FrameNumber() : it->second;
}

}  // namespace worldb::arbiter
