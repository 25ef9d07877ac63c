// A stamp is the clock reading an ingress gave a Set; a rank orders stamps within one round.
//
// There is no operator< on stamps: intervals may overlap. Rank is the total order the contest rule
// uses: midpoint first, then an unkeyed hash fixed before any client acts and different for every
// version, so that ties favour no node for ever, then the op id.
// Source:  docs/protocol.md 1.
#ifndef WORLDB_ARBITER_STAMP_H_
#define WORLDB_ARBITER_STAMP_H_

#include <tuple>

#include "absl/time/time.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::arbiter {

struct Stamp {
  absl::Time midpoint;   // whole nanoseconds
  absl::Duration bound;  // half-width, whole nanoseconds
  NodeIndex node;        // the stamper
  StreamEpoch stream_epoch;
  FrameNumber number;  // place in the stamper's stream to this home

  absl::Time Earliest() const { return midpoint - bound; }
  absl::Time Latest() const { return midpoint + bound; }
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

enum class StampOrder { kBefore, kAfter, kUncertain };
// Whether `a` was surely taken before or after `b`.
StampOrder CompareStamps(const Stamp& a, const Stamp& b);

// Smallest wins. Ranks of different versions are not comparable.
struct Rank {
  absl::Time midpoint;
  Hash256 tie;
  OpId op;
  friend bool operator==(const Rank&, const Rank&) = default;
  friend bool operator<(const Rank& a, const Rank& b) {
    return std::tie(a.midpoint, a.tie, a.op) < std::tie(b.midpoint, b.tie, b.op);
  }
};
Rank RankOf(const Stamp& stamp, const KeyTag& key_tag, Version version, const OpId& op);

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_STAMP_H_
