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

// Never a candidate: else whoever holds a frame back could be first for ever.
bool TooOld(const LogEntry& entry, const Stamp& stamp, const ContestRule& rule) {
  return stamp.midpoint < entry.reading.midpoint - rule.window_max;
}

// e(w) lies ahead of the time w is compared at: its closer's clock was ahead, and says nothing of who
// may have seen w.
bool ClosedAhead(const LogEntry& entry, const ClosedVersion& w) {
  return entry.reading.quality != ClockQuality::kNone && w.closed_earliest > entry.reading.Latest();
}

bool MaySeeByItsStamp(const Candidate& c, const ClosedVersion& w) {
  return c.seen >= w.id.version || c.stamp.Latest() >= w.closed_earliest;
}
bool MaySee(const LogEntry& entry, const Candidate& c, const ClosedVersion& w) {
  return MaySeeByItsStamp(c, w) || ClosedAhead(entry, w);
}

absl::Duration Margin(const Stamp& a, const Stamp& b) {
  return absl::AbsDuration(a.midpoint - b.midpoint);
}

// The one before it that is not VOID was told in order itself: it speaks for all before it.
bool EarlierIsSafe(const VersionLine& versions, Version version) {
  Version before(version.value() - 1);
  while (versions.Has(before) && versions.At(before).outcome == OutcomeKind::kVoid) {
    before = Version(before.value() - 1);
  }
  return !versions.Has(before) || versions.At(before).announced >= Level::kSafe;
}

}  // namespace

HomeState::HomeState(DataCenterIndex home, ContestRule rule)
    : home_(home), rule_(rule), window_(rule.window_max) {}

absl::StatusOr<std::vector<Effect>> HomeState::Apply(LogIndex index, const LogEntry& entry) {
  WORLDB_CHECK(index == applied_.Next() && !restored_header_.has_value());
  applying_ = index;
  std::vector<Effect> effects;
  if (entry.reading.quality != ClockQuality::kNone) {
    // A reading that lies wholly before it shows that it was raised by a clock that ran ahead.
    const bool refuted = entry.reading.Latest() < log_earliest_;
    log_earliest_ =
        refuted ? entry.reading.Earliest() : std::max(log_earliest_, entry.reading.Earliest());
  }
  for (const LogRecord& record : entry.records) {
    if (const auto* candidate = std::get_if<Candidate>(&record)) {
      ApplyRecord(entry, *candidate, effects);
    } else if (const auto* close = std::get_if<Close>(&record)) {
      WORLDB_RETURN_IF_ERROR(ApplyRecord(entry, *close, effects));
    } else if (const auto* level = std::get_if<LevelReached>(&record)) {
      ApplyRecord(*level, effects);
    } else if (const auto* window = std::get_if<WindowChange>(&record)) {
      window_ = window->window;
    } else if (const auto* missing = std::get_if<ShareLost>(&record)) {
      ApplyRecord(*missing);
    } else if (const auto* lost = std::get_if<VersionVoid>(&record)) {
      ApplyRecord(*lost, effects);
    } else if (const auto* outage = std::get_if<OutageChange>(&record)) {
      ApplyRecord(*outage, effects);
    } else if (const auto* restaged = std::get_if<Restaged>(&record)) {
      ApplyRecord(*restaged);
    } else {
      WORLDB_RETURN_IF_ERROR(ApplyRecord(std::get<StateSum>(record)));
    }
  }
  for (const StreamCursor& cursor : entry.cursors) {
    FrameNumber& number = cursors_[{cursor.node, cursor.stream_epoch}];
    number = std::max(number, cursor.number);
  }
  applied_ = index;
  if (entry.checkpoint) effects.push_back(CheckpointMade{MakeCheckpoint(entry.reading)});
  return effects;
}

std::optional<Refusal> HomeState::RefusalOf(const LogEntry& entry, const Candidate& c,
                                            const Key* key) const {
  const absl::Time named = OpIdTime(c.op);
  // An estimate lies at or before true time: it shows what is too old, not what is ahead.
  const bool ahead = entry.reading.quality != ClockQuality::kNone &&
                     named > entry.reading.midpoint + rule_.op_ahead_max;
  if (ahead || named < entry.reading.midpoint - rule_.op_memory || named < forgotten_until_) {
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
  op = {.key_tag = c.key_tag,
        .slot = c.slot,
        .kind = c.kind,
        .content_tag = c.content_tag,
        .commitment = c.commitment,
        .script = c.script,
        .payload_bytes = c.payload_bytes,
        .staged = c.staged,
        .stamp = c.stamp,
        .ingress = c.stamp.node,
        .retried = c.attempt > 0,
        .outcome = {},
        .row_sum = {}};
  touched_ops_.insert(c.op);
  const Judgement judgement = Judge(entry, c, key);
  if (judgement.candidate) {
    JoinRound(entry, c, key, effects);
    return;
  }
  op.outcome = judgement.outcome;
  const RoundId round{c.key_tag, judgement.outcome.version};
  if (op.outcome.kind == OutcomeKind::kLateFirst) {
    ++late_first_count_;
    key.versions.At(round.version).fairness = Fairness::kRefuted;
    Touch(round);
  }
  effects.push_back(OpAccepted{c.op, op.ingress, round, c.stamp, false, op.identity()});
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
  if (!op.identity().IsSameOpAs({c.key_tag, c.kind, c.content_tag})) {
    const ClosedVersion* newest = Newest(c.key_tag);
    effects.push_back(OpRefused{c.op, c.stamp.node, Refusal::kOpIdReused,
                                newest != nullptr ? newest->id.version : Version(),
                                c.stamp.number});
    if (unwanted) effects.push_back(PayloadUnwanted{c.op, c.commitment});
    return;
  }
  op.ingress = c.stamp.node;
  op.retried = op.retried || c.attempt > 0;
  if (c.commitment == op.commitment) op.staged = op.staged | c.staged;
  touched_ops_.insert(c.op);
  if (unwanted) effects.push_back(PayloadUnwanted{c.op, c.commitment});
  Key& key = keys_[op.key_tag];
  if (op.outcome.kind != OutcomeKind::kPending) {
    effects.push_back(OpAccepted{
        c.op, op.ingress, {op.key_tag, op.outcome.version}, op.stamp, false, op.identity()});
    effects.push_back(OpJudged{c.op, op.ingress, op.key_tag, op.outcome});
    if (op.outcome.kind == OutcomeKind::kWon) {
      ClosedVersion& won = key.versions.At(op.outcome.version);
      won.staged = won.staged | op.staged;
      Touch(won.id);
      if (won.level() > Level::kDecided) {
        effects.push_back(LevelAnnounced{won.id, c.op, op.ingress, won.level(), won.held});
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
  touched_rounds_.insert(c.key_tag);
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
  effects.push_back(OpAccepted{c.op,
                               op.ingress,
                               {c.key_tag, round.version},
                               op.stamp,
                               place == round.leader,
                               op.identity()});
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
    const std::span<const ClosedVersion> closed = key.versions.span();
    const auto unseen =
        std::partition_point(closed.begin(), closed.end(),
                             [&c](const ClosedVersion& w) { return MaySeeByItsStamp(c, w); });
    // One that was closed ahead is followed by such alone.
    if (unseen != closed.end() && !ClosedAhead(entry, *unseen)) against = &*unseen;
  } else {
    const bool absent = c.base.kind == Base::Kind::kAbsent;
    const Version base = absent ? AbsenceFor(entry, c, key) : c.base.version;
    const bool unseen_absence = absent && key.newest_absent == newest && key.versions.Has(base) &&
                                !MaySee(entry, c, key.versions.At(base));
    against = key.versions.FirstAbove(base);
    if (unseen_absence || (against != nullptr && MaySee(entry, c, *against))) {
      judgement.outcome = {OutcomeKind::kStale,  base.Next(), std::nullopt,
                           absl::ZeroDuration(), false,       newest};
      return judgement;
    }
  }

  if (against != nullptr) {
    judgement.outcome = LateAgainst(c, *against);
    return judgement;
  }
  if (too_old) {
    judgement.outcome.kind = OutcomeKind::kLate;
    judgement.outcome.version = newest.Next();
    return judgement;
  }
  judgement.candidate = true;
  return judgement;
}

// A VOID version on top of an absence took nothing away: whoever cannot have seen it meant the absence
// below, and competed with it.
Version HomeState::AbsenceFor(const LogEntry& entry, const Candidate& c, const Key& key) {
  Version base = key.newest_absent;
  while (key.versions.Has(base)) {
    const ClosedVersion& closed = key.versions.At(base);
    if (closed.outcome != OutcomeKind::kVoid || MaySee(entry, c, closed)) break;
    base = Version(base.value() - 1);
  }
  return base;
}

Outcome HomeState::LateAgainst(const Candidate& c, const ClosedVersion& winner) const {
  const Version version = winner.id.version;
  const bool first = RankOf(c.stamp, c.key_tag, version, c.op) <
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
  touched_rounds_.insert(c.key_tag);
  const Rank rank = RankOf(c.stamp, c.key_tag, round.version, c.op);
  round.contenders.push_back({c.op, c.stamp, rank});
  const std::size_t place = round.contenders.size() - 1;
  const bool leads = opens || rank < round.contenders[round.leader].rank;
  effects.push_back(OpAccepted{c.op,
                               c.stamp.node,
                               {c.key_tag, round.version},
                               c.stamp,
                               leads,
                               {c.key_tag, c.kind, c.content_tag}});
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
  touched_ops_.insert(loser.op);
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

absl::Time HomeState::LastDue() const {
  return due_.empty() ? absl::InfinitePast() : due_.rbegin()->first;
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
  touched_rounds_.insert(key_tag);

  const Contender& winner = round.contenders[round.leader];
  OpRecord& op = ops_[winner.op];
  op.outcome.kind = OutcomeKind::kWon;
  op.outcome.version = round.version;
  touched_ops_.insert(winner.op);
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
  closed.script = op.script;
  closed.payload_bytes = op.payload_bytes;
  closed.staged = op.staged;
  const ClosedVersion* before = key.versions.Find(key.Newest());
  closed.closed_earliest =
      before != nullptr ? std::max(earliest, before->closed_earliest) : earliest;
  key.versions.Push(closed);
  if (closed.kind == OpKind::kDelete) key.newest_absent = round.version;
  unsettled_.insert(closed.id);
  Touch(closed.id);

  effects.push_back(OpJudged{winner.op, op.ingress, key_tag, op.outcome});
  for (std::size_t i = 0; i < round.contenders.size(); ++i) {
    if (ops_[round.contenders[i].op].outcome.kind == OutcomeKind::kPending) {
      Lose(key_tag, round, i, effects);
    }
  }
  effects.push_back(VersionDecided{closed.id});
}

ClosedVersion* HomeState::FindWon(const RoundId& id) {
  const auto it = keys_.find(id.key_tag);
  ClosedVersion* closed = it != keys_.end() ? it->second.versions.Find(id.version) : nullptr;
  return closed != nullptr && closed->outcome == OutcomeKind::kWon ? closed : nullptr;
}

void HomeState::ApplyRecord(const LevelReached& record, std::vector<Effect>& effects) {
  ClosedVersion* closed = FindWon(record.version);
  if (closed == nullptr) return;
  closed->held = closed->held | record.held;
  Touch(closed->id);
  const Level level = closed->held == NodeSet::All() ? Level::kFull : record.level;
  if (level <= closed->reached) return;
  closed->reached = level;
  if (level == Level::kFull) {
    closed->settled = true;
    unsettled_.erase(closed->id);
    incomplete_.erase(closed->id);
  }
  Key& key = keys_[record.version.key_tag];
  Announce(key, record.version.version, effects);
  MakeVisible(key, effects);
}

void HomeState::ApplyRecord(const ShareLost& record) {
  ClosedVersion* closed = FindWon(record.version);
  if (closed == nullptr || (closed->held & record.lost).empty()) return;
  closed->held = closed->held.Minus(record.lost);
  Touch(closed->id);
  if (closed->settled) incomplete_.insert(closed->id);
  closed->reached = std::min(closed->reached, record.level);
}

// What was HELD can be read: it is never given up.
void HomeState::ApplyRecord(const VersionVoid& record, std::vector<Effect>& effects) {
  ClosedVersion* closed = FindWon(record.version);
  if (closed == nullptr || closed->announced >= Level::kHeld) return;
  closed->outcome = OutcomeKind::kVoid;
  unsettled_.erase(closed->id);
  Touch(closed->id);
  if (const auto it = ops_.find(closed->op); it != ops_.end()) {
    it->second.outcome.kind = OutcomeKind::kVoid;
    touched_ops_.insert(closed->op);
    effects.push_back(
        OpJudged{closed->op, it->second.ingress, closed->id.key_tag, it->second.outcome});
  }
  effects.push_back(PayloadUnwanted{closed->op, closed->commitment});
  Key& key = keys_[record.version.key_tag];
  key.newest_absent = NewestAbsent(key.versions);
  Announce(key, record.version.version, effects);
  MakeVisible(key, effects);
}

void HomeState::ApplyRecord(const OutageChange& record, std::vector<Effect>& effects) {
  const bool changed =
      record.out ? out_.insert(record.data_center).second : out_.erase(record.data_center) != 0;
  if (!changed) return;
  effects.push_back(OutageChanged{record.data_center, record.out});
  // What is HELD may be read from here on.
  const std::set<RoundId> below_full = unsettled_;
  for (const RoundId& id : below_full) MakeVisible(keys_[id.key_tag], effects);
}

void HomeState::ApplyRecord(const Restaged& record) {
  ClosedVersion* closed = FindWon(record.version);
  if (closed == nullptr) return;
  closed->staged = closed->staged | record.staged;
  Touch(closed->id);
}

absl::Status HomeState::ApplyRecord(const StateSum& record) const {
  if (record.at != checkpoint_.at || record.sum == checkpoint_.sum) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "accept log of data center ", home_.value(), ": the state after entry ", record.at.value(),
      " should have the sum ", record.sum.Hex(), " and has ", checkpoint_.sum.Hex(),
      " here; this replica stops; compare the states of the triad before starting it again"));
}

NodeIndex HomeState::IngressOf(const ClosedVersion& closed) const {
  const auto op = ops_.find(closed.op);
  return op != ops_.end() ? op->second.ingress : closed.stamp.node;
}

// HELD may be told at once; SAFE and FULL only when every earlier version of the key is SAFE or VOID.
void HomeState::Announce(Key& key, Version from, std::vector<Effect>& effects) {
  for (Version version = from; key.versions.Has(version); version = version.Next()) {
    ClosedVersion& closed = key.versions.At(version);
    if (closed.outcome == OutcomeKind::kVoid) continue;
    const Level level = EarlierIsSafe(key.versions, version)
                            ? closed.reached
                            : std::min(closed.reached, Level::kHeld);
    if (level > closed.announced) {
      closed.announced = level;
      Touch(closed.id);
      effects.push_back(
          LevelAnnounced{closed.id, closed.op, IngressOf(closed), level, closed.held});
    }
    if (closed.announced < Level::kSafe) break;
  }
}

void HomeState::MakeVisible(Key& key, std::vector<Effect>& effects) {
  const Level enough = out_.empty() ? Level::kSafe : Level::kHeld;
  for (; key.versions.Has(key.told.Next()); key.told = key.told.Next()) {
    ClosedVersion& closed = key.versions.At(key.told.Next());
    if (closed.outcome == OutcomeKind::kVoid) continue;
    if (closed.announced < enough) break;
    closed.visible_at = applying_;
    Touch(closed.id);
    effects.push_back(VersionVisible{closed.id});
  }
}

Version HomeState::NewestAbsent(const VersionLine& versions) {
  Version newest;
  for (const ClosedVersion& closed : versions.span()) {
    const bool absent = closed.outcome == OutcomeKind::kVoid ? newest.Next() == closed.id.version
                                                             : closed.kind == OpKind::kDelete;
    if (absent) newest = closed.id.version;
  }
  return newest;
}

const OpRecord* HomeState::FindOp(const OpId& op) const {
  const auto it = ops_.find(op);
  return it == ops_.end() ? nullptr : &it->second;
}

const ClosedVersion* HomeState::FindVersion(const RoundId& id) const {
  const auto it = keys_.find(id.key_tag);
  return it != keys_.end() ? it->second.versions.Find(id.version) : nullptr;
}

const ClosedVersion* HomeState::Newest(const KeyTag& key_tag) const {
  const auto it = keys_.find(key_tag);
  return it != keys_.end() ? it->second.versions.Find(it->second.Newest()) : nullptr;
}

std::span<const ClosedVersion> HomeState::Versions(const KeyTag& key_tag) const {
  const auto it = keys_.find(key_tag);
  if (it == keys_.end()) return {};
  return it->second.versions.span();
}

std::vector<RoundId> HomeState::VisibleSince(LogIndex index) const {
  std::vector<std::pair<LogIndex, RoundId>> found;
  for (const auto& [tag, key] : keys_) {
    // In version order it never falls; VOID versions have none.
    const std::span<const ClosedVersion> closed = key.versions.span();
    for (auto it = closed.rbegin(); it != closed.rend(); ++it) {
      if (it->visible_at > index) found.emplace_back(it->visible_at, it->id);
      if (it->visible_at != LogIndex() && it->visible_at <= index) break;
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<RoundId> ids;
  ids.reserve(found.size());
  for (const auto& [at, id] : found) ids.push_back(id);
  return ids;
}

Level HomeState::LevelOf(const OpRecord& op) const {
  if (op.outcome.kind == OutcomeKind::kPending) return Level::kAccepted;
  if (op.outcome.kind != OutcomeKind::kWon) return Level::kDecided;
  return FindVersion({op.key_tag, op.outcome.version})->level();
}

FrameNumber HomeState::Cursor(NodeIndex node, StreamEpoch epoch) const {
  const auto it = cursors_.find({node, epoch});
  return it == cursors_.end() ? FrameNumber() : it->second;
}

StreamEpoch HomeState::NewestStreamEpoch(NodeIndex node) const {
  const auto behind = cursors_.upper_bound({node, StreamEpoch(~std::uint64_t{0})});
  if (behind == cursors_.begin()) return StreamEpoch();
  const auto& [newest_node, epoch] = std::prev(behind)->first;
  return newest_node == node ? epoch : StreamEpoch();
}

}  // namespace worldb::arbiter
