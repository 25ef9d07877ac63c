#include "engine/home/home.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "engine/cell/errors.h"
#include "engine/cell/levels.h"
#include "engine/scatter/scatterer.h"
#include "engine/sequencer/sequencer.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kTickEvery = absl::Milliseconds(50);
constexpr absl::Duration kLeaderSilent = absl::Milliseconds(500);
// The lowest-numbered node of the triad comes first, so that two rarely try at once.
constexpr absl::Duration kStandBack = absl::Milliseconds(100);
constexpr absl::Duration kFirstLook = absl::Milliseconds(200);
constexpr std::size_t kEntriesPerRead = 256;
constexpr absl::Duration kReportEvery = absl::Seconds(1);
constexpr absl::Duration kSweepEvery = absl::Minutes(1);

int PlaceInTriad(NodeIndex node) { return node.value() % kNodesPerDataCenter; }

// The next log epoch that only this node asks for.
LogEpoch NextEpochOf(NodeIndex node, LogEpoch known) {
  std::uint64_t epoch = known.value() + 1;
  while (epoch % kNodesPerDataCenter != static_cast<std::uint64_t>(PlaceInTriad(node))) ++epoch;
  return LogEpoch(epoch);
}

}  // namespace

Home::Home(NodeContext& context, Staging& staging, Checkpointer& checkpointer, NameIndex& names,
           arbiter::ContestRule rule)
    : context_(context),
      staging_(staging),
      names_(names),
      checkpointer_(checkpointer),
      state_(context.data_center(), rule) {
  staging_.SetWanted([this](const OpId& id, const CommitmentId& commitment) {
    const arbiter::OpRecord* op = state_.FindOp(id);
    if (op == nullptr) return Staging::Wish::kUnknown;
    if (op->commitment != commitment) return Staging::Wish::kUnwanted;
    if (op->outcome.kind == arbiter::OutcomeKind::kPending) return Staging::Wish::kWanted;
    if (op->outcome.kind != arbiter::OutcomeKind::kWon) return Staging::Wish::kUnwanted;
    switch (state_.LevelOf(*op)) {
      case arbiter::Level::kFull:
        return Staging::Wish::kUnwanted;
      case arbiter::Level::kSafe:
        return Staging::Wish::kSafe;
      case arbiter::Level::kHeld:
        return Staging::Wish::kHeld;
      default:
        return Staging::Wish::kWanted;
    }
  });
  checkpointer_.SetSynced([this](LogIndex) { ReportCheckpoint(); });
}

void Home::Connect(Sequencer& sequencer, Scatterer& scatterer) {
  sequencer_ = &sequencer;
  scatterer_ = &scatterer;
}

void Home::Start() {
  context_.parts.log->SetWake([this] { Pump(); });
  checkpointer_.Load(
      [this](std::unique_ptr<arbiter::HomeState> state) { Begin(std::move(state)); });
  Tick();
}

void Home::Begin(std::unique_ptr<arbiter::HomeState> state) {
  state_ = *std::move(state);
  restoring_ = false;
  // Long enough for a sequencer at work to be heard, no longer.
  leader_heard_ = context_.now() - kLeaderSilent + kFirstLook;
  Pump();
}

void Home::Pump() {
  if (!halted_.ok() || restoring_) return;
  if (reading_) {
    read_again_ = true;
    return;
  }
  if (sequencer_->leading()) return;  // it applies what it appends
  reading_ = true;
  read_again_ = false;
  context_.parts.log->Read(state_.applied().Next(), kEntriesPerRead,
                           [this](absl::StatusOr<std::vector<arbiter::IndexedEntry>> entries) {
                             reading_ = false;
                             if (sequencer_->leading()) return;
                             if (entries.ok()) return OnRead(*entries);
                             if (!absl::IsOutOfRange(entries.status()))
                               return;  // the tick tries again
                             // The log no longer has what comes next: a sibling's state does.
                             restoring_ = true;
                             caught_up_ = false;
                             claimed_ = LogEpoch();
                             checkpointer_.Fetch([this](std::unique_ptr<arbiter::HomeState> state) {
                               Begin(std::move(state));
                             });
                           });
}

void Home::OnRead(const std::vector<arbiter::IndexedEntry>& entries) {
  for (const arbiter::IndexedEntry& item : entries) {
    if (item.index != state_.applied().Next()) continue;
    absl::StatusOr<arbiter::LogEntry> entry = arbiter::DecodeLogEntry(*item.bytes);
    if (!entry.ok()) {
      halted_ = entry.status();
      return;
    }
    if (!Apply(item.index, *entry)) return;
  }
  if (!entries.empty() || read_again_) return Pump();
  OnCaughtUp();
}

void Home::OnCaughtUp() {
  caught_up_ = true;
  if (context_.now() - swept_ >= kSweepEvery) SweepStaging();
  if (claimed_ != LogEpoch() && state_.applied() >= claimed_tail_) Lead();
}

void Home::SweepStaging() {
  swept_ = context_.now();
  staging_.Sweep();
}

void Home::ReportCheckpoint() const {
  if (sequencer_->leading()) {
    sequencer_->On(context_.index(), CheckpointSynced{checkpointer_.synced()});
  } else if (leader_.has_value()) {
    context_.Send(*leader_, CheckpointSynced{checkpointer_.synced()});
  }
}

bool Home::Apply(LogIndex index, const arbiter::LogEntry& entry) {
  absl::StatusOr<std::vector<arbiter::Effect>> effects = state_.Apply(index, entry);
  if (!effects.ok()) {
    halted_ = effects.status();
    sequencer_->StepDown();
    scatterer_->StepDown();
    return false;
  }
  known_epoch_ = std::max(known_epoch_, entry.log_epoch);
  std::array<std::vector<OpNotice>, kNodeCount> notices;
  for (arbiter::Effect& effect : *effects) {
    if (const auto* accepted = std::get_if<arbiter::OpAccepted>(&effect)) {
      // A retry of an op that has ended may be the last the state knows of it: the same entry's
      // checkpoint forgets it.
      const arbiter::OpRecord* op = state_.FindOp(accepted->op);
      notices[accepted->ingress.value()].push_back(
          {accepted->op,
           NoticeAccepted{accepted->stamp, accepted->round.version, accepted->leading, Out(),
                          op != nullptr ? WithinReach(op->script) : arbiter::Level::kFull}});
    } else if (const auto* judged = std::get_if<arbiter::OpJudged>(&effect)) {
      notices[judged->ingress.value()].push_back({judged->op, judged->outcome});
    } else if (const auto* refused = std::get_if<arbiter::OpRefused>(&effect)) {
      notices[refused->ingress.value()].push_back(
          {refused->op, NoticeRefused{RefusalStatus(*refused), refused->number}});
    } else if (const auto* level = std::get_if<arbiter::LevelAnnounced>(&effect)) {
      notices[level->ingress.value()].push_back(
          {level->op, NoticeLevel{level->level, level->id.version, level->held}});
      const CommitmentId& commitment = state_.FindVersion(level->id)->commitment;
      if (level->level == arbiter::Level::kFull) {
        staging_.Drop(commitment);
      } else {
        staging_.MayShrink(commitment, level->level);
      }
    } else if (const auto* unwanted = std::get_if<arbiter::PayloadUnwanted>(&effect)) {
      staging_.Drop(unwanted->commitment);
    } else if (auto* made = std::get_if<arbiter::CheckpointMade>(&effect)) {
      checkpointer_.Save(std::move(made->checkpoint));
    } else if (const auto* decided = std::get_if<arbiter::VersionDecided>(&effect)) {
      names_.Need(decided->id.key_tag);
    }
  }
  if (!sequencer_->leading()) return true;
  for (int i = 0; i < kNodeCount; ++i) {
    if (!notices[i].empty()) {
      context_.Send(NodeAt(i), OpNotices{context_.data_center(), std::move(notices[i])});
    }
  }
  for (const arbiter::Effect& effect : *effects) {
    if (const auto* decided = std::get_if<arbiter::VersionDecided>(&effect)) {
      scatterer_->Scatter(*state_.FindVersion(decided->id));
    } else if (const auto* judged = std::get_if<arbiter::OpJudged>(&effect);
               judged != nullptr && judged->outcome.kind == arbiter::OutcomeKind::kVoid) {
      scatterer_->Forget({judged->key_tag, judged->outcome.version});
    }
  }
  sequencer_->OnApplied(entry, *effects);
  return true;
}

absl::Status Home::RefusalStatus(const arbiter::OpRefused& refused) const {
  switch (refused.refusal) {
    case arbiter::Refusal::kBadBase:
      return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadBase,
                       absl::StrCat("the base version does not exist yet; the newest is ",
                                    refused.present.value()),
                       {{"current_version", absl::StrCat(refused.present.value())}});
    case arbiter::Refusal::kOpExpired:
      return MakeError(absl::StatusCode::kInvalidArgument, reason::kOpExpired,
                       "the op id is dated too far from the home's time, and the op is not on "
                       "record; check the client's clock and make a new op id");
    case arbiter::Refusal::kOpIdReused:
      return MakeError(absl::StatusCode::kAlreadyExists, reason::kOpIdReused,
                       "the op id is on record with other content; make a new op id for a new op");
  }
  return absl::InternalError("unknown refusal");
}

std::vector<DataCenterIndex> Home::Out() const {
  return {state_.out().begin(), state_.out().end()};
}

arbiter::Level Home::WithinReach(const ScriptId& script) const {
  NodeSet in = NodeSet::All();
  for (const DataCenterIndex dc : state_.out()) in = in.Minus(NodeSet::Of(dc));
  const auto found = context_.cell().FindScript(script);
  return found.ok() ? LevelOf(**found, in) : arbiter::Level::kDecided;
}

void Home::ApplyAppended(LogIndex index, const arbiter::LogEntry& entry) { Apply(index, entry); }

void Home::OnDeposed() {
  scatterer_->StepDown();
  leader_heard_ = context_.now();
  claimed_ = LogEpoch();
  caught_up_ = false;
  Pump();
}

void Home::On(NodeIndex from, const SequencerBeat& beat) {
  if (beat.home != context_.data_center() || from == context_.index()) return;
  if (beat.log_epoch < known_epoch_) return;
  known_epoch_ = beat.log_epoch;
  leader_ = from;
  leader_heard_ = context_.now();
  if (sequencer_->leading() && beat.log_epoch > sequencer_->epoch()) {
    sequencer_->StepDown();
    OnDeposed();
  }
}

void Home::Tick() {
  if (context_.now() - reported_ >= kReportEvery && checkpointer_.synced() != LogIndex()) {
    reported_ = context_.now();
    ReportCheckpoint();
  }
  if (caught_up_ && context_.now() - swept_ >= kSweepEvery) SweepStaging();
  if (halted_.ok() && !sequencer_->leading()) {
    if (!reading_) Pump();
    const absl::Duration patience = kLeaderSilent + PlaceInTriad(context_.index()) * kStandBack;
    if (caught_up_ && !taking_over_ && context_.now() - leader_heard_ >= patience) TakeOver();
  }
  context_.executor().PostAfter(kTickEvery, [this] { Tick(); });
}

void Home::TakeOver() {
  taking_over_ = true;
  context_.parts.log->Tail([this](absl::StatusOr<arbiter::AcceptLog::FenceResult> present) {
    if (!present.ok()) {
      taking_over_ = false;
      return;
    }
    const LogEpoch epoch = NextEpochOf(context_.index(), std::max(present->epoch, known_epoch_));
    context_.parts.log->Fence(
        epoch, [this, epoch](absl::StatusOr<arbiter::AcceptLog::FenceResult> fenced) {
          taking_over_ = false;
          if (!fenced.ok() || fenced->epoch != epoch) return;
          known_epoch_ = std::max(known_epoch_, epoch);
          claimed_ = epoch;
          claimed_tail_ = fenced->tail;
          Pump();
        });
  });
}

void Home::Lead() {
  const LogEpoch epoch = std::exchange(claimed_, LogEpoch());
  if (epoch < known_epoch_) return;
  leader_.reset();
  sequencer_->Lead(epoch);
  // A state that was not replayed from the log named no key on the way.
  for (const arbiter::RoundId& id : state_.VisibleSince(LogIndex())) names_.Need(id.key_tag);
  for (const arbiter::RoundId& id : state_.unsettled()) {
    names_.Need(id.key_tag);
    scatterer_->Scatter(*state_.FindVersion(id));
  }
}

void Home::On(NodeIndex from, const TicketQuery& query) {
  // What is not on record here may be on record elsewhere: only a marked read can say that it is not.
  if (state_.FindOp(query.op) == nullptr && sequencer_->leading()) {
    sequencer_->Ask(from, query);
  } else {
    Answer(from, query, /*authoritative=*/false);
    sequencer_->HoldTicket(from, query);
  }
}

void Home::Answer(NodeIndex to, const TicketQuery& query, bool authoritative) const {
  TicketReply reply;
  reply.id = query.id;
  reply.authoritative = authoritative;
  if (const arbiter::OpRecord* op = state_.FindOp(query.op)) {
    TicketFacts facts;
    facts.stamp = op->stamp;
    facts.outcome = op->outcome;
    facts.level = state_.LevelOf(*op);
    facts.out = Out();
    facts.within_reach = WithinReach(op->script);
    if (op->outcome.kind == arbiter::OutcomeKind::kWon) {
      facts.held = state_.FindVersion({op->key_tag, op->outcome.version})->held;
    }
    reply.facts = facts;
  }
  context_.Send(to, std::move(reply));
}

HomeStatus Home::Status() const {
  HomeStatus status;
  status.serving = caught_up_ && halted_.ok();
  status.halted = std::string(halted_.message());
  status.sequencer = sequencer_->leading();
  status.log_epoch = known_epoch_;
  status.applied = state_.applied();
  status.checkpoint = checkpointer_.synced();
  status.window = state_.window();
  status.open_rounds = state_.open_round_count();
  status.ops = state_.op_count();
  status.unsettled = state_.unsettled().size();
  status.late_first = state_.late_first_count();
  status.out = Out();
  return status;
}

}  // namespace worldb::engine
