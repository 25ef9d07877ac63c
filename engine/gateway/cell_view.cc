#include "engine/gateway/cell_view.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/cell/triad.h"

namespace worldb::engine {
namespace {

// A home that does not answer is asked again; the request or the answer may have been lost.
constexpr absl::Duration kAskHomeEvery = absl::Milliseconds(500);
// How much sooner than its caller the home must give up, beside the way back.
constexpr absl::Duration kAnswerSlack = absl::Milliseconds(200);

}  // namespace

CellView::CellView(NodeSelf& self, const PeerTable& peers, const HomeDirectory& homes)
    : self_(self),
      peers_(peers),
      homes_(homes),
      facts_(self.request_ids(), kHomeQuestionsMax),
      listings_(self.request_ids(), kNodeQuestionsMax),
      shares_(self.request_ids(), kNodeQuestionsMax) {}

Outlook CellView::Look() const {
  Outlook outlook{.reachable = peers_.Reachable(),
                  .possibly_reachable = peers_.PossiblyReachable()};
  for (int i = 0; i < kNodeCount; ++i) outlook.round_trips[i] = peers_.RoundTrip(NodeAt(i));
  return outlook;
}

CellAccess::Question CellView::AskHome(const VersionQuestion& question, FactsAnswer answer) {
  const RequestId id =
      facts_.Add(Triad(question.home).set(),
                 ToHome{.question = question, .answer = std::move(answer), .again = Timer()});
  WillAskHome(question.home, id);
  return Question(*this, id);
}

void CellView::WillAskHome(DataCenterIndex home, RequestId id) {
  to_homes_[home.value()].push_back(id);
  SendLater();
}

void CellView::SendLater() {
  if (std::exchange(send_posted_, true)) return;
  const absl::Duration wait = sent_last_ + kSendEvery - self_.now();
  if (wait > absl::ZeroDuration()) {
    self_.executor().PostAfter(wait, [this] { SendAll(); });
  } else {
    self_.executor().Post([this] { SendAll(); });
  }
}

void CellView::SendAll() {
  send_posted_ = false;
  sent_last_ = self_.now();
  for (int i = 0; i < kDataCenterCount; ++i) {
    const std::vector<RequestId> ids = std::exchange(to_homes_[i], {});
    if (!ids.empty()) SendToHome(DataCenterAt(i), ids);
  }
  for (int i = 0; i < kNodeCount; ++i) SendToNode(NodeAt(i));
}

void CellView::SendToHome(DataCenterIndex home, const std::vector<RequestId>& ids) {
  const absl::Duration again_after = kAskHomeEvery + 2 * peers_.RoundTrip(Triad(home).At(0));
  const auto sequencer = homes_.SequencerOf(home);
  ReadQueries message;
  const auto send = [&] {
    if (message.queries.empty()) return;
    self_.Send(*sequencer, std::exchange(message, {}));
  };
  for (const RequestId id : ids) {
    ToHome* asked = facts_.Find(id);
    if (asked == nullptr) continue;
    asked->again =
        Timer(self_.executor(), again_after, [this, home, id] { WillAskHome(home, id); });
    if (!sequencer.has_value()) continue;
    const VersionQuestion& question = asked->question;
    const absl::Duration left =
        question.deadline - self_.now() - peers_.RoundTrip(*sequencer) - kAnswerSlack;
    message.queries.push_back({.id = id,
                               .key_tag = question.key_tag,
                               .version = question.version,
                               .patience = std::max(absl::ZeroDuration(), left)});
    if (message.queries.size() == ReadQueries::kQueriesMax) send();
  }
  send();
}

void CellView::SendToNode(NodeIndex node) {
  FetchShares message = std::exchange(to_nodes_[node.value()], {});
  if (!message.fetches.empty() || !message.newest.empty()) self_.Send(node, std::move(message));
}

void CellView::TakeFacts(NodeIndex from, const ReadReplies& message) {
  for (const ReadReply& reply : message.replies) {
    if (reply.status.ok() && !reply.facts.has_value()) continue;  // says nothing
    const std::optional<ToHome> asked = facts_.Take(from, reply.id);
    if (asked.has_value()) asked->answer(reply);
  }
}

CellAccess::Question CellView::List(NodeIndex node, const KeyTag& key_tag, ListAnswer answer) {
  const RequestId id = listings_.Add(node, std::move(answer));
  self_.Send(node, ListShares{.id = id, .key_tag = key_tag});
  return Question(*this, id);
}

void CellView::TakeListing(NodeIndex from, const ListSharesReply& reply) {
  if (const auto answer = listings_.Take(from, reply.id)) (*answer)(reply);
}

CellAccess::Question CellView::Fetch(NodeIndex node, const VersionRef& version,
                                     const cryptoscatter::ExchangePublicKey& reader,
                                     ShareAnswer answer) {
  const RequestId id = shares_.Add(node, std::move(answer));
  std::vector<FetchShare>& fetches = to_nodes_[node.value()].fetches;
  fetches.push_back({.id = id,
                     .key_tag = version.key_tag,
                     .slot_epoch = version.slot_epoch,
                     .version = version.version,
                     .reader_exchange_key = reader});
  SendWhenFull(node, fetches.size());
  return Question(*this, id);
}

CellAccess::Question CellView::FetchNewest(NodeIndex node, const KeyTag& key_tag,
                                           const cryptoscatter::ExchangePublicKey& reader,
                                           ShareAnswer answer) {
  const RequestId id = shares_.Add(node, std::move(answer));
  // Qualified: it is a message, and this function's name.
  std::vector<engine::FetchNewest>& newest = to_nodes_[node.value()].newest;
  newest.push_back({.id = id, .key_tag = key_tag, .reader_exchange_key = reader});
  SendWhenFull(node, newest.size());
  return Question(*this, id);
}

void CellView::SendWhenFull(NodeIndex node, std::size_t fetches) {
  if (fetches == FetchShares::kFetchesMax) {
    SendToNode(node);
  } else {
    SendLater();
  }
}

void CellView::TakeShares(NodeIndex from, const FetchSharesReply& message) {
  for (const FetchShareReply& reply : message.replies) {
    if (const auto answer = shares_.Take(from, reply.id)) (*answer)(reply);
  }
}

void CellView::Doubt(NodeIndex node, const VersionRef& version) {
  self_.Send(node, ShareDoubt{version});
}

void CellView::Forget(QuestionId id) {
  // Ids are of one row: at most one of these knows it.
  if (shares_.Drop(id).has_value() || listings_.Drop(id).has_value()) return;
  facts_.Drop(id);
}

}  // namespace worldb::engine
