// The contest rules a second time: slow, plain, and written from the protocol's text alone.
//
// Keeps the whole list of what was recorded and works out every question by scanning it: who
// competes, who leads, when a round is due, which level may be announced, what LATEST may answer
// with. It never drops an op: one the home may have forgotten is marked, so that a second run of it
// shows. It makes no checkpoints: what they hold is for others to compare. Shares with
// arbiter/home_state.cc only the data types and the labelled hash function; even ranks are computed
// anew.
// Errors:  none; it is fed entries that a correct home would write.
// Threads: one owner.
// Source:  docs/protocol.md 1, 3, 5; docs/decisions/001-absent-base.md; the header of
//          arbiter/home_state.h for the shape of the effects.
#ifndef WORLDB_TESTS_SUPPORT_CONTEST_ORACLE_H_
#define WORLDB_TESTS_SUPPORT_CONTEST_ORACLE_H_

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/home_state.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::testing {

class ContestOracle {
 public:
  explicit ContestOracle(arbiter::ContestRule rule) : rule_(rule), window_(rule.window_max) {}

  // The effects the entry must have, but for CheckpointMade. The order between different ops and
  // versions carries no meaning; the order of effects of one op, or of one version, does.
  std::vector<arbiter::Effect> Apply(const arbiter::LogEntry& entry);

  // One record of an op that was not refused.
  struct Attempt {
    arbiter::Candidate candidate;
    absl::Time recorded;    // the midpoint of the entry's reading
    absl::Duration window;  // D in force then
    bool counts = true;     // its stamp takes part in the contest
  };
  struct Op {
    std::vector<Attempt> attempts;  // in the order of recording, never empty
    Version candidate_of;           // 0: judged at once, never a candidate
    arbiter::Outcome outcome;
    bool forgotten = false;
    const arbiter::Candidate& first() const { return attempts.front().candidate; }
    NodeIndex ingress() const { return attempts.back().candidate.stamp.node; }
    bool retried() const;
    // Of all attempts with the payload that was recorded first.
    NodeSet staged() const;
  };
  struct Ending {  // of one round
    arbiter::RoundId id;
    OpId winner;
    arbiter::Stamp stamp;
    absl::Time reading_earliest;
    NodeSet staged;         // named as having the payload, until VOID
    bool gone = false;      // VOID
    LogIndex visible_from;  // 0: not yet
  };

  const std::map<OpId, Op>& ops() const { return ops_; }
  const std::vector<Ending>& endings() const { return endings_; }
  const Ending& EndingOf(const arbiter::RoundId& id) const;
  const std::set<DataCenterIndex>& out() const { return out_; }
  // Entries applied.
  LogIndex applied() const { return applied_; }
  // Ops not forgotten.
  std::size_t RememberedCount() const;
  absl::Duration window() const { return window_; }
  absl::Time log_earliest() const { return log_earliest_; }

  // The smallest of the op's stamps that count.
  arbiter::Stamp CountingStamp(const Op& op) const;
  Version Newest(const KeyTag& key) const;
  absl::Time ClosedEarliest(const arbiter::RoundId& id) const;  // e(w)
  arbiter::Level Reached(const arbiter::RoundId& id) const;
  arbiter::Level Announced(const arbiter::RoundId& id) const;
  // What was announced, less what was lost since.
  arbiter::Level Present(const arbiter::RoundId& id) const;
  NodeSet Held(const arbiter::RoundId& id) const;
  bool WasFull(const arbiter::RoundId& id) const;
  bool Refuted(const arbiter::RoundId& id) const;
  arbiter::Level LevelOf(const Op& op) const;
  std::size_t LateFirstCount() const;
  FrameNumber Cursor(NodeIndex node, StreamEpoch epoch) const;
  // Every open round and the moment at which it is due.
  std::map<arbiter::RoundId, absl::Time> OpenRounds() const;

 private:
  struct OwnRank {
    absl::Time midpoint;
    Hash256 tie;
    OpId op;
    bool operator<(const OwnRank& other) const;
  };
  // Shares that were stored, or lost, and the level that this made.
  struct Spread {
    arbiter::RoundId version;
    bool lost = false;
    arbiter::Level level = arbiter::Level::kDecided;
    NodeSet nodes;
  };
  static OwnRank RankIn(const arbiter::RoundId& round, const arbiter::Stamp& stamp, const OpId& op);

  void Record(const arbiter::LogEntry& entry, const arbiter::Candidate& c,
              std::vector<arbiter::Effect>& effects);
  void RecordAgain(const arbiter::LogEntry& entry, const arbiter::Candidate& c,
                   std::vector<arbiter::Effect>& effects);
  void EndRound(const arbiter::LogEntry& entry, const arbiter::RoundId& id,
                std::vector<arbiter::Effect>& effects);
  void Reach(const arbiter::LevelReached& reached, std::vector<arbiter::Effect>& effects);
  void GiveUp(const arbiter::VersionVoid& gone, std::vector<arbiter::Effect>& effects);
  void ChangeOutage(const arbiter::OutageChange& change, std::vector<arbiter::Effect>& effects);
  void Lose(const arbiter::ShareLost& lost);
  arbiter::Level MayBeAnnounced(const arbiter::RoundId& id) const;
  void TellRisen(const KeyTag& key, std::vector<arbiter::Effect>& effects);
  // Marks and tells every version that may be seen from now on.
  void Show(std::vector<arbiter::Effect>& effects);
  // At a checkpoint.
  void Forget(const arbiter::ClockReading& reading);
  bool MayBeForgotten(const OpId& name, absl::Time until) const;

  std::optional<arbiter::Refusal> WhyRefused(const arbiter::LogEntry& entry,
                                             const arbiter::Candidate& c) const;
  bool TooOld(const arbiter::LogEntry& entry, const arbiter::Candidate& c) const;
  bool MayHaveSeen(const arbiter::LogEntry& entry, const arbiter::Candidate& c, Version w) const;
  // Pending for a candidate of the next version.
  arbiter::Outcome JudgeFirst(const arbiter::LogEntry& entry, const arbiter::Candidate& c) const;
  arbiter::Outcome LateAgainst(const arbiter::Candidate& c, Version w) const;
  // No value is there once version w is the newest.
  bool AbsentAfter(const arbiter::RoundId& id) const;
  Version NewestAbsence(const KeyTag& key) const;
  Version AbsenceKnownTo(const arbiter::LogEntry& entry, const arbiter::Candidate& c) const;
  Ending* FindWon(const arbiter::RoundId& id);  // null when not ended, or VOID
  NodeIndex IngressOf(const Ending& ending) const;
  bool HasEnded(const arbiter::RoundId& id) const;

  // Everybody who ever competed in the round, early losers included, best first.
  std::vector<OpId> Ranking(const arbiter::RoundId& id) const;
  arbiter::Outcome LostTo(const OpId& loser, const OpId& better, Version version) const;
  // Tells those whom the record just applied has beaten.
  void LoseTheBeaten(const arbiter::RoundId& id, std::vector<arbiter::Effect>& effects);
  void TellUnlessWanted(const arbiter::Candidate& c, std::vector<arbiter::Effect>& effects) const;
  void Judge(const OpId& op, const arbiter::Outcome& outcome,
             std::vector<arbiter::Effect>& effects);

  const arbiter::ContestRule rule_;
  absl::Duration window_;
  absl::Time log_earliest_ = absl::InfinitePast();
  LogIndex applied_;
  std::set<DataCenterIndex> out_;
  // Ops dated before this were forgotten where that was allowed; nothing: never yet.
  std::optional<absl::Time> forgot_before_;
  std::map<OpId, Op> ops_;
  std::vector<OpId> order_;  // ops in the order of their first record
  std::vector<Ending> endings_;
  std::vector<Spread> spreads_;
  std::map<arbiter::RoundId, arbiter::Level> announced_;
  std::vector<arbiter::StreamCursor> cursors_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_CONTEST_ORACLE_H_
