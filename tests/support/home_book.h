// A home's state told in short sentences: who wrote what, when rounds close, how far values spread. For
// tests of whatever reads the state or follows its effects; the state itself is tested by transcripts.
#ifndef WORLDB_TESTS_SUPPORT_HOME_BOOK_H_
#define WORLDB_TESTS_SUPPORT_HOME_BOOK_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/home_state.h"
#include "arbiter/log_entry.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/script.h"
#include "engine/cell/cell.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::testing {

class HomeBook {
 public:
  using Effects = std::vector<arbiter::Effect>;

  // Of the data center that is home to the keys given; `cell` outlives this object.
  explicit HomeBook(const engine::Cell& cell, DataCenterIndex home = DataCenterAt(0))
      : cell_(cell), home_(home), state_(home, arbiter::ContestRule()) {}

  const arbiter::HomeState& state() const { return state_; }
  // A key of this home: "a", "b", ... followed by what makes it one.
  std::string KeyOfHome(const std::string& stem) const {
    for (int i = 0;; ++i) {
      const std::string key = stem + std::to_string(i);
      const Bytes name(key.begin(), key.end());
      if (cell_.HomeOf(cell_.SlotOf(cell_.KeyTagOf(name))) == home_) return key;
    }
  }
  KeyTag TagOf(const std::string& key) const {
    return cell_.KeyTagOf(Bytes(key.begin(), key.end()));
  }

  // A candidate recorded now, for a test to change before Record().
  arbiter::Candidate CandidateFor(const std::string& key, NodeIndex ingress = NodeAt(0)) {
    arbiter::Candidate c;
    c.op = arbiter::MakeOpId(now_, entropy_);
    c.key_tag = TagOf(key);
    c.slot = cell_.SlotOf(c.key_tag);
    const auto frame = FrameNumber(++frames_[ingress.value()]);
    c.stamp = {now_, absl::Milliseconds(1), ingress, StreamEpoch(1), frame};
    c.commitment.bytes = entropy_.Draw<CommitmentId::kBytes>();
    c.script = cryptoscatter::Script::Nested()->id();
    c.payload_bytes = 100;
    c.staged = NodeSet::Of(home_);
    return c;
  }
  Effects Record(arbiter::Candidate candidate) { return Apply({std::move(candidate)}); }
  // Closes what is due once the longest window has passed.
  Effects CloseAll() {
    now_ += state_.rule().window_max + absl::Seconds(1);
    std::optional<arbiter::Close> close = state_.CloseDue(Reading().Earliest());
    WORLDB_CHECK(close.has_value());
    return Apply({*std::move(close)});
  }
  // Writes, closes, and answers with the version that won.
  arbiter::RoundId Win(const std::string& key, arbiter::OpKind kind = arbiter::OpKind::kSet) {
    arbiter::Candidate c = CandidateFor(key);
    c.kind = kind;
    Record(c);
    CloseAll();
    const arbiter::OpRecord& op = *state_.FindOp(c.op);
    WORLDB_CHECK(op.outcome.kind == arbiter::OutcomeKind::kWon);
    return {c.key_tag, op.outcome.version};
  }
  // On all nine nodes if FULL, else on eight.
  Effects Reach(const arbiter::RoundId& version, arbiter::Level level) {
    const bool full = level == arbiter::Level::kFull;
    return Reach(version, level, full ? NodeSet::All() : NodeSet::FromBits(0xff));
  }
  Effects Reach(const arbiter::RoundId& version, arbiter::Level level, NodeSet held) {
    return Apply({arbiter::LevelReached{version, level, held}});
  }
  Effects Lose(const arbiter::RoundId& version) {
    return Apply({arbiter::VersionVoid{version, NodeSet::Of(home_)}});
  }
  Effects MarkOut(DataCenterIndex data_center, bool out = true) {
    return Apply({arbiter::OutageChange{data_center, out}});
  }
  Effects Apply(std::vector<arbiter::LogRecord> records) {
    arbiter::LogEntry entry;
    now_ += absl::Milliseconds(1);
    entry.reading = Reading();
    entry.records = std::move(records);
    return Apply(entry);
  }
  Effects Apply(const arbiter::LogEntry& entry) {
    auto effects = state_.Apply(state_.applied().Next(), entry);
    WORLDB_CHECK(effects.ok());
    return *std::move(effects);
  }
  arbiter::ClockReading Reading() const {
    return {now_, absl::Milliseconds(1), arbiter::ClockQuality::kSynchronised};
  }
  void Wait(absl::Duration time) { now_ += time; }

 private:
  const engine::Cell& cell_;
  const DataCenterIndex home_;
  arbiter::HomeState state_;
  SeededEntropy entropy_{99};
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::array<std::uint64_t, kNodeCount> frames_{};
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_HOME_BOOK_H_
