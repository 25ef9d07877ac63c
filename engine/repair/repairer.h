// Makes this node's damaged and lost shares whole again out of what other nodes hold.
//
// What a repair does is the RepairJob's to decide. Here is its shell: the queue of repairs, a few under
// way at a time, their messages and timers, the pool, the receipts for shares that were owed, and what
// is counted. Who is heard is checked: an answer counts if its sender was asked, in the repair's present
// turn, for an answer of that kind.
// Bounds:  kRepairsMax repairs: one more is not begun, and an owed share is refused, to be offered again;
//          kUnderWayMax of them under way at a time; kOwedAnswersMax wait for the receipt of one share, one
//          more takes the place of the oldest; of questions, one to each other node for each repair under
//          way.
// Threads: its node's executor.
// Source:  docs/protocol.md 7; docs/share-format.md section 14.
#ifndef WORLDB_ENGINE_REPAIR_REPAIRER_H_
#define WORLDB_ENGINE_REPAIR_REPAIRER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cryptoscatter/records.h"
#include "engine/api/node_status.h"
#include "engine/cell/cell.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/messages/asked.h"
#include "engine/messages/repair_messages.h"
#include "engine/repair/repair_job.h"
#include "engine/shares/share_mender.h"
#include "engine/shares/share_reader.h"

namespace worldb::engine {

class Repairer {
 public:
  static constexpr std::size_t kRepairsMax = 4096;
  static constexpr int kUnderWayMax = 4;
  static constexpr std::size_t kOwedAnswersMax = 4;

  Repairer(NodeSelf& self, const NodeSecrets& secrets, PairwiseKeys& keys,
           cryptoscatter::BatchVerifier& verifier, ShareReader& reader, ShareMender& mender,
           const PeerTable& peers);
  ~Repairer();

  // Looks at the share and repairs what is wrong with it; nothing happens when all is well, when it
  // is under way already, or when too many wait.
  void Repair(const VersionRef& version);
  void TakeOwed(NodeIndex from, const OwedShare& owed);
  void TakeFragment(NodeIndex from, const FetchFragmentReply& reply);
  void TakeContribution(NodeIndex from, const RepairKeyShareReply& reply);
  // A node is back: repairs that wait for helpers try again.
  void WakeAll();

  RepairStatus Status() const;

 private:
  static constexpr std::size_t kQuestionsMax = std::size_t{kUnderWayMax} * (kNodeCount - 1);
  struct Entry;
  using Question = std::pair<NodeIndex, RequestId>;

  Entry* Find(const VersionRef& version);
  // Null when too many wait.
  Entry* Add(const VersionRef& version);
  // Begins waiting repairs while there is room.
  void BeginReady();
  void BeginSoon();
  void Wake(Entry& entry);
  Helpers HelpersNow() const;
  absl::StatusOr<cryptoscatter::KeyShare> OpenOwed(const ShareDelivery& delivery);
  void Refuse(NodeIndex to, RequestId id, const std::string& why) const;

  // Carries out what a job wants. The entry may be gone after the last effect.
  void Do(Entry& entry, repair::Effects effects);
  void Do(Entry& entry, const repair::NewTurn&);
  void Do(Entry& entry, const repair::Inspect&);
  void Do(Entry& entry, const repair::AskMetadata& ask);
  void Do(Entry& entry, const repair::AskFragments& ask);
  void Do(Entry& entry, const repair::AskContributions& ask);
  void Do(Entry& entry, const repair::Rebuild& rebuild);
  void Do(Entry& entry, const repair::Mend&);
  void Do(Entry& entry, const repair::FoundBad&);
  void Do(Entry& entry, const repair::Alarm&);
  void Do(Entry& entry, const repair::Fetched& fetched);
  void Do(Entry& entry, const repair::RefuseOwed& refuse);
  void Do(Entry& entry, const repair::Pause& pause);
  void Do(Entry& entry, const repair::GiveUp& give_up);
  void Do(Entry& entry, const repair::Done& done);

  // `then(entry, ...)`, unless the repair has ended or is in another turn by then.
  template <typename Then>
  auto InThisTurn(const Entry& entry, Then then);
  // Sends `message` to each of `whom` under an id of its own.
  template <typename Message>
  void Ask(Entry& entry, NodeSet whom, Asked<VersionRef>& asked, Message message);
  // Tells the job who of them has not answered by then.
  void WatchFor(Entry& entry, std::vector<Question> questions);
  void Leave(Entry& entry);

  NodeSelf& self_;
  const NodeSecrets& secrets_;
  PairwiseKeys& keys_;
  cryptoscatter::BatchVerifier& verifier_;
  ShareReader& reader_;
  ShareMender& mender_;
  const PeerTable& peers_;
  std::map<VersionRef, std::unique_ptr<Entry>> entries_;
  std::deque<VersionRef> ready_;  // each of them once
  int under_way_ = 0;
  std::uint64_t last_turn_ = 0;
  Asked<VersionRef> asked_shares_;
  Asked<VersionRef> asked_contributions_;
  RepairStatus counts_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_REPAIR_REPAIRER_H_
