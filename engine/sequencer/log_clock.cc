#include "engine/sequencer/log_clock.h"

#include <algorithm>
#include <vector>

#include "engine/cell/triad.h"

namespace worldb::engine {
namespace {

// What two good clocks may drift apart while a reading waits to be compared.
constexpr absl::Duration kDrift = absl::Milliseconds(5);
// Elapsed time comes from an oscillator that is no better than this.
constexpr double kElapsedError = 1e-3;

}  // namespace

void LogClock::Hear(NodeIndex from, const arbiter::ClockReading& reading, absl::Duration now) {
  if (from == self_ || DataCenterOf(from) != DataCenterOf(self_)) return;
  heard_[Triad::PlaceOf(from)] = {reading, now};
}

void LogClock::NoteLogEarliest(absl::Time log_earliest, absl::Duration now) {
  if (log_earliest != log_.time) log_ = {log_earliest, now};
}

void LogClock::Begin(const Moment& at) {
  if (log_.time > sure_.After(log_.at)) sure_ = log_;
  assumed_ = {at.reading.Earliest(), at.now};
}

LogClock::Verdict LogClock::Judge(const Moment& at) {
  const Interval own{at.reading.Earliest(), at.reading.Latest()};
  std::vector<Interval> siblings;
  for (int place = 0; place < kNodesPerDataCenter; ++place) {
    if (const auto sibling = OfSibling(place, at.now)) siblings.push_back(*sibling);
  }
  const bool licensed = Licensed(at.reading);
  const bool agreed = licensed && std::any_of(siblings.begin(), siblings.end(),
                                              [&](const Interval& s) { return Agree(own, s); });
  const bool siblings_agree = siblings.size() == 2 && Agree(siblings[0], siblings[1]);

  Verdict verdict;
  verdict.believed = agreed || (licensed && !siblings_agree && FitsLog(own, at.now));
  verdict.sibling_believed =
      siblings_agree || std::any_of(siblings.begin(), siblings.end(),
                                    [&](const Interval& s) { return FitsLog(s, at.now); });
  if (agreed) sure_ = {own.earliest, at.now};
  const absl::Time passed =
      log_.time != absl::InfinitePast() ? log_.After(at.now) : assumed_.After(at.now);
  if (verdict.believed) {
    verdict.reading = at.reading;
    verdict.earliest = own.earliest;
  } else {
    verdict.earliest = absl::FromUnixNanos(absl::ToUnixNanos(passed));
    verdict.reading = {verdict.earliest, absl::ZeroDuration(), arbiter::ClockQuality::kNone};
  }
  return verdict;
}

bool LogClock::Licensed(const arbiter::ClockReading& reading) const {
  return reading.quality != arbiter::ClockQuality::kNone && reading.bound <= bound_max_;
}

std::optional<LogClock::Interval> LogClock::OfSibling(int place, absl::Duration now) const {
  const Heard& heard = heard_[place];
  const absl::Duration age = now - heard.at;
  if (age > kFreshFor || !Licensed(heard.reading)) return std::nullopt;
  return Interval{heard.reading.Earliest() + age, heard.reading.Latest() + age + kTransitMax};
}

bool LogClock::Agree(const Interval& a, const Interval& b) {
  return a.earliest <= b.latest + kDrift && b.earliest <= a.latest + kDrift;
}

bool LogClock::FitsLog(const Interval& reading, absl::Duration now) const {
  if (log_.time == absl::InfinitePast()) return false;
  const absl::Time lowest = log_.After(now) - kSlack - kElapsedError * (now - log_.at);
  const absl::Time highest = sure_.After(now) + kSlack + kElapsedError * (now - sure_.at);
  return reading.latest >= lowest && reading.earliest <= highest;
}

}  // namespace worldb::engine
