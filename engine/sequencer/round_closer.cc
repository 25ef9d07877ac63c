#include "engine/sequencer/round_closer.h"

#include <algorithm>
#include <utility>

namespace worldb::engine {

void RoundCloser::Begin(absl::Time log_earliest, absl::Duration now) {
  log_earliest_ = log_earliest;
  log_earliest_at_ = now;
  armed_for_ = absl::InfiniteFuture();
  looked_ = false;
  intent_.reset();
}

void RoundCloser::NoteLogEarliest(absl::Time log_earliest, absl::Duration now) {
  if (log_earliest <= log_earliest_) return;
  log_earliest_ = log_earliest;
  log_earliest_at_ = now;
}

bool RoundCloser::Licensed(const arbiter::ClockReading& reading) const {
  return reading.quality != arbiter::ClockQuality::kNone && reading.bound <= bound_max_;
}

absl::Time RoundCloser::EarliestNow(const Moment& at) const {
  const absl::Time elapsed = log_earliest_ + (at.now - log_earliest_at_);
  return Licensed(at.reading) ? std::max(at.reading.Earliest(), elapsed) : elapsed;
}

arbiter::ClockReading RoundCloser::LogReading(const Moment& at) const {
  if (Licensed(at.reading) || log_earliest_ == absl::InfinitePast()) return at.reading;
  return {absl::FromUnixNanos(absl::ToUnixNanos(EarliestNow(at))), absl::ZeroDuration(),
          arbiter::ClockQuality::kNone};
}

std::optional<absl::Duration> RoundCloser::Arm(absl::Time due, const Moment& at) {
  if (due == absl::InfiniteFuture() || looked_ || intent_.has_value()) return std::nullopt;
  if (armed_for_ <= due) return std::nullopt;
  armed_for_ = due;
  return std::clamp(due - EarliestNow(at), absl::ZeroDuration(), kLookMax);
}

std::optional<absl::Time> RoundCloser::Look(absl::Time due, const Moment& at) {
  armed_for_ = absl::InfiniteFuture();
  const absl::Time earliest = EarliestNow(at);
  if (earliest < due) return std::nullopt;
  looked_ = true;
  return earliest;
}

void RoundCloser::Intend(absl::Time earliest, std::uint64_t barrier) {
  looked_ = false;
  intent_ = Intent{earliest, barrier};
}

std::optional<absl::Time> RoundCloser::TakeIntent(std::uint64_t first_sequence) {
  if (!intent_.has_value() || first_sequence < intent_->barrier) return std::nullopt;
  return std::exchange(intent_, std::nullopt)->earliest;
}

}  // namespace worldb::engine
