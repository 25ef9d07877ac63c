#include "engine/edge/answer_times.h"

#include <algorithm>

namespace worldb::engine {
namespace {
// Steadier answers than this are overdue no sooner: asking others costs more than waiting a little.
constexpr absl::Duration kSlackMin = absl::Milliseconds(20);
// With only a guess to go by.
constexpr absl::Duration kSlackUnknown = absl::Milliseconds(100);
}  // namespace

bool AnswerTimes::Known(NodeIndex node, absl::Duration now) const {
  return estimates_[node.value()].updated + kForgetAfter >= now;
}

void AnswerTimes::Add(NodeIndex node, absl::Duration took, absl::Duration now) {
  Estimate& estimate = estimates_[node.value()];
  if (Known(node, now)) {
    const absl::Duration error = absl::AbsDuration(took - estimate.mean);
    estimate.deviation = (3 * estimate.deviation + error) / 4;
    estimate.mean = (7 * estimate.mean + took) / 8;
  } else {
    estimate.mean = took;
    estimate.deviation = took / 2;
  }
  estimate.updated = now;
}

absl::Duration AnswerTimes::Expected(NodeIndex node, absl::Duration guess,
                                     absl::Duration now) const {
  return Known(node, now) ? estimates_[node.value()].mean : guess;
}

absl::Duration AnswerTimes::Patience(NodeIndex node, absl::Duration guess,
                                     absl::Duration now) const {
  if (!Known(node, now)) return 2 * guess + kSlackUnknown;
  const Estimate& estimate = estimates_[node.value()];
  return estimate.mean + std::max(4 * estimate.deviation, kSlackMin);
}

}  // namespace worldb::engine
