#include "engine/sequencer/round_closer.h"

#include <algorithm>
#include <utility>

namespace worldb::engine {
namespace {

// What a good clock may be off, both ways.
constexpr absl::Duration kClockSlack = absl::Seconds(1);

}  // namespace

void RoundCloser::Begin() {
  armed_for_ = absl::InfiniteFuture();
  looked_ = false;
  intent_.reset();
}

bool RoundCloser::OpenedAhead(const Due& due, absl::Time earliest) const {
  return due.last > earliest + window_max_ + kClockSlack;
}

std::optional<absl::Duration> RoundCloser::Arm(const Due& due, absl::Time earliest) {
  if (due.first == absl::InfiniteFuture() || looked_ || intent_.has_value()) return std::nullopt;
  const absl::Time at = OpenedAhead(due, earliest) ? earliest : due.first;
  if (armed_for_ <= at) return std::nullopt;
  armed_for_ = at;
  return std::clamp(at - earliest, absl::ZeroDuration(), kLookMax);
}

std::optional<absl::Time> RoundCloser::Look(const Due& due, absl::Time earliest) {
  armed_for_ = absl::InfiniteFuture();
  const bool all = OpenedAhead(due, earliest);
  if (!all && earliest < due.first) return std::nullopt;
  looked_ = true;
  return all ? absl::InfiniteFuture() : earliest;
}

void RoundCloser::Intend(absl::Time until, std::uint64_t barrier) {
  looked_ = false;
  intent_ = Intent{until, barrier};
}

std::optional<absl::Time> RoundCloser::TakeIntent(std::uint64_t first_sequence) {
  if (!intent_.has_value() || first_sequence < intent_->barrier) return std::nullopt;
  return std::exchange(intent_, std::nullopt)->until;
}

}  // namespace worldb::engine
