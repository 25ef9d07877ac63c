#include "engine/sequencer/entry_builder.h"

#include <array>
#include <memory>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/check.h"

namespace worldb::engine {

const EntryBuilder::Entry* EntryBuilder::Build(const arbiter::HomeState& state,
                                               const Inputs& inputs) {
  WORLDB_CHECK(!under_way());
  arbiter::LogEntry entry;
  entry.author = author_;
  entry.author_number = author_number_ + 1;
  entry.log_epoch = epoch_;
  entry.reading = inputs.reading;
  entry.read_mark = inputs.read_mark;
  AddClose(state, inputs.close_at, entry);
  AddWindow(state, inputs.now, entry);
  AddFrames(inputs.frames, entry);
  AddNotes(state, inputs.sum_logged, entry);
  const bool nothing = entry.records.empty() && entry.cursors.empty() && !entry.read_mark;
  if (nothing && !inputs.checkpoint_overdue) return nullptr;
  entry.checkpoint = inputs.checkpoint;
  ++author_number_;
  auto bytes = std::make_shared<const Bytes>(arbiter::EncodeLogEntry(entry));
  // What this replica applies is what the others will read.
  absl::StatusOr<arbiter::LogEntry> read = arbiter::DecodeLogEntry(*bytes);
  WORLDB_CHECK(read.ok());
  under_way_ =
      UnderWay{{state.applied(), *std::move(read), std::move(bytes), inputs.frames.size()}, false};
  return &under_way_->entry;
}

EntryBuilder::Fate EntryBuilder::Settle(arbiter::AppendResult::Kind result) {
  using Kind = arbiter::AppendResult::Kind;
  switch (result) {
    case Kind::kOk:
      return Fate::kWritten;
    case Kind::kTaken:
    case Kind::kFenced:
      return Fate::kDeposed;
    case Kind::kUnknown:
      under_way_->unknown = true;
      return Fate::kAppendAgain;
    case Kind::kRefused:
      // After an UNKNOWN it may be there all the same: then only the identical entry finds out.
      if (under_way_->unknown) return Fate::kAppendAgain;
      notes_.TakeBack(std::exchange(under_way_, std::nullopt)->entry.entry.records);
      return Fate::kBuildAgain;
  }
  WORLDB_CHECK(false);
  return Fate::kDeposed;
}

EntryBuilder::Entry EntryBuilder::TakeWritten(absl::Duration now) {
  Entry written = std::exchange(under_way_, std::nullopt)->entry;
  SampleDelays(written.entry, now);
  return written;
}

void EntryBuilder::AddClose(const arbiter::HomeState& state, std::optional<absl::Time> close_at,
                            arbiter::LogEntry& entry) {
  if (!close_at.has_value()) return;
  std::optional<arbiter::Close> close = state.CloseDue(*close_at);
  if (close.has_value()) entry.records.push_back(*std::move(close));
}

void EntryBuilder::AddWindow(const arbiter::HomeState& state, absl::Duration now,
                             arbiter::LogEntry& entry) {
  const bool first = !window_known_ && window_samples_ >= arbiter::LatencyWindow::kSamplesMin;
  if (!first && now - window_computed_ < arbiter::LatencyWindow::kRecomputeEvery) return;
  window_known_ = window_known_ || first;
  window_computed_ = now;
  const absl::Duration window = window_.Compute(now);
  if (absl::AbsDuration(window - state.window()) < kWindowChangeMin) return;
  entry.records.push_back(arbiter::WindowChange{window});
}

void EntryBuilder::AddFrames(const std::vector<ReadyFrame>& frames, arbiter::LogEntry& entry) {
  std::array<std::optional<arbiter::StreamCursor>, kNodeCount> cursors;
  for (const ReadyFrame& frame : frames) {
    cursors[frame.from.value()] = {frame.from, frame.stream_epoch, frame.number};
    if (frame.candidate == nullptr) continue;
    arbiter::Candidate candidate = *frame.candidate;
    candidate.staged = frame.staged;
    entry.records.push_back(std::move(candidate));
  }
  for (const auto& cursor : cursors) {
    if (cursor.has_value()) entry.cursors.push_back(*cursor);
  }
}

void EntryBuilder::AddNotes(const arbiter::HomeState& state, LogIndex sum_logged,
                            arbiter::LogEntry& entry) {
  const arbiter::StateSum sum = state.checkpoint();
  if (sum.at > sum_logged) entry.records.push_back(sum);
  notes_.MoveTo(entry.records, state.out());
}

void EntryBuilder::SampleDelays(const arbiter::LogEntry& entry, absl::Duration now) {
  // An estimate says nothing of how long a frame was on its way.
  if (entry.reading.quality == arbiter::ClockQuality::kNone) return;
  for (const arbiter::LogRecord& record : entry.records) {
    const auto* candidate = std::get_if<arbiter::Candidate>(&record);
    if (candidate == nullptr) continue;
    ++window_samples_;
    window_.AddSample(now, entry.reading.midpoint - candidate->stamp.midpoint);
  }
}

}  // namespace worldb::engine
