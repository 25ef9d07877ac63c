// The cell as a node sees it, for the edge that runs in it: sends its questions to other nodes and brings
// it their answers.
//
// A question to a home goes to its sequencer; any node of the home's triad may answer, for by then another
// one may lead. It is asked again under the same id, which makes it the same read. Versions and shares
// that are asked for while the executor is busy, or within kSendEvery of the last message, go together, one
// message to each node; after a pause the first leaves behind what is already waiting to run.
//
// Bounds:  kHomeQuestionsMax and kNodeQuestionsMax of each kind, which as many reads as there may be
//          cannot exceed; one more silences the oldest.
// Threads: its node's executor.
// Source:  docs/protocol.md 6.
#ifndef WORLDB_ENGINE_GATEWAY_CELL_VIEW_H_
#define WORLDB_ENGINE_GATEWAY_CELL_VIEW_H_

#include <array>
#include <cstddef>
#include <vector>

#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/edge/cell_access.h"
#include "engine/edge/gatherer.h"
#include "engine/edge/timer.h"
#include "engine/messages/asked.h"

namespace worldb::engine {

class CellView final : public CellAccess {
 public:
  static constexpr absl::Duration kSendEvery = absl::Milliseconds(3);

  static constexpr std::size_t kHomeQuestionsMax = Gatherer::kGetsMax;
  // A read asks each node one thing of a kind at a time.
  static constexpr std::size_t kNodeQuestionsMax = kNodeCount * Gatherer::kGetsMax;

  // All outlive this object.
  CellView(NodeSelf& self, const PeerTable& peers, const HomeDirectory& homes);

  const Cell& cell() const override { return self_.cell(); }
  Outlook Look() const override;
  Question AskHome(const VersionQuestion& question, FactsAnswer answer) override;
  Question List(NodeIndex node, const KeyTag& key_tag, ListAnswer answer) override;
  Question Fetch(NodeIndex node, const VersionRef& version,
                 const cryptoscatter::ExchangePublicKey& reader, ShareAnswer answer) override;
  Question FetchNewest(NodeIndex node, const KeyTag& key_tag,
                       const cryptoscatter::ExchangePublicKey& reader, ShareAnswer answer) override;
  void Doubt(NodeIndex node, const VersionRef& version) override;

  // What came from other nodes. Of those who were not asked it changes nothing.
  void TakeFacts(NodeIndex from, const ReadReplies& message);
  void TakeListing(NodeIndex from, const ListSharesReply& reply);
  void TakeShares(NodeIndex from, const FetchSharesReply& message);

 private:
  struct ToHome {
    VersionQuestion question;
    FactsAnswer answer;
    Timer again;
  };
  void Forget(QuestionId id) override;
  // `id` is asked with the next that is sent to this home.
  void WillAskHome(DataCenterIndex home, RequestId id);
  void SendLater();
  void SendAll();
  void SendToHome(DataCenterIndex home, const std::vector<RequestId>& ids);
  void SendToNode(NodeIndex node);
  // `fetches` of a kind wait for it.
  void SendWhenFull(NodeIndex node, std::size_t fetches);

  NodeSelf& self_;
  const PeerTable& peers_;
  const HomeDirectory& homes_;
  Asked<ToHome> facts_;
  Asked<ListAnswer> listings_;
  Asked<ShareAnswer> shares_;
  // What is to be sent. Some of it may have been dropped since.
  std::array<std::vector<RequestId>, kDataCenterCount> to_homes_;
  std::array<FetchShares, kNodeCount> to_nodes_;
  bool send_posted_ = false;
  absl::Duration sent_last_ = -absl::InfiniteDuration();
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_CELL_VIEW_H_
