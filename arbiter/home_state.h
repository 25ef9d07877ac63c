// The state machine of one home: who competes for which version, who won, how far a value has spread.
//
// It is a pure function of the accept log. Every replica of the triad applies the same entries in the
// same order and gets the same effects, byte for byte: no clock, no randomness and no hash-map order
// decides anything. All time comes from the entries.
//
// How a candidate is judged (docs/protocol.md 1). Let v be the newest closed version of its key and e(w) the
// earliest bound of the closer's clock in the CLOSE of w, never below e(w-1). A Set *may have seen* w
// if the latest bound of its stamp is at or above e(w), or w <= its `seen`, or e(w) lies ahead of the
// reading it is recorded under: then the closer's clock was wrong.
//   base given, = v        candidate of v+1
//   base given, newer      refused BAD_BASE
//   base given, older      STALE if it may have seen base+1, else late against base+1
//   ABSENT                 the base is 0, or the newest tombstone, or a VOID version on top of either
//                          that it may have seen; STALE if that is an unseen tombstone with nothing but
//                          VOID versions on top
//   no base                candidate of v+1 if it may have seen every closed version, else late against
//                          the oldest one it cannot have seen
//   late against w         LATE_FIRST if it ranks before the winner of w, else LATE
//   stamp older than D_max at recording: too old to be judged, LATE in place of a candidate
// In an open round a plain candidate with a better one on record is LOST at once; an op that was ever
// recorded with attempt > 0 waits for CLOSE and counts with its smallest stamp.
//
// Checkpoints: an entry that asks for one makes every replica hand out the rows that changed since the
// last one (arbiter/checkpoint.h); all rows together are the state, and their sum is the same on every
// replica.
// Threads: one owner.
// Source:  docs/protocol.md 1, 3 to 6; docs/checkpoint-format.md; docs/decisions/001-absent-base.md.
#ifndef WORLDB_ARBITER_HOME_STATE_H_
#define WORLDB_ARBITER_HOME_STATE_H_

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/checkpoint.h"
#include "arbiter/log_entry.h"
#include "arbiter/op_id.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "arbiter/version_line.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::arbiter {

// Part of the state machine's definition: equal on every replica of every home of a cell.
struct ContestRule {
  absl::Duration window_max = absl::Seconds(2);    // D_max
  absl::Duration op_memory = absl::Hours(24);      // T_op
  absl::Duration op_ahead_max = absl::Seconds(5);  // an op id may lie this far ahead
};

// One op the home remembers.
struct OpRecord {
  KeyTag key_tag;
  Slot slot;
  OpKind kind = OpKind::kSet;
  std::optional<ContentTag> content_tag;
  CommitmentId commitment;  // of the payload recorded first
  ScriptId script;
  std::uint64_t payload_bytes = 0;
  NodeSet staged;
  Stamp stamp;           // smallest recorded
  NodeIndex ingress;     // who asked last and is told
  bool retried = false;  // an attempt above 0 was recorded
  Outcome outcome;
  RowSum row_sum;  // of its row in the last checkpoint; zero while its version's row carries it

  OpIdentity identity() const { return {key_tag, kind, content_tag}; }
};

// Effects, in the order they follow from the entry.
struct OpAccepted {  // recorded: hand out the ticket
  OpId op;
  NodeIndex ingress;
  RoundId round;  // the one it competes in or was judged against
  Stamp stamp;
  bool leading = false;
  OpIdentity identity;  // of the op on record
};
struct OpJudged {  // an outcome other than pending; WON is provisional until SAFE
  OpId op;
  NodeIndex ingress;
  KeyTag key_tag;
  Outcome outcome;
};
struct OpRefused {  // consumed nothing
  OpId op;
  NodeIndex ingress;
  Refusal refusal = Refusal::kBadBase;
  Version present;
  FrameNumber number;  // the frame refused: another one under the same op id may stand
};
struct VersionDecided {  // scatter it
  RoundId id;
};
struct VersionVisible {  // LATEST may answer with it from here on
  RoundId id;
};
struct OutageChanged {
  DataCenterIndex data_center;
  bool out = false;
};
struct LevelAnnounced {
  RoundId id;
  OpId op;
  NodeIndex ingress;
  Level level = Level::kHeld;
  NodeSet held;
};
// The payload of this op's candidate will never be scattered: it lost, came late, or repeats one that
// is already on record.
struct PayloadUnwanted {
  OpId op;
  CommitmentId commitment;
};
struct CheckpointMade {
  Checkpoint checkpoint;
};
using Effect = std::variant<OpAccepted, OpJudged, OpRefused, VersionDecided, LevelAnnounced,
                            PayloadUnwanted, VersionVisible, OutageChanged, CheckpointMade>;

class HomeState {
 public:
  HomeState(DataCenterIndex home, ContestRule rule);

  // Applies the entry at `index`. REQUIRES: index is applied() + 1.
  // DataLoss when a CLOSE names a result, or a StateSum a state, other than the one computed here:
  // this replica must stop.
  absl::StatusOr<std::vector<Effect>> Apply(LogIndex index, const LogEntry& entry);

  // Builds the state a checkpoint described, row by row in key order. REQUIRES: a new HomeState;
  // nothing else is called before FinishRestore() answered OK.
  // DataLoss when a row does not decode, or the rows do not add up to what the header says or do not
  // fit each other.
  absl::Status RestoreRow(absl::string_view key, ByteSpan value);
  absl::Status FinishRestore();

  LogIndex applied() const { return applied_; }
  DataCenterIndex home() const { return home_; }
  const ContestRule& rule() const { return rule_; }
  // D for the next round to open.
  absl::Duration window() const { return window_; }

  // The earliest moment at which some open round is due; infinite future without one.
  absl::Time NextDue() const;
  // And the latest; infinite past without one. A round is due no later than D_max after it was opened: what is
  // due much later than that from now was opened under a clock that ran ahead.
  absl::Time LastDue() const;
  // A CLOSE for the rounds that are due at `earliest`, the closer's earliest bound; at most
  // kRoundsPerCloseMax. Holds against exactly the state applied now. Nullopt when none is due.
  std::optional<Close> CloseDue(absl::Time earliest) const;

  // Null when unknown. Pointers stay valid until the next Apply.
  const OpRecord* FindOp(const OpId& op) const;
  const ClosedVersion* FindVersion(const RoundId& id) const;
  const ClosedVersion* Newest(const KeyTag& key_tag) const;
  // All closed versions of the key, oldest first; empty when unknown.
  std::span<const ClosedVersion> Versions(const KeyTag& key_tag) const;
  // The versions that became visible after the entry at `index`, in the order of the entries that made
  // them so; those of one entry by key tag and version. Looks at every version there is.
  std::vector<RoundId> VisibleSince(LogIndex index) const;
  // The level the op's outcome has now: of its version if it won, DECIDED if judged otherwise.
  Level LevelOf(const OpRecord& op) const;
  FrameNumber Cursor(NodeIndex node, StreamEpoch epoch) const;
  // The highest of which something is recorded; 0 when nothing of the node's is.
  StreamEpoch NewestStreamEpoch(NodeIndex node) const;
  // Won versions, not VOID, whose shares were never on all nine nodes yet, in key tag and version order.
  const std::set<RoundId>& unsettled() const { return unsettled_; }
  // Versions that were FULL, and are short of a share since.
  std::size_t incomplete_count() const { return incomplete_.size(); }
  std::size_t open_round_count() const { return due_.size(); }
  std::size_t op_count() const { return ops_.size(); }
  // An op of this id may have been on record and is not any more.
  bool MayHaveForgotten(const OpId& op) const { return OpIdTime(op) < forgotten_until_; }
  std::size_t late_first_count() const { return late_first_count_; }
  // The earliest bound the log's clock readings have reached, unless a later reading refuted it.
  absl::Time log_earliest() const { return log_earliest_; }
  // Data centers the log marks as gone for now.
  const std::set<DataCenterIndex>& out() const { return out_; }
  // Closed versions changed since the last checkpoint.
  bool HasUnsavedVersions() const { return !touched_versions_.empty(); }
  // The newest checkpoint applied; index 0 before the first one.
  StateSum checkpoint() const { return checkpoint_; }

 private:
  struct Contender {
    OpId op;
    Stamp stamp;
    Rank rank;
  };
  struct Round {
    Version version;
    absl::Time first_record;
    absl::Duration window;  // frozen when the round opened
    std::vector<Contender> contenders;
    std::size_t leader = 0;
    absl::Time due;
  };
  struct Key {
    VersionLine versions;
    std::optional<Round> round;
    // The newest version that left the key without a value: a tombstone, or a VOID one on top of
    // such a version or of nothing.
    Version newest_absent;
    Version told;  // every version up to this one is visible or VOID
    RowSum round_row_sum;
    Version Newest() const { return versions.Newest(); }
  };
  struct Judgement {
    bool candidate = false;  // of the next version
    Outcome outcome;         // otherwise
  };

  void ApplyRecord(const LogEntry& entry, const Candidate& c, std::vector<Effect>& effects);
  void ApplyKnownOp(const LogEntry& entry, const Candidate& c, OpRecord& op,
                    std::vector<Effect>& effects);
  absl::Status ApplyRecord(const LogEntry& entry, const Close& close, std::vector<Effect>& effects);
  void ApplyRecord(const LevelReached& level, std::vector<Effect>& effects);
  void ApplyRecord(const ShareLost& record);
  void ApplyRecord(const VersionVoid& record, std::vector<Effect>& effects);
  void ApplyRecord(const OutageChange& record, std::vector<Effect>& effects);
  void ApplyRecord(const Restaged& record);
  absl::Status ApplyRecord(const StateSum& record) const;
  std::optional<Refusal> RefusalOf(const LogEntry& entry, const Candidate& c, const Key* key) const;
  Judgement Judge(const LogEntry& entry, const Candidate& c, const Key& key) const;
  static Version AbsenceFor(const LogEntry& entry, const Candidate& c, const Key& key);
  Outcome LateAgainst(const Candidate& c, const ClosedVersion& winner) const;
  void JoinRound(const LogEntry& entry, const Candidate& c, Key& key, std::vector<Effect>& effects);
  void PutInFront(const KeyTag& key_tag, Round& round, std::size_t contender,
                  std::vector<Effect>& effects);
  void Lose(const KeyTag& key_tag, const Round& round, std::size_t contender,
            std::vector<Effect>& effects);
  void CloseRound(const KeyTag& key_tag, Key& key, absl::Time earliest,
                  std::vector<Effect>& effects);
  void Reschedule(const KeyTag& key_tag, Round& round);
  void Announce(Key& key, Version from, std::vector<Effect>& effects);
  void MakeVisible(Key& key, std::vector<Effect>& effects);
  static Version NewestAbsent(const VersionLine& versions);
  NodeIndex IngressOf(const ClosedVersion& closed) const;
  ClosedVersion* FindWon(const RoundId& id);
  void Touch(const RoundId& id) { touched_versions_.insert(id); }
  // The forgettable ops go, then every row that changed.
  Checkpoint MakeCheckpoint(const ClockReading& reading);
  void ForgetOps(const ClockReading& reading, std::vector<CheckpointRow>& rows);
  void PutRow(std::string key, Bytes value, RowSum& row_sum, std::vector<CheckpointRow>& rows);
  // Does nothing for a row that was never written.
  void DropRow(std::string key, RowSum& row_sum, std::vector<CheckpointRow>& rows);
  static Bytes EncodeRound(const Round& round);
  absl::Status RestoreHeader(ByteReader& r);
  absl::Status RestoreOp(ByteSpan key, ByteReader& r, RowSum sum);
  absl::Status RestoreVersion(absl::string_view key, ByteReader& r, RowSum sum);
  absl::Status RestoreRound(ByteSpan key, ByteReader& r, RowSum sum);
  bool RoundFits(const KeyTag& tag, const Key& key) const;
  bool VersionFits(const ClosedVersion& version) const;
  Bytes EncodeHeader() const;
  Hash256 DigestOf(const std::vector<RoundId>& rounds) const;
  const Round* FindRound(const RoundId& id) const;

  DataCenterIndex home_;
  ContestRule rule_;
  LogIndex applied_;
  LogIndex applying_;  // the entry being applied
  absl::Duration window_;
  absl::Time log_earliest_ = absl::InfinitePast();
  // Nodes, as entries are large and a table that grows moves them all.
  absl::node_hash_map<KeyTag, Key> keys_;
  absl::node_hash_map<OpId, OpRecord> ops_;
  std::map<std::pair<NodeIndex, StreamEpoch>, FrameNumber> cursors_;
  std::set<std::pair<absl::Time, RoundId>> due_;
  std::set<RoundId> unsettled_;
  std::set<RoundId> incomplete_;
  std::size_t late_first_count_ = 0;
  std::set<DataCenterIndex> out_;
  // Ops dated before this may have been forgotten: just above the newest that was.
  absl::Time forgotten_until_ = absl::InfinitePast();
  // Ops dated before this were last looked through for forgettable ones.
  absl::Time looked_until_ = absl::InfinitePast();

  StateSum checkpoint_;
  RowSum sum_;  // of all rows of the last checkpoint but the header
  absl::flat_hash_set<OpId> touched_ops_;
  absl::flat_hash_set<RoundId> touched_versions_;
  absl::flat_hash_set<KeyTag> touched_rounds_;
  // While a state is being restored.
  std::optional<Checkpoint> restored_header_;
  RowSum restored_sum_;
};

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_HOME_STATE_H_
