#include "engine/home/home.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/home/staging_rule.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kTickEvery = absl::Milliseconds(50);
constexpr std::size_t kEntriesPerRead = 256;
constexpr absl::Duration kSweepEvery = absl::Minutes(1);

}  // namespace

Home::Home(const NodeSelf& self, arbiter::AcceptLog& log, Staging& staging,
           Checkpointer& checkpointer, NameIndex& names, arbiter::ContestRule rule)
    : self_(self),
      log_(log),
      staging_(staging),
      checkpointer_(checkpointer),
      names_(names),
      state_(self.data_center(), rule) {
  staging_.SetWanted([this](const OpId& op, const CommitmentId& commitment) {
    return WishFor(state_, op, commitment);
  });
}

void Home::Start() {
  log_.SetWake([this] { Pump(); });
  checkpointer_.Load(
      [this](std::unique_ptr<arbiter::HomeState> state) { Begin(std::move(state)); });
  Tick();
}

void Home::Begin(std::unique_ptr<arbiter::HomeState> state) {
  state_ = *std::move(state);
  restoring_ = false;
  log_checked_ = false;
  listener_->OnRestored();
  Pump();
}

void Home::CheckLog() {
  reading_ = true;
  log_.Tail([this](const absl::StatusOr<arbiter::AcceptLog::FenceResult>& present) {
    reading_ = false;
    if (!present.ok()) return;  // the tick tries again
    if (present->tail < state_.applied()) {
      return Halt(absl::DataLossError(
          absl::StrCat("the accept log of ", self_.cell().data_center_name(self_.data_center()),
                       " ends at entry ", present->tail.value(),
                       ", and this node's state was made of ", state_.applied().value(),
                       " entries: the log has lost its end, or is not the one that was here. "
                       "Nothing is decided on it; bring "
                       "the log back; what the nodes hold, worldb-recover reads")));
    }
    log_checked_ = true;
    Pump();
  });
}

void Home::Follow() {
  fed_ = false;
  caught_up_ = false;
  Pump();
}

void Home::Pump() {
  if (halted() || restoring_) return;
  if (reading_) {
    read_again_ = true;
    return;
  }
  if (fed_) return;
  if (!log_checked_) return CheckLog();
  reading_ = true;
  read_again_ = false;
  log_.Read(state_.applied().Next(), kEntriesPerRead,
            [this](absl::StatusOr<std::vector<arbiter::IndexedEntry>> entries) {
              reading_ = false;
              if (!fed_) OnRead(std::move(entries));
            });
}

void Home::OnRead(absl::StatusOr<std::vector<arbiter::IndexedEntry>> entries) {
  if (entries.ok()) return ApplyRead(*entries);
  if (absl::IsOutOfRange(entries.status())) TakeSiblingsState();
  // After any other error the tick tries again.
}

void Home::TakeSiblingsState() {
  restoring_ = true;
  caught_up_ = false;
  listener_->OnLeftBehind();
  checkpointer_.Fetch(
      [this](std::unique_ptr<arbiter::HomeState> state) { Begin(std::move(state)); });
}

void Home::ApplyRead(const std::vector<arbiter::IndexedEntry>& entries) {
  for (const arbiter::IndexedEntry& item : entries) {
    if (item.index != state_.applied().Next()) continue;
    absl::StatusOr<arbiter::LogEntry> entry = arbiter::DecodeLogEntry(*item.bytes);
    if (!entry.ok()) return Halt(entry.status());
    if (!Apply(item.index, *entry)) return;
  }
  if (!entries.empty() || read_again_) return Pump();
  caught_up_ = true;
  if (self_.now() - swept_ >= kSweepEvery) SweepStaging();
  listener_->OnCaughtUp();
}

void Home::ApplyAppended(LogIndex index, const arbiter::LogEntry& entry) { Apply(index, entry); }

bool Home::Apply(LogIndex index, const arbiter::LogEntry& entry) {
  absl::StatusOr<std::vector<arbiter::Effect>> effects = state_.Apply(index, entry);
  if (!effects.ok()) {
    Halt(effects.status());
    return false;
  }
  Keep(*effects);
  listener_->OnApplied(entry, *effects);
  return true;
}

void Home::Keep(std::vector<arbiter::Effect>& effects) {
  for (arbiter::Effect& effect : effects) {
    if (const auto* level = std::get_if<arbiter::LevelAnnounced>(&effect)) {
      staging_.Heed(state_.FindVersion(level->id)->commitment, WishAt(level->level));
    } else if (const auto* unwanted = std::get_if<arbiter::PayloadUnwanted>(&effect)) {
      staging_.Heed(unwanted->commitment, StagingWish::kUnwanted);
    } else if (auto* made = std::get_if<arbiter::CheckpointMade>(&effect)) {
      checkpointer_.Save(std::move(made->checkpoint));
    } else if (const auto* decided = std::get_if<arbiter::VersionDecided>(&effect)) {
      names_.Need(decided->id.key_tag);
    }
  }
}

void Home::Halt(absl::Status why) {
  halted_ = std::move(why);
  listener_->OnHalted();
}

// Lets go of what is staged and no longer wanted; the effects that said so may have been missed.
void Home::SweepStaging() {
  swept_ = self_.now();
  staging_.Sweep();
}

void Home::Tick() {
  // A halted state would let go of what it does not know any more.
  if (caught_up_ && !halted() && self_.now() - swept_ >= kSweepEvery) SweepStaging();
  if (!fed_ && !reading_) Pump();
  self_.executor().PostAfter(kTickEvery, [this] { Tick(); });
}

HomeStatus Home::Status() const {
  HomeStatus status;
  status.serving = caught_up_ && !halted();
  status.halted = std::string(halted_.message());
  status.applied = state_.applied();
  status.checkpoint = checkpointer_.synced();
  status.window = state_.window();
  status.open_rounds = state_.open_round_count();
  status.ops = state_.op_count();
  status.unsettled = state_.unsettled().size();
  status.incomplete = state_.incomplete_count();
  status.late_first = state_.late_first_count();
  status.out = {state_.out().begin(), state_.out().end()};
  return status;
}

}  // namespace worldb::engine
