// How long each node takes to answer a fetch, and when it is overdue.
//
// A smoothed mean and mean deviation per node, as TCP keeps of its round trips: an answer is overdue after
// mean + 4 deviations, which few answers exceed. What has not come in time counts as having taken as
// long as it was waited for. What was learnt fades after kForgetAfter, so a node that was slow gets
// another chance.
// Threads: one owner.
// Source:  Jacobson and Karels, "Congestion Avoidance and Control", 1988; RFC 6298.
#ifndef WORLDB_ENGINE_EDGE_ANSWER_TIMES_H_
#define WORLDB_ENGINE_EDGE_ANSWER_TIMES_H_

#include <array>

#include "absl/time/time.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::engine {

class AnswerTimes {
 public:
  static constexpr absl::Duration kForgetAfter = absl::Seconds(10);

  // `now` is elapsed time, never earlier than in the calls before.
  void Add(NodeIndex node, absl::Duration took, absl::Duration now);
  // `guess` (the round trip, say) stands in while nothing is known.
  absl::Duration Expected(NodeIndex node, absl::Duration guess, absl::Duration now) const;
  // How long to wait before somebody else is asked.
  absl::Duration Patience(NodeIndex node, absl::Duration guess, absl::Duration now) const;

 private:
  struct Estimate {
    absl::Duration mean;
    absl::Duration deviation;
    absl::Duration updated = -absl::InfiniteDuration();
  };
  bool Known(NodeIndex node, absl::Duration now) const;

  std::array<Estimate, kNodeCount> estimates_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_ANSWER_TIMES_H_
