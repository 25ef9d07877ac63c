#include "arbiter/stamp_issuer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace worldb::arbiter {

StampIssuer::StampIssuer(NodeIndex node, StreamEpoch stream_epoch, absl::Duration bound_max,
                         const Clock& clock)
    : node_(node), bound_max_(bound_max), clock_(clock) {
  for (Stream& stream : streams_) stream.epoch = stream_epoch;
}

// How far the midpoint has to go up to lie above the last one.
absl::Duration StampIssuer::Lift(const Stream& stream, const ClockReading& now) {
  return std::max(stream.last + absl::Nanoseconds(1) - now.midpoint, absl::ZeroDuration());
}

bool StampIssuer::NeedsNewStream(DataCenterIndex home) {
  MutexLock lock(mu_);
  const ClockReading now = clock_.Now();
  return now.quality != ClockQuality::kNone && now.bound <= bound_max_ &&
         now.bound + Lift(streams_[home.value()], now) > bound_max_;
}

void StampIssuer::Raise(DataCenterIndex home, StreamEpoch stream_epoch) {
  MutexLock lock(mu_);
  Stream& stream = streams_[home.value()];
  stream.epoch = stream_epoch;
  stream.last = absl::InfinitePast();
}

absl::StatusOr<Stamp> StampIssuer::Issue(DataCenterIndex home) {
  MutexLock lock(mu_);
  const ClockReading now = clock_.Now();
  Stream& stream = streams_[home.value()];
  const absl::Duration lift = Lift(stream, now);
  if (now.quality == ClockQuality::kNone || now.bound + lift > bound_max_) {
    return absl::UnavailableError(absl::StrCat(
        "NO_CLOCK: node ", node_.value(), " may not stamp: clock bound ",
        absl::FormatDuration(now.bound),
        lift > absl::ZeroDuration()
            ? absl::StrCat(" and ", absl::FormatDuration(lift), " behind its last stamp")
            : "",
        ", licence needs at most ", absl::FormatDuration(bound_max_), "; try another node"));
  }
  stream.last = now.midpoint + lift;
  return Stamp{stream.last, now.bound + lift, node_, stream.epoch,
               FrameNumber(++stream.last_number)};
}

}  // namespace worldb::arbiter
