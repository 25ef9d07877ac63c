#include "arbiter/stamp_issuer.h"

#include "absl/strings/str_cat.h"

namespace worldb::arbiter {

StampIssuer::StampIssuer(NodeIndex node, StreamEpoch stream_epoch, absl::Duration bound_max,
                         const Clock& clock)
    : node_(node), bound_max_(bound_max), clock_(clock) {
  stream_epochs_.fill(stream_epoch);
}

void StampIssuer::Raise(DataCenterIndex home, StreamEpoch stream_epoch) {
  MutexLock lock(mu_);
  stream_epochs_[home.value()] = stream_epoch;
}

absl::StatusOr<Stamp> StampIssuer::Issue(DataCenterIndex home) {
  MutexLock lock(mu_);
  const ClockReading now = clock_.Now();
  Stamp stamp{now.midpoint, now.bound, node_, stream_epochs_[home.value()], FrameNumber()};
  const absl::Time lowest = last_ + absl::Nanoseconds(1);
  if (stamp.midpoint < lowest) {
    stamp.bound += lowest - stamp.midpoint;
    stamp.midpoint = lowest;
  }
  if (now.quality == ClockQuality::kNone || stamp.bound > bound_max_) {
    const absl::Duration lift = stamp.bound - now.bound;
    return absl::UnavailableError(absl::StrCat(
        "NO_CLOCK: node ", node_.value(), " may not stamp: clock bound ",
        absl::FormatDuration(now.bound),
        lift > absl::ZeroDuration()
            ? absl::StrCat(" and ", absl::FormatDuration(lift), " behind its last stamp")
            : "",
        ", licence needs at most ", absl::FormatDuration(bound_max_), "; try another node"));
  }
  last_ = stamp.midpoint;
  stamp.number = FrameNumber(++last_number_[home.value()]);
  return stamp;
}

}  // namespace worldb::arbiter
