#include "engine/sequencer/leadership.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/cell/triad.h"
#include "engine/home/op_notices.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kTickEvery = absl::Milliseconds(50);
// After a start: long enough for a sequencer at work to be heard, no longer.
constexpr absl::Duration kFirstLook = absl::Milliseconds(200);
constexpr absl::Duration kReportEvery = absl::Seconds(1);

// The next log epoch that only this node asks for.
LogEpoch NextEpochOf(NodeIndex node, LogEpoch known) {
  std::uint64_t epoch = known.value() + 1;
  while (epoch % kNodesPerDataCenter != static_cast<std::uint64_t>(Triad::PlaceOf(node))) ++epoch;
  return LogEpoch(epoch);
}

}  // namespace

Leadership::Leadership(const NodeSelf& self, arbiter::AcceptLog& log, Home& home,
                       Checkpointer& checkpointer, NameIndex& names, Sequencer& sequencer,
                       Scatterer& scatterer)
    : self_(self),
      log_(log),
      home_(home),
      checkpointer_(checkpointer),
      names_(names),
      sequencer_(sequencer),
      scatterer_(scatterer) {
  home_.SetListener(*this);
  sequencer_.WhenDeposed([this] { OnDeposed(); });
  checkpointer_.SetSynced([this](LogIndex) { ReportCheckpoint(); });
}

void Leadership::Start() { Tick(); }

void Leadership::Tick() {
  if (self_.now() - reported_ >= kReportEvery) ReportCheckpoint();
  if (leading()) {
    const bool worse = HasTheWorseClock();
    if (worse && !std::exchange(yielded_, true)) {
      sequencer_.StepDown();
      OnDeposed();
    } else if (!worse) {
      yielded_ = false;
    }
  } else if (home_.caught_up() && !home_.halted() && !taking_over_ &&
             self_.now() - leader_heard_ >= Patience()) {
    TakeOver();
  }
  self_.executor().PostAfter(kTickEvery, [this] { Tick(); });
}

bool Leadership::HasTheWorseClock() {
  const LogClock::Verdict clock = sequencer_.JudgeClock();
  return !clock.believed && clock.sibling_believed;
}

absl::Duration Leadership::Patience() {
  const absl::Duration in_turn = kSequencerSilentAfter + Triad::PlaceOf(self_.index()) * kStandBack;
  return HasTheWorseClock() ? in_turn + kWrongClockStandBack : in_turn;
}

// ---------------------------------------------------------------- to the chair

void Leadership::TakeOver() {
  taking_over_ = true;
  log_.Tail([this](absl::StatusOr<arbiter::AcceptLog::FenceResult> present) {
    OnTail(std::move(present));
  });
}

void Leadership::OnTail(absl::StatusOr<arbiter::AcceptLog::FenceResult> present) {
  if (!present.ok()) {
    taking_over_ = false;
    return;
  }
  const LogEpoch epoch = NextEpochOf(self_.index(), std::max(present->epoch, known_epoch_));
  log_.Fence(epoch, [this, epoch](absl::StatusOr<arbiter::AcceptLog::FenceResult> fenced) {
    OnFenced(epoch, std::move(fenced));
  });
}

void Leadership::OnFenced(LogEpoch epoch, absl::StatusOr<arbiter::AcceptLog::FenceResult> fenced) {
  taking_over_ = false;
  if (!fenced.ok() || fenced->epoch != epoch) return;
  known_epoch_ = std::max(known_epoch_, epoch);
  claim_ = Claim{epoch, fenced->tail};
  home_.Pump();
}

void Leadership::OnCaughtUp() {
  if (!claim_.has_value() || home_.state().applied() < claim_->tail) return;
  const LogEpoch epoch = std::exchange(claim_, std::nullopt)->epoch;
  if (epoch >= known_epoch_) Lead(epoch);
}

void Leadership::Lead(LogEpoch epoch) {
  leader_.reset();
  home_.BeFed();
  sequencer_.Lead(epoch);
  // A state that was not replayed from the log named no key on the way.
  const arbiter::HomeState& state = home_.state();
  for (const arbiter::RoundId& id : state.VisibleSince(LogIndex())) names_.Need(id.key_tag);
  for (const arbiter::RoundId& id : state.unsettled()) {
    names_.Need(id.key_tag);
    scatterer_.Scatter(*state.FindVersion(id));
  }
}

// ---------------------------------------------------------------- from the chair

void Leadership::OnDeposed() {
  scatterer_.StepDown();
  leader_heard_ = self_.now();
  claim_.reset();
  home_.Follow();
}

void Leadership::OnBeat(NodeIndex from, const SequencerBeat& beat) {
  if (beat.home != self_.data_center() || from == self_.index()) return;
  if (beat.log_epoch < known_epoch_) return;
  known_epoch_ = beat.log_epoch;
  leader_ = from;
  leader_heard_ = self_.now();
  yielded_ = false;
  if (leading() && beat.log_epoch > sequencer_.epoch()) {
    sequencer_.StepDown();
    OnDeposed();
  }
}

void Leadership::OnRestored() { leader_heard_ = self_.now() - kSequencerSilentAfter + kFirstLook; }

void Leadership::OnLeftBehind() { claim_.reset(); }

void Leadership::OnHalted() {
  sequencer_.StepDown();
  scatterer_.StepDown();
}

// ---------------------------------------------------------------- what follows from an entry

void Leadership::OnApplied(const arbiter::LogEntry& entry,
                           const std::vector<arbiter::Effect>& effects) {
  known_epoch_ = std::max(known_epoch_, entry.log_epoch);
  sequencer_.NoteLogTime();
  if (!leading()) return;
  SendNotices(effects);
  TellScatterer(effects);
  for (const arbiter::LogRecord& record : entry.records) {
    if (const auto* lost = std::get_if<arbiter::ShareLost>(&record)) {
      scatterer_.NoteLost(lost->version, lost->lost);
    } else if (const auto* level = std::get_if<arbiter::LevelReached>(&record)) {
      scatterer_.NoteHeld(level->version, level->held);
    }
  }
  sequencer_.OnApplied(entry, effects);
}

void Leadership::SendNotices(const std::vector<arbiter::Effect>& effects) const {
  NoticesByNode notices = MakeOpNotices(self_.cell(), home_.state(), effects);
  for (int i = 0; i < kNodeCount; ++i) {
    if (notices[i].empty()) continue;
    self_.Send(NodeAt(i), OpNotices{self_.data_center(), std::move(notices[i])});
  }
}

void Leadership::TellScatterer(const std::vector<arbiter::Effect>& effects) {
  for (const arbiter::Effect& effect : effects) {
    if (const auto* decided = std::get_if<arbiter::VersionDecided>(&effect)) {
      scatterer_.Scatter(*home_.state().FindVersion(decided->id));
    } else if (const auto* judged = std::get_if<arbiter::OpJudged>(&effect);
               judged != nullptr && judged->outcome.kind == arbiter::OutcomeKind::kVoid) {
      scatterer_.Forget({judged->key_tag, judged->outcome.version});
    }
  }
}

void Leadership::ReportCheckpoint() {
  const LogIndex synced =
      checkpointer_.synced();  // 0 too: what a node with a new disk had counts no more
  reported_ = self_.now();
  if (leading()) {
    sequencer_.OnCheckpointSynced(self_.index(), CheckpointSynced{synced});
  } else if (leader_.has_value()) {
    self_.Send(*leader_, CheckpointSynced{synced});
  }
}

}  // namespace worldb::engine
