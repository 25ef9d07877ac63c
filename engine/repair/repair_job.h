// One repair: what is known of a share of this node, what is missing, whom to ask for it next, and whom to
// blame. A core: answers in, effects out.
//
// A repair reads what is there and makes up what is missing of it, in this order:
//   - metadata: from a neighbour in the data center, whose path names this node's leaf, once nodes that
//     could read the value have named the same commitment; two values under one version are an alarm
//     and end the repair;
//   - key share: masked contributions of a helper set, which show no helper's share (key_repair.h);
//   - fragment: from verified fragments of the nearest nodes that give it, two neighbours at best.
// Then the whole is checked against the writer-signed leaf, and written.
//
// Who is silent, does not have it, or gives what does not verify helps no more in this attempt. A
// contribution cannot be verified alone: if the key share they give is wrong, one of that helper set
// lies, and that set is not asked again. When those left do not suffice, the attempt ends in a pause and
// the next begins with nothing but what was handed over and which helper sets failed.
// Bounds:  kAttemptsMax attempts; helper sets that failed are subsets of eight nodes, none twice.
// Threads: one owner.
// Secrets: the key share, as found, handed over or rebuilt, and contributions to it.
// Source:  docs/protocol.md 7; docs/share-format.md section 14.
#ifndef WORLDB_ENGINE_REPAIR_REPAIR_JOB_H_
#define WORLDB_ENGINE_REPAIR_REPAIR_JOB_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell.h"
#include "engine/messages/share_messages.h"
#include "engine/repair/fragment_rebuild.h"
#include "engine/repair/repair_effects.h"
#include "engine/shares/held_share.h"

namespace worldb::engine {

// The node whose share it is. What it points to outlives the job.
struct RepairingNode {
  std::shared_ptr<const Cell> cell;
  NodeIndex index;
  const cryptoscatter::StorageKey* storage_key = nullptr;
  cryptoscatter::BatchVerifier* verifier = nullptr;
};

// Who might help, at the moment of an event.
struct Helpers {
  NodeSet reachable;
  std::vector<NodeIndex> by_distance;  // all nine, nearest first
};

class RepairJob {
 public:
  static constexpr int kAttemptsMax = 30;
  static constexpr absl::Duration kPauseMin = absl::Seconds(1);
  static constexpr absl::Duration kPauseMax = absl::Minutes(1);
  using Effects = repair::Effects;

  RepairJob(RepairingNode node, const VersionRef& version)
      : node_(std::move(node)), version_(version) {}

  // The share was handed over, without its fragment; `key_share` is its, verified. False, and nothing is
  // changed, when it is of another value than the one that is known or was handed over.
  bool Owe(std::shared_ptr<const ShareDelivery> delivery, cryptoscatter::KeyShare key_share);

  // An attempt begins: what comes in is what is stored.
  Effects Begin();
  Effects TakeHeld(HeldShare held, Helpers helpers);
  // What `from` gave when it was asked for metadata or a fragment; null for nothing.
  Effects TakeShare(NodeIndex from, std::shared_ptr<const cryptoscatter::Share> share,
                    Helpers helpers);
  // What `from` gave when it was asked for a contribution, opened; null for nothing.
  Effects TakeContribution(NodeIndex from, std::optional<cryptoscatter::KeyShare> contribution,
                           Helpers helpers);
  // These were asked and have not answered in time.
  Effects TakeSilence(NodeSet silent, Helpers helpers);
  Effects TakeRebuilt(RebuiltFragment rebuilt, Helpers helpers);
  Effects TakeMended(const absl::Status& status);

  const VersionRef& version() const { return version_; }
  // Asked, and not heard from.
  NodeSet awaited() const { return attempt_.awaited; }
  // REQUIRES: contributions are asked for.
  cryptoscatter::KeyRepair key_repair() const;
  // REQUIRES: the last effect was AskContributions, Mend or Done; of the key share, Mend.
  const cryptoscatter::Share& share() const { return *attempt_.share; }
  const cryptoscatter::KeyShare& key_share() const { return *attempt_.key_share; }

 private:
  enum class Question { kNone, kMetadata, kKeyShare, kFragments };

  struct Attempt {
    Question question = Question::kNone;  // the open one
    NodeSet excluded;                     // no help from these
    NodeSet awaited;
    std::optional<cryptoscatter::Share> share;  // trusted metadata; what else is known goes in
    std::shared_ptr<const cryptoscatter::Script> script;
    CoreId core;
    CommitmentId commitment;
    std::optional<Hash256> leaf;  // set when fragment root and key-share hash are not known apart
    std::optional<cryptoscatter::StoredKeyShare> stored_key_share;
    Hash256 stored_key_share_hash;  // as the row beside it says
    std::optional<cryptoscatter::KeyShare> key_share;
    NodeSet helpers;  // for the key share
    std::vector<cryptoscatter::IndexedKeyShare> contributions;
    bool key_share_rebuilt = false;
    SharesByNode answers;                  // metadata or fragments, judged
    std::optional<Hash256> fragment_root;  // of the fragment in `share`, once it is there
    bool fragment_rebuilt = false;
  };

  // Does what comes next: asks for what is missing, or has it written.
  void Advance();
  void AskMetadata();
  void WeighMetadata();
  void Adopt(const cryptoscatter::Share& neighbour, const CommitmentId& commitment);
  void AskKeyShare();
  std::optional<NodeSet> ChooseKeyHelpers() const;
  void JoinContributions();
  // Asks on while earlier answers are still on their way: nothing is fetched twice.
  void AskFragments();
  std::optional<NodeSet> ChooseFragmentHelpers() const;
  void MaybeRebuild();

  // Whether key share and fragment are those of this node's leaf; says so in the share.
  bool Settle();
  // REQUIRES: its proof holds.
  void Know(cryptoscatter::Share share);
  void UnwrapStored();
  bool KeyShareFits() const;
  bool IsUsable(NodeIndex from, const cryptoscatter::Share& share) const;
  NodeSet Candidates() const;

  void BeginTurn();
  void NoteBad();
  void RefuseOwed(std::string why);
  void Pause();
  void GiveUp(std::string why);
  void Add(repair::Effect effect) { effects_.push_back(std::move(effect)); }
  Effects Take() { return std::exchange(effects_, {}); }

  const RepairingNode node_;
  const VersionRef version_;
  int attempts_ = 0;
  bool counted_bad_ = false;
  // Handed over by the scatterer.
  std::shared_ptr<const ShareDelivery> owed_;
  std::optional<cryptoscatter::KeyShare> owed_key_share_;
  // Contributions of these did not give the share: one of them lies.
  std::vector<NodeSet> failed_helpers_;
  Attempt attempt_;
  // As of, and of, the present event.
  Helpers helpers_;
  Effects effects_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_REPAIR_REPAIR_JOB_H_
