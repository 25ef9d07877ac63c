#include "tests/support/contest_history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "tests/support/effect_text.h"

namespace worldb::testing {

using arbiter::Base;
using arbiter::Candidate;
using arbiter::Close;
using arbiter::ClosedVersion;
using arbiter::ContestRule;
using arbiter::Effect;
using arbiter::Fairness;
using arbiter::HomeState;
using arbiter::Level;
using arbiter::LevelReached;
using arbiter::LogEntry;
using arbiter::OpRecord;
using arbiter::Outcome;
using arbiter::OutcomeKind;
using arbiter::RoundId;
using arbiter::Stamp;

namespace {

// 2025-01-01 00:00:00 UTC.
const absl::Time kZero = absl::FromUnixSeconds(1735689600);

ContestRule DrawRule(Choices& choices) {
  ContestRule rule;
  if (choices.OneIn(2)) rule.window_max = absl::Milliseconds(120);
  if (choices.OneIn(2)) rule.op_memory = absl::Milliseconds(choices.OneIn(2) ? 300 : 40);
  if (choices.OneIn(3)) rule.op_ahead_max = absl::Milliseconds(50);
  return rule;
}

// The ids a record begins with tell them apart; the rest is zero, or one byte for bytewise order.
template <typename Id>
Id NumberedId(std::uint64_t number) {
  Id id;
  for (int i = 0; i < 8; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)));
  return id;
}

std::string Show(const Effect& effect) {
  EffectNames names;
  names.zero = kZero;
  return FormatEffect(effect, names);
}

std::string ShowOutcome(const OpId& op, const Outcome& o) {
  return Show(arbiter::OpJudged{op, NodeIndex(), KeyTag(), o});
}

// Effects of one op, or of one key's versions, in their order; different ones, and payloads, side
// by side.
std::map<Bytes, std::vector<Bytes>> Grouped(const std::vector<Effect>& effects) {
  std::map<Bytes, std::vector<Bytes>> groups;
  for (const Effect& effect : effects) {
    Bytes about;
    if (const auto* e = std::get_if<arbiter::OpAccepted>(&effect)) about = ToBytes(e->op.span());
    if (const auto* e = std::get_if<arbiter::OpJudged>(&effect)) about = ToBytes(e->op.span());
    if (const auto* e = std::get_if<arbiter::OpRefused>(&effect)) about = ToBytes(e->op.span());
    if (const auto* e = std::get_if<arbiter::PayloadUnwanted>(&effect)) {
      about = ToBytes(e->commitment.span());
    }
    if (const auto* e = std::get_if<arbiter::VersionDecided>(&effect)) {
      about = ToBytes(e->id.key_tag.span());
    }
    if (const auto* e = std::get_if<arbiter::LevelAnnounced>(&effect)) {
      about = ToBytes(e->id.key_tag.span());
    }
    if (const auto* e = std::get_if<arbiter::VersionVisible>(&effect)) {
      about = ToBytes(e->id.key_tag.span());
    }
    // Made of rows the oracle does not have.
    if (std::holds_alternative<arbiter::CheckpointMade>(effect)) continue;
    groups[about].push_back(EncodeEffect(effect));
  }
  return groups;
}

bool SameVersion(const ClosedVersion& a, const ClosedVersion& b) {
  return a.id == b.id && a.slot == b.slot && a.kind == b.kind && a.op == b.op &&
         a.stamp == b.stamp && a.commitment == b.commitment && a.script == b.script &&
         a.payload_bytes == b.payload_bytes && a.staged == b.staged &&
         a.closed_earliest == b.closed_earliest && a.outcome == b.outcome &&
         a.reached == b.reached && a.announced == b.announced && a.held == b.held &&
         a.settled == b.settled && a.fairness == b.fairness && a.visible_at == b.visible_at &&
         a.row_sum == b.row_sum;
}

bool SameOp(const OpRecord& a, const OpRecord& b) {
  return a.key_tag == b.key_tag && a.slot == b.slot && a.kind == b.kind &&
         a.content_tag == b.content_tag && a.commitment == b.commitment && a.script == b.script &&
         a.payload_bytes == b.payload_bytes && a.staged == b.staged && a.stamp == b.stamp &&
         a.ingress == b.ingress && a.retried == b.retried && a.outcome == b.outcome &&
         a.row_sum == b.row_sum;
}

// Of docs/checkpoint-format.md: where a version row says whether its winner follows.
constexpr std::size_t kWonFlagAt = 150;

std::string OpRowKey(const OpId& op) { return absl::StrCat("o", AsText(op.span())); }

bool EndsInAVersion(const OpRecord& op) {
  return op.outcome.kind == OutcomeKind::kWon || op.outcome.kind == OutcomeKind::kVoid;
}

// Every row's hash cut to two words, added word by word; the header without its last 16 bytes.
Hash128 SumOf(const CheckpointRows& rows) {
  std::uint64_t words[2] = {};
  for (const auto& [key, value] : rows) {
    ByteWriter w;
    w.U32(static_cast<std::uint32_t>(key.size())).Raw(AsBytes(key));
    w.Raw(ByteSpan(value).first(value.size() - (key == "h" ? Hash128::kBytes : 0)));
    const Hash256 hash = LabelledHash(HashLabel("worldb.row.1"), w.span());
    for (int i = 0; i < 16; ++i) {
      words[i / 8] += std::uint64_t{hash.bytes[static_cast<std::size_t>(i)]} << (8 * (i % 8));
    }
  }
  Hash128 sum;
  for (int i = 0; i < 16; ++i) {
    sum.bytes[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(words[i / 8] >> (8 * (i % 8)));
  }
  return sum;
}

}  // namespace

std::string ApplyCheckpoint(const arbiter::Checkpoint& checkpoint, CheckpointRows& rows) {
  const std::string* before = nullptr;
  for (const arbiter::CheckpointRow& row : checkpoint.rows) {
    if (before != nullptr && *before >= row.key) return "rows are not in the order of their keys";
    before = &row.key;
    if (row.value.has_value()) {
      rows[row.key] = *row.value;
    } else if (rows.erase(row.key) == 0) {
      return "a row goes that was never written";
    }
  }
  if (!rows.contains("h")) return "no header";
  if (SumOf(rows) != checkpoint.sum) return "the rows do not add up to the sum";
  return "";
}

absl::StatusOr<HomeState> RestoreHome(DataCenterIndex home, const ContestRule& rule,
                                      const CheckpointRows& rows) {
  HomeState state(home, rule);
  for (const auto& [key, value] : rows) {
    WORLDB_RETURN_IF_ERROR(state.RestoreRow(key, value));
  }
  WORLDB_RETURN_IF_ERROR(state.FinishRestore());
  return state;
}

std::uint64_t ByteChoices::Below(std::uint64_t count) {
  std::uint64_t value = 0;
  for (int i = 0; i < 2 && at_ < bytes_.size(); ++i)
    value |= std::uint64_t{bytes_[at_++]} << (8 * i);
  return value % count;
}

ContestHistory::ContestHistory(Choices& choices, HistoryCounts& counts)
    : choices_(choices),
      counts_(counts),
      rule_(DrawRule(choices)),
      state_(DataCenterIndex(1), rule_),
      replica_(DataCenterIndex(1), rule_),
      oracle_(rule_),
      now_(kZero),
      bound_(absl::Milliseconds(choices.Between(0, 4))) {
  const std::int64_t key_count = choices.Between(1, 3);
  for (std::int64_t i = 0; i < key_count; ++i) {
    keys_.push_back(NumberedId<KeyTag>(choices.Below(1000) * 8 + static_cast<std::uint64_t>(i)));
  }
}

void ContestHistory::MoveClock() {
  switch (choices_.Below(12)) {
    case 0:
      now_ -= absl::Milliseconds(choices_.Between(1, 40));
      break;
    case 1:
      now_ += rule_.window_max + absl::Milliseconds(choices_.Between(-2, 30));
      break;
    case 2:
      break;
    default:
      now_ += absl::Milliseconds(choices_.Between(1, 30));
  }
  if (choices_.OneIn(8)) bound_ = absl::Milliseconds(choices_.Between(0, 12));
}

Stamp ContestHistory::MakeStamp() {
  Stamp s;
  // A coarse grid, so that midpoints meet; odd nanoseconds now and then, so that halves round.
  std::int64_t delay = 5 * choices_.Between(-3, 12);
  if (choices_.OneIn(12)) delay += absl::ToInt64Milliseconds(rule_.window_max) - 20;
  if (choices_.OneIn(40)) delay += 100000;
  const absl::Time grid = absl::FromUnixMillis(absl::ToUnixMillis(now_) / 5 * 5);
  s.midpoint = grid - absl::Milliseconds(delay);
  // Just at the edge of what is too old, against the clock in force.
  if (choices_.OneIn(24)) {
    s.midpoint = now_ - rule_.window_max + absl::Nanoseconds(choices_.Between(-1, 1));
  }
  if (choices_.OneIn(8)) s.midpoint += absl::Nanoseconds(choices_.Between(-2, 2));
  static constexpr int kBounds[] = {0, 1, 5, 10, 20, 60};
  s.bound = absl::Milliseconds(kBounds[choices_.Below(6)]);
  s.node = NodeAt(static_cast<int>(choices_.OneIn(3) ? choices_.Below(9) : choices_.Below(3)));
  s.stream_epoch = StreamEpoch(1 + choices_.Below(2));
  s.number = FrameNumber(++frame_number_);
  return s;
}

OpId ContestHistory::MakeOp() {
  absl::Time named = now_ - absl::Milliseconds(choices_.Between(0, 60));
  if (choices_.OneIn(20)) {
    named = now_ - rule_.op_memory + absl::Milliseconds(choices_.Between(-20, 20));
  }
  if (choices_.OneIn(20)) {
    named = now_ + rule_.op_ahead_max + absl::Milliseconds(choices_.Between(-20, 20));
  }
  OpId op = NumberedId<OpId>(0);
  const auto millis = static_cast<std::uint64_t>(absl::ToUnixMillis(named));
  for (int i = 0; i < 6; ++i) op.bytes[i] = static_cast<std::uint8_t>(millis >> (8 * (5 - i)));
  op.bytes[6] = 0x70;
  op.bytes[8] = 0x80;
  op.bytes[9] = static_cast<std::uint8_t>(choices_.Below(256));
  op.bytes[15] = static_cast<std::uint8_t>(++op_number_);
  op.bytes[14] = static_cast<std::uint8_t>(op_number_ >> 8);
  return op;
}

Candidate ContestHistory::MakeCandidate() {
  // An attempt of a known op, with the same or other content, or a new op.
  if (!intents_.empty() && choices_.OneIn(3)) {
    const bool recent = choices_.OneIn(2);
    const std::size_t from = recent && intents_.size() > 4 ? intents_.size() - 4 : 0;
    Intent& intent = intents_[from + choices_.Below(intents_.size() - from)];
    Candidate c = intent.candidate;
    c.stamp = MakeStamp();
    if (!choices_.OneIn(4)) c.attempt = ++intent.attempts;
    if (choices_.OneIn(2)) c.commitment = NumberedId<CommitmentId>(++payload_number_);
    c.staged = PickNodes();
    switch (choices_.Below(12)) {
      case 0:
        c.content_tag = NumberedId<ContentTag>(1 + choices_.Below(2));
        break;
      case 1:
        c.content_tag.reset();
        break;
      case 2:
        c.base = Base{Base::Kind::kVersion, Version(choices_.Below(8))};
        break;
      case 3:
        c.seen = Version(choices_.Below(5));
        break;
      case 4:
        c.payload_bytes += 1;
        c.kind = arbiter::OpKind::kDelete;
        c.script.bytes[0] = 9;
        break;
      case 5:
        c.key_tag = keys_[choices_.Below(keys_.size())];
        break;
      default:
        break;
    }
    return c;
  }
  Candidate c;
  c.op = MakeOp();
  c.key_tag = keys_[choices_.Below(keys_.size())];
  c.slot = Slot(static_cast<std::uint16_t>(c.key_tag.bytes[7]));
  c.kind = choices_.OneIn(4) ? arbiter::OpKind::kDelete : arbiter::OpKind::kSet;
  const std::uint64_t newest = oracle_.Newest(c.key_tag).value();
  switch (choices_.Below(8)) {
    case 0:
    case 1:
      c.base = {Base::Kind::kAbsent, Version()};
      break;
    case 2:
      c.base = {Base::Kind::kVersion, Version(newest)};
      break;
    case 3:
      c.base = {Base::Kind::kVersion, Version(choices_.Below(newest + 2))};
      break;
    default:
      break;
  }
  if (choices_.OneIn(4)) c.seen = Version(choices_.Below(newest + 2));
  c.stamp = MakeStamp();
  if (choices_.OneIn(6)) c.attempt = 1;
  c.commitment = NumberedId<CommitmentId>(++payload_number_);
  if (choices_.OneIn(2)) c.content_tag = NumberedId<ContentTag>(choices_.Below(3));
  c.payload_bytes = choices_.Below(100);
  c.script = NumberedId<ScriptId>(choices_.Below(3));
  c.staged = PickNodes();
  intents_.push_back({c, c.attempt});
  return c;
}

RoundId ContestHistory::PickVersion() {
  if (oracle_.endings().empty() || choices_.OneIn(12)) {  // a version that does not exist yet
    return {keys_[0], oracle_.Newest(keys_[0]).Next()};
  }
  return oracle_.endings()[choices_.Below(oracle_.endings().size())].id;
}

NodeSet ContestHistory::PickNodes() {
  return NodeSet::FromBits(static_cast<std::uint32_t>(choices_.Below(NodeSet::kSubsetCount)));
}

LevelReached ContestHistory::MakeLevel() {
  LevelReached l;
  l.version = PickVersion();
  // Sets that grow with the level, so that all nine hold it exactly from FULL on.
  static constexpr std::uint32_t kHeldBits[] = {0b000'010'011, 0b010'011'011, 0b111'111'111};
  const std::uint64_t step = choices_.Below(3);
  l.level = static_cast<Level>(static_cast<int>(Level::kHeld) + static_cast<int>(step));
  l.held = NodeSet::FromBits(kHeldBits[step]);
  return l;
}

// Of the newest checkpoint with its sum, or of any other entry with any sum: nobody can tell.
arbiter::StateSum ContestHistory::MakeStateSum() {
  arbiter::StateSum sum = state_.checkpoint();
  if (choices_.OneIn(3)) {
    sum.at = LogIndex(sum.at.value() + 1 + choices_.Below(3));
    sum.sum.bytes[0] ^= 1;
  }
  return sum;
}

arbiter::LogRecord ContestHistory::MakeRecord() {
  switch (choices_.Below(16)) {
    case 0:
    case 1:
    case 2:
      return MakeLevel();
    case 3: {
      static constexpr int kWindows[] = {20, 30, 45, 100, 3000};
      return arbiter::WindowChange{absl::Milliseconds(kWindows[choices_.Below(5)]) +
                                   absl::Nanoseconds(choices_.Below(2))};
    }
    case 4: {
      const RoundId id = PickVersion();
      return arbiter::VersionVoid{id, PickNodes()};
    }
    case 5: {
      const auto dc = static_cast<int>(choices_.Below(2));
      return arbiter::OutageChange{DataCenterAt(dc), choices_.OneIn(2)};
    }
    case 6: {
      const RoundId id = PickVersion();
      return arbiter::Restaged{id, PickNodes()};
    }
    case 7:
      return MakeStateSum();
    case 8: {
      const RoundId id = PickVersion();
      losses_.insert(id);
      return arbiter::ShareLost{id, PickNodes(), static_cast<Level>(1 + choices_.Below(3))};
    }
    default:
      return MakeCandidate();
  }
}

LogEntry ContestHistory::MakeEntry() {
  MoveClock();
  LogEntry entry;
  entry.author = NodeAt(3 + static_cast<int>(choices_.Below(3)));
  entry.author_number = ++entry_number_;
  entry.log_epoch = LogEpoch(1);
  entry.reading = {now_, bound_, arbiter::ClockQuality::kSynchronised};
  if (choices_.OneIn(10))
    entry.reading.quality = static_cast<arbiter::ClockQuality>(choices_.Below(2));
  entry.read_mark = choices_.OneIn(4);
  while (choices_.OneIn(3) && entry.cursors.size() < 3) {
    entry.cursors.push_back({NodeAt(static_cast<int>(choices_.Below(3))),
                             StreamEpoch(1 + choices_.Below(2)),
                             FrameNumber(choices_.Below(frame_number_ + 2))});
  }
  const std::uint64_t count = choices_.Below(5);
  for (std::uint64_t i = 0; i < count; ++i) entry.records.push_back(MakeRecord());
  // A CLOSE, mostly at the clock of the entry; also of a closer whose clock shows another time.
  if (choices_.OneIn(2)) {
    const std::size_t at = choices_.Below(entry.records.size() + 1);
    LogEntry before = entry;
    before.records.resize(at);
    HomeState trial = state_;
    const auto applied = trial.Apply(trial.applied().Next(), before);
    WORLDB_CHECK(applied.ok());
    const std::optional<Close> close =
        trial.CloseDue(entry.reading.Earliest() + absl::Milliseconds(choices_.OneIn(6) ? 200 : 0));
    if (close.has_value()) {
      entry.records.insert(entry.records.begin() + static_cast<std::ptrdiff_t>(at), *close);
    }
  }
  entry.checkpoint = choices_.OneIn(4);
  return entry;
}

std::string ContestHistory::CheckEffects(const std::vector<Effect>& actual,
                                         const std::vector<Effect>& expected) {
  if (Grouped(actual) == Grouped(expected)) return "";
  std::string text = "effects differ\n  of the home:\n";
  for (const Effect& e : actual) absl::StrAppend(&text, "    ", Show(e), "\n");
  absl::StrAppend(&text, "  of the oracle:\n");
  for (const Effect& e : expected) absl::StrAppend(&text, "    ", Show(e), "\n");
  return text;
}

// An outcome changes once at most, from WON to VOID, and never after HELD was told.
std::string ContestHistory::CheckLaw(const arbiter::OpJudged& judged) {
  const Outcome& outcome = judged.outcome;
  const RoundId id{judged.key_tag, outcome.version};
  if (outcome.kind == OutcomeKind::kPending) return "judged as pending: " + Show(judged);
  const auto [told, first] = told_.emplace(judged.op, outcome);
  if (!first && told->second != outcome) {
    Outcome lost = told->second;
    lost.kind = OutcomeKind::kVoid;
    if (told->second.kind != OutcomeKind::kWon || outcome != lost || levels_.contains(id)) {
      return absl::StrCat("an outcome changed: ", ShowOutcome(told->first, told->second), " to ",
                          Show(judged));
    }
    told->second = outcome;
    ++counts_.seen["VOID"];
  }
  if (first) ++counts_.seen[std::string(OutcomeName(outcome.kind))];
  if (first && outcome.ambiguous) ++counts_.seen["ambiguous"];
  if (outcome.margin < absl::ZeroDuration()) return "negative margin: " + Show(judged);
  if (outcome.kind == OutcomeKind::kWon &&
      winners_.emplace(id, judged.op).first->second != judged.op) {
    return "a second winner: " + Show(judged);
  }
  return "";
}

bool ContestHistory::ToldVoid(const RoundId& id) const {
  const auto winner = winners_.find(id);
  return winner != winners_.end() && told_.at(winner->second).kind == OutcomeKind::kVoid;
}

std::string ContestHistory::CheckLaw(const arbiter::LevelAnnounced& level) {
  if (ToldVoid(level.id)) return "VOID has no level: " + Show(level);
  Level& highest = levels_[level.id];
  if (level.level < highest && !losses_.contains(level.id)) return "a level fell: " + Show(level);
  highest = std::max(highest, level.level);
  ++counts_.seen[std::string(LevelName(level.level))];
  if (level.level < Level::kSafe) return "";
  std::uint64_t& safe = safe_[level.id.key_tag];
  while (ToldVoid({level.id.key_tag, Version(safe + 1)})) ++safe;
  if (level.id.version.value() > safe + 1) return "SAFE out of order: " + Show(level);
  safe = std::max(safe, level.id.version.value());
  return "";
}

// LATEST never goes back, and passes over what is VOID only.
std::string ContestHistory::CheckLaw(const arbiter::VersionVisible& visible) {
  std::uint64_t& newest = visible_[visible.id.key_tag];
  while (ToldVoid({visible.id.key_tag, Version(newest + 1)})) ++newest;
  if (visible.id.version.value() != newest + 1) return "visible out of order: " + Show(visible);
  newest = visible.id.version.value();
  const Level level = levels_[visible.id];
  if (level < Level::kHeld) return "visible below HELD: " + Show(visible);
  ++counts_.seen[level < Level::kSafe ? "visible at HELD" : "visible at SAFE"];
  return "";
}

// Laws that hold whatever the contest rule is, judged from the effects alone.
std::string ContestHistory::CheckLaws(const std::vector<Effect>& effects) {
  for (const Effect& effect : effects) {
    std::string why;
    if (const auto* judged = std::get_if<arbiter::OpJudged>(&effect)) {
      why = CheckLaw(*judged);
    } else if (const auto* decided = std::get_if<arbiter::VersionDecided>(&effect)) {
      if (++decided_[decided->id.key_tag] != decided->id.version.value()) {
        return "versions are not dense: " + Show(effect);
      }
      if (!winners_.contains(decided->id)) return "decided without a winner: " + Show(effect);
    } else if (const auto* level = std::get_if<arbiter::LevelAnnounced>(&effect)) {
      why = CheckLaw(*level);
    } else if (const auto* visible = std::get_if<arbiter::VersionVisible>(&effect)) {
      why = CheckLaw(*visible);
    } else if (const auto* refused = std::get_if<arbiter::OpRefused>(&effect)) {
      ++counts_.seen[std::string(RefusalName(refused->refusal))];
      if (told_.contains(refused->op) && refused->refusal == arbiter::Refusal::kOpExpired) {
        ++counts_.seen["forgotten and refused"];
      }
    }
    if (!why.empty()) return why;
  }
  return "";
}

std::string ContestHistory::CheckOps() {
  if (state_.op_count() != oracle_.RememberedCount()) {
    return absl::StrCat("op count ", state_.op_count(), ", oracle ", oracle_.RememberedCount());
  }
  for (const Intent& intent : intents_) {
    const OpId name = intent.candidate.op;
    const OpRecord* record = state_.FindOp(name);
    const auto at = oracle_.ops().find(name);
    const bool remembered = at != oracle_.ops().end() && !at->second.forgotten;
    if ((record != nullptr) != remembered) {
      return absl::StrCat("op ", name.Hex(), record ? " is on record" : " is not on record");
    }
    if (record == nullptr) continue;
    const ContestOracle::Op& op = at->second;
    const Candidate& first = op.first();
    if (record->outcome != op.outcome) {
      return absl::StrCat("outcome of ", ShowOutcome(name, record->outcome), "\n  oracle ",
                          ShowOutcome(name, op.outcome));
    }
    if (record->key_tag != first.key_tag || record->slot != first.slot ||
        record->kind != first.kind || record->content_tag != first.content_tag ||
        record->commitment != first.commitment || record->script != first.script ||
        record->payload_bytes != first.payload_bytes) {
      return absl::StrCat("op ", name.Hex(), " does not keep its first content");
    }
    if (record->staged != op.staged()) return absl::StrCat("op ", name.Hex(), ": staged elsewhere");
    if (record->stamp != oracle_.CountingStamp(op)) {
      return absl::StrCat("op ", name.Hex(),
                          " counts with another stamp: ", absl::FormatTime(record->stamp.midpoint),
                          ", oracle ", absl::FormatTime(oracle_.CountingStamp(op).midpoint));
    }
    if (record->ingress != op.ingress()) return absl::StrCat("op ", name.Hex(), ": other ingress");
    if (op.outcome.kind == OutcomeKind::kPending && record->retried != op.retried()) {
      return absl::StrCat("op ", name.Hex(), ": retried is ", record->retried);
    }
    if (state_.LevelOf(*record) != oracle_.LevelOf(op)) {
      return absl::StrCat("op ", name.Hex(), ": level ", LevelName(state_.LevelOf(*record)),
                          ", oracle ", LevelName(oracle_.LevelOf(op)));
    }
  }
  return "";
}

std::string ContestHistory::CheckVersions() {
  std::set<RoundId> unsettled;
  std::size_t incomplete = 0;
  for (const ContestOracle::Ending& ending : oracle_.endings()) {
    const std::string name =
        absl::StrCat("version ", ending.id.version.value(), " of ", ending.id.key_tag.Hex(), ": ");
    const ClosedVersion* v = state_.FindVersion(ending.id);
    if (v == nullptr) return name + "unknown";
    const Candidate& first = oracle_.ops().at(ending.winner).first();
    if (v->id != ending.id || v->op != ending.winner) return name + "another winner";
    if (v->stamp != ending.stamp) return name + "another stamp";
    if (v->slot != first.slot || v->kind != first.kind || v->commitment != first.commitment ||
        v->script != first.script || v->payload_bytes != first.payload_bytes) {
      return name + "another content";
    }
    if (v->outcome != (ending.gone ? OutcomeKind::kVoid : OutcomeKind::kWon)) {
      return name + "another outcome";
    }
    if (v->staged != ending.staged) return name + "staged elsewhere";
    if (v->visible_at != ending.visible_from) return name + "visible from another entry on";
    if (v->closed_earliest != oracle_.ClosedEarliest(ending.id)) return name + "another e(w)";
    if (v->reached != oracle_.Reached(ending.id)) return name + "another level reached";
    if (v->announced != oracle_.Announced(ending.id)) return name + "another level announced";
    if (v->held != oracle_.Held(ending.id)) return name + "held by others";
    const Fairness fairness = oracle_.Refuted(ending.id) ? Fairness::kRefuted : Fairness::kTimeout;
    if (v->fairness != fairness) return name + "another fairness";
    if (v->settled != oracle_.WasFull(ending.id)) return name + "settled or not";
    if (!ending.gone && !v->settled) unsettled.insert(ending.id);
    if (v->settled && v->reached != Level::kFull) ++incomplete;
  }
  if (state_.incomplete_count() != incomplete) return "another number of incomplete versions";
  if (state_.unsettled() != unsettled) return "other versions are unsettled";
  for (const KeyTag& key : keys_) {
    const Version newest = oracle_.Newest(key);
    const ClosedVersion* v = state_.Newest(key);
    if ((v == nullptr ? Version() : v->id.version) != newest) return "another newest version";
    const std::span<const ClosedVersion> all = state_.Versions(key);
    if (all.size() != newest.value()) return "another number of versions";
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (&all[i] != state_.FindVersion({key, Version(i + 1)})) return "versions out of order";
    }
    if (state_.FindVersion({key, newest.Next()}) != nullptr) return "a version too many";
    if (state_.FindVersion({key, Version()}) != nullptr) return "a version 0";
  }
  return "";
}

std::string ContestHistory::CheckRounds() {
  const std::map<RoundId, absl::Time> open = oracle_.OpenRounds();
  if (state_.open_round_count() != open.size()) return "another number of open rounds";
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, due] : open) next = std::min(next, due);
  if (state_.NextDue() != next) {
    return absl::StrCat("next due ", absl::FormatTime(state_.NextDue()), ", oracle ",
                        absl::FormatTime(next));
  }
  // Never before due, never forgotten once due: just before, at, and some time around each moment.
  std::vector<absl::Time> moments = {now_ + absl::Milliseconds(choices_.Between(-50, 150))};
  for (const auto& [id, due] : open) {
    moments.push_back(due);
    moments.push_back(due - absl::Nanoseconds(1));
  }
  for (const absl::Time moment : moments) {
    std::set<RoundId> expected;
    for (const auto& [id, due] : open) {
      if (due <= moment) expected.insert(id);
    }
    const std::optional<Close> close = state_.CloseDue(moment);
    if (close.has_value() != !expected.empty()) return "CloseDue disagrees that something is due";
    if (!close.has_value()) continue;
    const std::set<RoundId> named(close->rounds.begin(), close->rounds.end());
    if (named.size() != close->rounds.size()) return "CloseDue names a round twice";
    if (named != expected) return "CloseDue names other rounds";
  }
  return "";
}

std::string ContestHistory::CheckCursors(const LogEntry& entry) {
  for (const arbiter::StreamCursor& c : entry.cursors) {
    if (state_.Cursor(c.node, c.stream_epoch) != oracle_.Cursor(c.node, c.stream_epoch)) {
      return absl::StrCat("cursor of node ", c.node.value());
    }
  }
  if (state_.Cursor(NodeAt(8), StreamEpoch(9)) != FrameNumber()) return "cursor out of nothing";
  if (state_.window() != oracle_.window()) return "another window";
  if (state_.log_earliest() != oracle_.log_earliest()) return "another log_earliest";
  if (state_.late_first_count() != oracle_.LateFirstCount()) return "another count of LATE_FIRST";
  if (state_.out() != oracle_.out()) return "other data centers are OUT";
  return "";
}

std::string ContestHistory::CheckVisible() {
  const LogIndex since(choices_.Below(state_.applied().value() + 2));
  std::vector<std::pair<LogIndex, RoundId>> expected;
  for (const ContestOracle::Ending& ending : oracle_.endings()) {
    if (ending.visible_from > since) expected.emplace_back(ending.visible_from, ending.id);
  }
  std::sort(expected.begin(), expected.end());
  std::vector<RoundId> ids;
  for (const auto& [from, id] : expected) ids.push_back(id);
  if (state_.VisibleSince(since) != ids) return "VisibleSince names others";
  return "";
}

std::string ContestHistory::CheckReplica(const LogEntry& entry) {
  const HomeState& a = state_;
  const HomeState& b = replica_;
  if (a.applied() != b.applied() || a.home() != b.home()) return "replica: applied";
  if (a.window() != b.window() || a.log_earliest() != b.log_earliest()) return "replica: clock";
  if (a.out() != b.out()) return "replica: OUT";
  if (a.checkpoint() != b.checkpoint()) return "replica: another checkpoint";
  if (a.unsettled() != b.unsettled()) return "replica: unsettled";
  if (a.incomplete_count() != b.incomplete_count()) return "replica: incomplete";
  if (a.op_count() != b.op_count()) return "replica: op count";
  if (a.late_first_count() != b.late_first_count()) return "replica: count of LATE_FIRST";
  if (a.open_round_count() != b.open_round_count()) return "replica: open rounds";
  if (a.NextDue() != b.NextDue()) return "replica: next due";
  for (const absl::Time moment : {now_, a.NextDue(), now_ + rule_.window_max}) {
    if (a.CloseDue(moment) != b.CloseDue(moment)) return "replica: CloseDue";
  }
  for (const LogIndex since : {LogIndex(), LogIndex(a.applied().value() / 2)}) {
    if (a.VisibleSince(since) != b.VisibleSince(since)) return "replica: VisibleSince";
  }
  for (const arbiter::StreamCursor& c : entry.cursors) {
    if (a.Cursor(c.node, c.stream_epoch) != b.Cursor(c.node, c.stream_epoch)) {
      return "replica: cursor";
    }
  }
  for (const KeyTag& key : keys_) {
    const std::span<const ClosedVersion> mine = a.Versions(key);
    const std::span<const ClosedVersion> other = b.Versions(key);
    if (!std::equal(mine.begin(), mine.end(), other.begin(), other.end(), SameVersion)) {
      return "replica: versions";
    }
  }
  for (const Intent& intent : intents_) {
    const OpRecord* mine = a.FindOp(intent.candidate.op);
    const OpRecord* other = b.FindOp(intent.candidate.op);
    if ((mine == nullptr) != (other == nullptr)) return "replica: op on record";
    if (mine == nullptr) continue;
    if (!SameOp(*mine, *other) || a.LevelOf(*mine) != b.LevelOf(*other)) return "replica: op";
  }
  return "";
}

// A StateSum that names another sum for the newest checkpoint.
std::string ContestHistory::CheckStopsAtAnotherSum() {
  arbiter::StateSum other = state_.checkpoint();
  const std::uint64_t bit = choices_.Below(8 * Hash128::kBytes);
  other.sum.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
  HomeState trial = state_;
  LogEntry entry;
  entry.records.push_back(other);
  if (trial.Apply(trial.applied().Next(), entry).status().code() == absl::StatusCode::kDataLoss) {
    return "";
  }
  return "goes on after another state's sum";
}

// Every op that did not win has a row of its own, every version one, with its winner in it while that is
// remembered, every open round one, and nothing else has.
std::string ContestHistory::CheckRows(const CheckpointRows& before) {
  std::size_t expected = 1 + state_.open_round_count();
  for (const Intent& intent : intents_) {
    const OpRecord* op = state_.FindOp(intent.candidate.op);
    const std::string key = OpRowKey(intent.candidate.op);
    const bool own = op != nullptr && !EndsInAVersion(*op);
    if (rows_.contains(key) != own) return "op " + intent.candidate.op.Hex() + ": row or none";
    if (own) ++expected;
    if (!before.contains(key) || own) continue;
    ++counts_.seen[op != nullptr ? "a winner's row goes" : "forgotten"];
  }
  for (const ContestOracle::Ending& ending : oracle_.endings()) {
    ++expected;
    const std::string key = arbiter::VersionRowKey(ending.id);
    const auto row = rows_.find(key);
    if (row == rows_.end() || row->second.size() <= kWonFlagAt) return "a version without a row";
    const bool remembered = state_.FindOp(ending.winner) != nullptr;
    if (row->second[kWonFlagAt] != (remembered ? 1 : 0) ||
        (row->second.size() > kWonFlagAt + 1) != remembered) {
      return "a version row with or without its winner";
    }
    const auto earlier = before.find(key);
    if (earlier == before.end()) {
      if (!before.contains(OpRowKey(ending.winner))) ++counts_.seen["never a row of its own"];
    } else if (earlier->second[kWonFlagAt] == 1 && !remembered) {
      ++counts_.seen[ending.gone ? "forgotten VOID" : "forgotten winner"];
    }
  }
  return rows_.size() == expected ? "" : "rows of nothing";
}

void ContestHistory::CountRetries(const LogEntry& entry) {
  for (const arbiter::LogRecord& record : entry.records) {
    const auto* c = std::get_if<Candidate>(&record);
    const OpRecord* op = c != nullptr ? state_.FindOp(c->op) : nullptr;
    if (op != nullptr && EndsInAVersion(*op)) {
      ++counts_.seen[absl::StrCat("asked again, ", OutcomeName(op->outcome.kind))];
    }
  }
}

std::string ContestHistory::KeepCheckpoint(const LogEntry& entry,
                                           const std::vector<Effect>& effects) {
  for (std::size_t i = 0; i < effects.size(); ++i) {
    const auto* made = std::get_if<arbiter::CheckpointMade>(&effects[i]);
    if (made == nullptr) continue;
    if (!entry.checkpoint || i + 1 != effects.size()) return "a checkpoint out of place";
    const arbiter::Checkpoint& checkpoint = made->checkpoint;
    if (checkpoint.index != state_.applied()) return "a checkpoint of another entry";
    const CheckpointRows before = rows_;
    if (std::string why = ApplyCheckpoint(checkpoint, rows_); !why.empty()) return why;
    if (std::string why = CheckRows(before); !why.empty()) return why;
    if (state_.checkpoint() != arbiter::StateSum{checkpoint.index, checkpoint.sum}) {
      return "checkpoint() names another";
    }
    ++counts_.seen["checkpoint"];
    if (choices_.OneIn(2)) return "";
    absl::StatusOr<HomeState> restored = RestoreHome(state_.home(), rule_, rows_);
    if (!restored.ok()) return std::string(restored.status().message());
    replica_ = *std::move(restored);
    ++counts_.seen["restored"];
    return "";
  }
  return entry.checkpoint ? "no checkpoint was made" : "";
}

std::string ContestHistory::Step() {
  const LogEntry entry = MakeEntry();
  const Bytes bytes = EncodeLogEntry(entry);
  const auto decoded = arbiter::DecodeLogEntry(bytes);
  if (!decoded.ok()) return std::string(decoded.status().message());
  CountRetries(entry);
  const LogIndex index = state_.applied().Next();
  const auto effects = state_.Apply(index, entry);
  const auto again = replica_.Apply(index, *decoded);
  if (!effects.ok()) return std::string(effects.status().message());
  if (!again.ok()) return std::string(again.status().message());
  if (EncodeEffects(*effects) != EncodeEffects(*again)) return "two replicas differ";
  if (state_.applied() != index) return "applied() did not move";
  const std::vector<Effect> expected = oracle_.Apply(entry);
  std::string why = CheckEffects(*effects, expected);
  if (why.empty()) why = CheckLaws(*effects);
  if (why.empty()) why = CheckOps();
  if (why.empty()) why = CheckVersions();
  if (why.empty()) why = CheckRounds();
  if (why.empty()) why = CheckCursors(entry);
  if (why.empty()) why = CheckVisible();
  if (why.empty()) why = KeepCheckpoint(entry, *effects);
  if (why.empty()) why = CheckReplica(entry);
  if (why.empty() && choices_.OneIn(8)) why = CheckStopsAtAnotherSum();
  if (why.empty()) return "";
  return absl::StrCat("entry ", index.value(), " at ", absl::FormatDuration(now_ - kZero), ": ",
                      why);
}

}  // namespace worldb::testing
