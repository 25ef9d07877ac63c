// Questions to homes that stand until they are answered: each is put to the home's sequencer, and put
// again under the same id, because messages get lost and sequencers change. Any node of the home may
// answer.
//
// Bounds:  as Asked<What>; its owner refuses a caller before it asks one too many.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_GATEWAY_STANDING_QUESTIONS_H_
#define WORLDB_ENGINE_GATEWAY_STANDING_QUESTIONS_H_

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "engine/cell/triad.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/messages/asked.h"

namespace worldb::engine {

template <typename What>
class StandingQuestions {
 public:
  // Beside the way there and back.
  static constexpr absl::Duration kAskAgainEvery = absl::Milliseconds(500);

  // All of them outlive this object, and this object what runs on the node's executor.
  StandingQuestions(NodeSelf& self, const HomeDirectory& homes, const PeerTable& peers,
                    std::size_t count_max)
      : self_(self), homes_(homes), peers_(peers), asked_(self.request_ids(), count_max) {}

  // Answers with the id that the query is given.
  template <typename Query>
  RequestId Ask(DataCenterIndex home, Query query, What what) {
    const RequestId id = asked_.Add(Triad(home).set(), std::move(what));
    query.id = id;
    Put(home, std::move(query));
    return id;
  }
  // As those of Asked<What>. A question that is off the record is not put again.
  std::optional<What> Take(NodeIndex from, RequestId id) { return asked_.Take(from, id); }
  What* Find(RequestId id) { return asked_.Find(id); }
  std::optional<What> Drop(RequestId id) { return asked_.Drop(id); }
  std::optional<What> DropOldest() { return asked_.DropOldest(); }
  std::size_t size() const { return asked_.size(); }

 private:
  template <typename Query>
  void Put(DataCenterIndex home, Query query) {
    if (asked_.Find(query.id) == nullptr) return;
    if (const auto sequencer = homes_.SequencerOf(home)) self_.Send(*sequencer, query);
    const absl::Duration wait = kAskAgainEvery + 2 * peers_.RoundTrip(Triad(home).At(0));
    self_.executor().PostAfter(
        wait, [this, home, query = std::move(query)]() mutable { Put(home, std::move(query)); });
  }

  NodeSelf& self_;
  const HomeDirectory& homes_;
  const PeerTable& peers_;
  Asked<What> asked_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_STANDING_QUESTIONS_H_
