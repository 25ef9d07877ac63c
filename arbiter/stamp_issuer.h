// Gives out stamps and stream numbers of one node, together, under one lock.
//
// Midpoints of one stream strictly increase: when the clock stands still or steps back the midpoint is
// lifted above the last one and the lift is added to the half-width, so the interval still holds true
// time. Numbers have no gaps per home. A number given out must be sent, with a frame or as void.
// Errors:  Unavailable (NO_CLOCK) when the clock's quality is none, or the bound above the licence, that of
//          the clock or with the lift: a clock that was far ahead and was put right needs a new stream, or
//          must come near its last stamp first. Nothing is consumed then.
// Threads: may be called from any thread; meant for the I/O thread that saw the last byte.
// Source:  docs/protocol.md 2; ARCHITECTURE.md invariants 10 and 11.
#ifndef WORLDB_ARBITER_STAMP_ISSUER_H_
#define WORLDB_ARBITER_STAMP_ISSUER_H_

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "arbiter/clock.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/mutex.h"

namespace worldb::arbiter {

class StampIssuer {
 public:
  // `stream_epoch` must be higher than any this node used before. `clock` outlives this object.
  StampIssuer(NodeIndex node, StreamEpoch stream_epoch, absl::Duration bound_max,
              const Clock& clock);

  absl::StatusOr<Stamp> Issue(DataCenterIndex home) ABSL_LOCKS_EXCLUDED(mu_);
  // The last stamp for `home` lies so far ahead of a clock with a licence that only a new stream gets past it.
  bool NeedsNewStream(DataCenterIndex home) ABSL_LOCKS_EXCLUDED(mu_);
  // From now on stamps for `home` are of this epoch, and follow none before; their numbers go on. It must be
  // higher than any this node used for that home.
  void Raise(DataCenterIndex home, StreamEpoch stream_epoch) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const NodeIndex node_;
  const absl::Duration bound_max_;
  const Clock& clock_;

  struct Stream {
    StreamEpoch epoch;
    absl::Time last = absl::InfinitePast();
    std::uint64_t last_number = 0;
  };
  static absl::Duration Lift(const Stream& stream, const ClockReading& now);

  Mutex mu_;
  std::array<Stream, kDataCenterCount> streams_ ABSL_GUARDED_BY(mu_);  // by home
};

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_STAMP_ISSUER_H_
