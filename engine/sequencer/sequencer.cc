#include "engine/sequencer/sequencer.h"

#include <utility>

#include "engine/cell/triad.h"
#include "engine/home/ticket_facts.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kBeatEvery = absl::Milliseconds(50);
constexpr absl::Duration kAppendAgainAfter = absl::Milliseconds(50);

}  // namespace

Sequencer::Sequencer(NodeSelf& self, const Doors& doors, const NodeOptions& options)
    : self_(self),
      doors_(doors),
      stager_(self, doors.staging, doors.peers),
      values_(self, doors.staging, stager_),
      intake_(self, doors.home.state(), doors.staging, stager_, values_, doors.verifier,
              [this] { TryAppend(); }),
      builder_(self.index(), doors.notes, options.window),
      clock_(self.index(), options.clock_bound_max),
      closer_(options.window.window_max),
      trimmer_(options.checkpoints),
      lister_(doors.home.state(), doors.names),
      watches_(self, doors.home.state(), doors.names),
      reads_(self, doors.home.state(), lister_, watches_),
      inventory_(self, doors.home.state(), doors.checkpointer, doors.notes, doors.scatterer,
                 doors.verifier) {}

void Sequencer::Lead(LogEpoch epoch) {
  leading_ = true;
  epoch_ = epoch;
  term_.Next();
  builder_.Begin(epoch);
  NoteLogTime();
  clock_.Begin({self_.now(), doors_.clock.Now()});
  closer_.Begin();
  trimmer_.Begin(state(), self_.now());
  doors_.notes.Open([this] { PostTryAppend(); });
  BeatAll();
  ArmClose();
  if (trimmer_.Overdue(self_.now())) PostTryAppend();
}

void Sequencer::StepDown() {
  leading_ = false;
  term_.Next();
  stager_.Clear();
  values_.Clear();
  intake_.Clear();
  builder_.Clear();
  pausing_ = false;
  doors_.notes.Close();
  reads_.Clear();
  watches_.Clear();
  inventory_.Clear();
  self_.executor().Cancel(close_timer_);
}

// ---------------------------------------------------------------- in

void Sequencer::TakeFrames(NodeIndex from, FrameBatch batch) {
  if (leading_ && batch.home == self_.data_center()) intake_.Take(from, std::move(batch));
}

void Sequencer::TakeValue(NodeIndex from, StageValue request) {
  if (leading_) values_.Take(from, std::move(request));
}

void Sequencer::Ask(NodeIndex from, ReadDesk::Query query) {
  if (leading_ && reads_.Take(from, std::move(query))) TryAppend();
}

void Sequencer::AskVersions(NodeIndex from, const ReadQueries& message) {
  if (leading_ && reads_.TakeAll(from, message) > 0) TryAppend();
}

void Sequencer::AskTicket(NodeIndex from, const TicketQuery& query) {
  // A state that is being replayed would take back what was told.
  if (!doors_.home.caught_up()) return;
  // What is not on record here may be on record elsewhere: only a marked read can say that it is not.
  if (leading_ && state().FindOp(query.op) == nullptr) return Ask(from, query);
  self_.Send(from, AnswerTicket(self_.cell(), state(), query, /*authoritative=*/false));
  if (leading_) reads_.Hold(from, query);
}

void Sequencer::AskInventory(NodeIndex from, const InventoryQuery& query) {
  if (!leading_) return;
  // Versions are told from the checkpoint: without writes, none would come by itself.
  if (!query.after.has_value() && state().HasUnsavedVersions()) {
    trimmer_.Want();
    PostTryAppend();
  }
  inventory_.Answer(from, query);
}

void Sequencer::OnCheckpointSynced(NodeIndex from, const CheckpointSynced& synced) {
  if (!leading_ || !Triad(self_.data_center()).Has(from)) return;
  const std::optional<LogIndex> floor = trimmer_.NoteSynced(from, synced.index);
  if (!floor.has_value()) return;
  doors_.log.Trim(*floor, term_.Guard([this, floor = *floor](const absl::Status& status) {
    if (!status.ok()) trimmer_.NoteNotTrimmed(floor);
  }));
}

// ---------------------------------------------------------------- entries out

void Sequencer::PostTryAppend() {
  if (std::exchange(append_posted_, true)) return;
  self_.executor().Post([this] {
    append_posted_ = false;
    TryAppend();
  });
}

void Sequencer::TryAppend() {
  if (!leading_ || pausing_ || builder_.under_way()) return;
  const EntryBuilder::Entry* entry =
      builder_.Build(state(), {.now = self_.now(),
                               .reading = JudgeClock().reading,
                               .close_at = closer_.TakeIntent(intake_.first_sequence()),
                               .frames = intake_.Ready(EntryBuilder::kCandidatesPerEntryMax),
                               .sum_logged = trimmer_.sum_logged(),
                               .read_mark = reads_.wants_mark(),
                               .checkpoint = trimmer_.Due(self_.now()),
                               .checkpoint_overdue = trimmer_.Overdue(self_.now())});
  if (entry == nullptr) return;
  reads_.MarkTaken();
  Append();
}

void Sequencer::Append() {
  const EntryBuilder::Entry& entry = builder_.entry();
  doors_.log.Append(
      epoch_, entry.previous, entry.bytes,
      term_.Guard([this](const arbiter::AppendResult& result) { OnAppended(result); }));
}

void Sequencer::OnAppended(const arbiter::AppendResult& result) {
  const EntryBuilder::Fate fate = builder_.Settle(result.kind);
  switch (fate) {
    case EntryBuilder::Fate::kWritten: {
      const EntryBuilder::Entry written = builder_.TakeWritten(self_.now());
      intake_.Consume(written.frame_count);
      trimmer_.NoteAppended(written.bytes->size());
      return doors_.home.ApplyAppended(written.previous.Next(), written.entry);
    }
    case EntryBuilder::Fate::kDeposed:
      StepDown();
      return deposed_();
    case EntryBuilder::Fate::kBuildAgain:
      reads_.MarkLost();
      break;
    case EntryBuilder::Fate::kAppendAgain:
      break;
  }
  AppendLater(fate);
}

void Sequencer::AppendLater(EntryBuilder::Fate fate) {
  pausing_ = true;
  self_.executor().PostAfter(kAppendAgainAfter, term_.Guard([this, fate] {
    pausing_ = false;
    if (fate == EntryBuilder::Fate::kAppendAgain) return Append();
    TryAppend();
  }));
}

void Sequencer::OnApplied(const arbiter::LogEntry& entry,
                          const std::vector<arbiter::Effect>& effects) {
  trimmer_.NoteApplied(entry, self_.now());
  for (const arbiter::StreamCursor& cursor : entry.cursors) BeatTo(cursor.node);
  watches_.OnEffects(effects);
  reads_.MarkApplied();
  reads_.OnEffects(effects);
  ArmClose();
  TryAppend();
}

// ---------------------------------------------------------------- time

void Sequencer::ArmClose() {
  const std::optional<absl::Duration> wait = closer_.Arm(Due(), JudgeClock().earliest);
  if (!wait.has_value()) return;
  self_.executor().Cancel(close_timer_);
  close_timer_ = self_.executor().PostAfter(*wait, term_.Guard([this] { LookAtClock(); }));
}

void Sequencer::LookAtClock() {
  const std::optional<absl::Time> until = closer_.Look(Due(), JudgeClock().earliest);
  if (!until.has_value()) return ArmClose();
  // Read the clock, then drain: what is already waiting on this executor comes first.
  self_.executor().Post(term_.Guard([this, until = *until] {
    closer_.Intend(until, intake_.end_sequence());
    TryAppend();
  }));
}

void Sequencer::BeatAll() {
  for (int i = 0; i < kNodeCount; ++i) BeatTo(NodeAt(i));
  reads_.Expire();
  watches_.Tick();
  ArmClose();
  self_.executor().PostAfter(kBeatEvery, term_.Guard([this] { BeatAll(); }));
}

// The sequencer names itself, and says how far the node's stream is recorded.
void Sequencer::BeatTo(NodeIndex node) {
  const StreamEpoch epoch = intake_.StreamEpochOf(node);
  self_.Send(
      node, SequencerBeat{self_.data_center(), epoch_, {node, epoch, state().Cursor(node, epoch)}});
}

}  // namespace worldb::engine
