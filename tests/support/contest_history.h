// Random histories of one home, played on its state machine and on the oracle side by side.
//
// A history is drawn from a stream of choices, so a seed or a fuzzer's bytes decide everything. The
// worlds are small on purpose (few keys, nodes and moments), so that ties, overlaps, retries and
// late arrivals meet often. Clock readings wander and step back; ids are reused; stamps are
// sometimes very old. CLOSE records are made with CloseDue, at any place of an entry. Checkpoints are
// kept as a store would keep them; now and then one replica starts anew from the rows alone.
// Threads: one owner.
#ifndef WORLDB_TESTS_SUPPORT_CONTEST_HISTORY_H_
#define WORLDB_TESTS_SUPPORT_CONTEST_HISTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "arbiter/checkpoint.h"
#include "arbiter/home_state.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/bytes.h"
#include "tests/support/contest_oracle.h"

namespace worldb::testing {

class Choices {
 public:
  virtual ~Choices() = default;
  // REQUIRES: count > 0. One of 0 .. count - 1.
  virtual std::uint64_t Below(std::uint64_t count) = 0;
  virtual bool exhausted() const = 0;

  bool OneIn(std::uint64_t count) { return Below(count) == 0; }
  // Both ends included.
  std::int64_t Between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(Below(static_cast<std::uint64_t>(high - low + 1)));
  }
};

class SeededChoices final : public Choices {
 public:
  explicit SeededChoices(std::uint64_t seed) : random_(seed) {}
  std::uint64_t Below(std::uint64_t count) override { return random_() % count; }
  bool exhausted() const override { return false; }

 private:
  std::mt19937_64 random_;
};

// Two bytes a choice; zeroes after the end.
class ByteChoices final : public Choices {
 public:
  explicit ByteChoices(ByteSpan bytes) : bytes_(bytes) {}
  std::uint64_t Below(std::uint64_t count) override;
  bool exhausted() const override { return at_ >= bytes_.size(); }

 private:
  ByteSpan bytes_;
  std::size_t at_ = 0;
};

struct HistoryCounts {  // what the histories really contained
  std::map<std::string, std::uint64_t> seen;
};

// What a store holds that applied every checkpoint.
using CheckpointRows = std::map<std::string, Bytes>;

// Puts and removes what the checkpoint says. Answers what is wrong with it, or an empty text.
std::string ApplyCheckpoint(const arbiter::Checkpoint& checkpoint, CheckpointRows& rows);
// A new state from the rows, in key order; the first failure otherwise.
absl::StatusOr<arbiter::HomeState> RestoreHome(DataCenterIndex home,
                                               const arbiter::ContestRule& rule,
                                               const CheckpointRows& rows);

class ContestHistory {
 public:
  // `choices` and `counts` outlive this object.
  ContestHistory(Choices& choices, HistoryCounts& counts);

  // Makes the next entry and applies it to two replicas and the oracle. Returns what differs, or
  // an empty text.
  std::string Step();

  const arbiter::HomeState& state() const { return state_; }
  // As of the newest checkpoint.
  const CheckpointRows& rows() const { return rows_; }

 private:
  struct Intent {  // an op some client has in mind
    arbiter::Candidate candidate;
    std::uint32_t attempts = 0;
  };

  void MoveClock();
  arbiter::Candidate MakeCandidate();
  arbiter::Stamp MakeStamp();
  OpId MakeOp();
  // One that is closed, mostly.
  arbiter::RoundId PickVersion();
  NodeSet PickNodes();
  arbiter::LevelReached MakeLevel();
  arbiter::StateSum MakeStateSum();
  arbiter::LogRecord MakeRecord();
  arbiter::LogEntry MakeEntry();
  std::string CheckEffects(const std::vector<arbiter::Effect>& actual,
                           const std::vector<arbiter::Effect>& expected);
  std::string CheckLaws(const std::vector<arbiter::Effect>& effects);
  std::string CheckOps();
  std::string CheckVersions();
  std::string CheckRounds();
  std::string CheckCursors(const arbiter::LogEntry& entry);
  std::string CheckVisible();
  // The replica answers every question as the state does.
  std::string CheckReplica(const arbiter::LogEntry& entry);
  std::string CheckStopsAtAnotherSum();
  // `before`: the rows the newest checkpoint was applied to.
  std::string CheckRows(const CheckpointRows& before);
  void CountRetries(const arbiter::LogEntry& entry);
  std::string KeepCheckpoint(const arbiter::LogEntry& entry,
                             const std::vector<arbiter::Effect>& effects);
  std::string CheckLaw(const arbiter::OpJudged& judged);
  std::string CheckLaw(const arbiter::LevelAnnounced& level);
  std::string CheckLaw(const arbiter::VersionVisible& visible);
  bool ToldVoid(const arbiter::RoundId& id) const;

  Choices& choices_;
  HistoryCounts& counts_;
  arbiter::ContestRule rule_;
  arbiter::HomeState state_;
  arbiter::HomeState replica_;
  ContestOracle oracle_;

  CheckpointRows rows_;
  std::vector<KeyTag> keys_;
  std::vector<Intent> intents_;
  absl::Time now_;
  absl::Duration bound_;
  std::uint64_t entry_number_ = 0;
  std::uint64_t frame_number_ = 0;
  std::uint64_t payload_number_ = 0;
  std::uint64_t op_number_ = 0;
  // What the effects said, for the laws that need no oracle.
  std::map<OpId, arbiter::Outcome> told_;
  std::map<KeyTag, std::uint64_t> decided_;
  std::map<KeyTag, std::uint64_t> safe_;
  std::map<KeyTag, std::uint64_t> visible_;
  std::map<arbiter::RoundId, arbiter::Level> levels_;  // the highest told
  std::set<arbiter::RoundId> losses_;                  // of whose shares one was said to be lost
  std::map<arbiter::RoundId, OpId> winners_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_CONTEST_HISTORY_H_
