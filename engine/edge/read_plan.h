// Whom to ask for the shares of one version, whom to ask beside those who are slow, and when to give up.
//
// First the nearest nodes that suffice are asked. One whose answer is overdue is no longer counted on: the
// next best who make up a readable set with the others are asked beside it, everybody when there is no
// such set. After an answer that was no good everybody is asked, for more may be wrong. Nobody is asked
// twice. When nobody who is up has anything to add, the version is given up.
//
// "Nearest" is the readable set whose slowest node is the quickest possible, then whose second slowest
// is, and so on; therefore none of it is superfluous.
//
// Threads: one owner; no clock, no network: time and outlook are arguments.
// Source:  docs/protocol.md 6; engine/edge/answer_times.h for who is overdue.
#ifndef WORLDB_ENGINE_EDGE_READ_PLAN_H_
#define WORLDB_ENGINE_EDGE_READ_PLAN_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/outcome.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/script_book.h"
#include "engine/edge/answer_times.h"
#include "engine/edge/outlook.h"
#include "engine/messages/home_questions.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

// One version to gather, and who may hold it.
struct ReadTarget {
  SlotEpoch slot_epoch;
  Version version;
  std::optional<CommitmentId> commitment;  // as the home knows it
  std::optional<CoreId> core;              // as the nodes list it
  std::shared_ptr<const cryptoscatter::Script> script;
  NodeSet holders;
  std::uint64_t payload_bytes = 0;  // of sealed ciphertext, as was told
  arbiter::Level level = arbiter::Level::kSafe;
  OpId op;
  std::vector<Version> void_versions;
};

// What nodes say they hold of one key, in order of slot epoch and version.
using Holdings = std::map<ListedShare, NodeSet>;

// The version that the home named.
ReadTarget TargetOf(const VersionFacts& facts, std::shared_ptr<const cryptoscatter::Script> script);
// The versions that their holders can read, newest first. One under a script not in the book is none.
std::vector<ReadTarget> TargetsOf(const Holdings& holdings,
                                  const cryptoscatter::ScriptBook& scripts);

// All nine nodes.
using NodeOrder = std::array<NodeIndex, kNodeCount>;
// By the time their answers are expected to take; ties by round trip, then by index.
NodeOrder QuickestFirst(const AnswerTimes& answer_times, const Outlook& outlook,
                        absl::Duration now);

// `hopeful`, who are counted on whatever they cost, and of `holders` the nearest who make them a readable
// set; empty when all of them are too few.
NodeSet NearestReadable(const cryptoscatter::Script& script, NodeSet holders,
                        const NodeOrder& order, NodeSet hopeful = {});

class ReadPlan {
 public:
  struct Step {
    NodeSet ask;           // now; nobody among them was asked before
    bool give_up = false;  // nobody who is up has anything to add
  };

  // `holders` should have shares. Script and answer times outlive the plan, which learns into the latter.
  ReadPlan(const cryptoscatter::Script& script, NodeSet holders, AnswerTimes& answer_times)
      : script_(script), holders_(holders), answer_times_(answer_times) {}

  // Whom to ask first, beside those of `speculative`: they were asked at `since`, and are counted on
  // whatever they cost. Times here and below are elapsed, never earlier than in the calls before.
  NodeSet Begin(const Outlook& outlook, absl::Duration now, NodeSet speculative = {},
                absl::Duration since = {});
  // An answer has come, whatever it is worth. REQUIRES: `from` was asked.
  void TakeAnswer(NodeIndex from, absl::Duration now);
  // The same of one of `speculative`; how long it took was learnt when it came.
  void TakeSpeculative(NodeIndex from) { answered_.Add(from); }
  // What one of `speculative` gave is of another version: it is asked now as others are.
  void AskAnew(NodeIndex node, const Outlook& outlook, absl::Duration now);
  // All answers so far do not suffice. Was the last one `good`?
  Step GoOn(bool good, const Outlook& outlook, absl::Duration now);
  // When to LookAgain() if nothing suffices until then.
  absl::Duration NextLook(absl::Duration now) const;
  Step LookAgain(const Outlook& outlook, absl::Duration now);

  NodeSet asked() const { return asked_; }
  NodeSet answered() const { return answered_; }

 private:
  // Neither answered nor overdue.
  NodeSet Awaited() const { return asked_.Minus(answered_).Minus(overdue_); }
  void NoteOverdue(absl::Duration now);
  // Those of `nodes` who were not asked yet, on record as asked from now on.
  NodeSet Ask(NodeSet nodes, const Outlook& outlook, absl::Duration now);
  Step AskOrGiveUp(NodeSet nodes, const Outlook& outlook, absl::Duration now);

  const cryptoscatter::Script& script_;
  const NodeSet holders_;
  AnswerTimes& answer_times_;
  NodeSet asked_;
  NodeSet answered_;
  NodeSet overdue_;                                  // some of them have answered since
  std::array<absl::Duration, kNodeCount> asked_at_;  // of those asked
  std::array<absl::Duration, kNodeCount> due_at_;    // overdue from then on
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_READ_PLAN_H_
