// The gateway's side of watches: subscribes at the homes concerned, passes on what they tell, and
// subscribes again from where it was when a home falls silent, changes its sequencer or a batch is lost.
//
// A resume token holds, for each home that has answered, the place up to which everything was told.
// Errors:  InvalidArgument BAD_KEY, BAD_RESUME_TOKEN; ResourceExhausted SHED.
// Bounds:  kWatchesMax calls.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md, "Names, listings and watches".
#ifndef WORLDB_ENGINE_GATEWAY_WATCHER_H_
#define WORLDB_ENGINE_GATEWAY_WATCHER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/entropy.h"
#include "engine/api/node_api.h"
#include "engine/api/versions.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/messages/watch_messages.h"

namespace worldb::engine {

class Watcher {
 public:
  static constexpr std::size_t kWatchesMax = 1024;
  static constexpr absl::Duration kProgressEvery = absl::Seconds(5);
  // A home that has not answered for this long, beside the way there and back, is asked again.
  static constexpr absl::Duration kAskAgainAfter = absl::Seconds(1);
  // The same for one that has: it sends something every WatchDesk::kBeatEvery.
  static constexpr absl::Duration kWatchedHomeSilentAfter = absl::Seconds(4);

  // All of them outlive this object.
  Watcher(const NodeSelf& self, Entropy& entropy, const HomeDirectory& homes,
          const PeerTable& peers)
      : self_(self), entropy_(entropy), homes_(homes), peers_(peers) {}

  void Start(CallId id, WatchRequest request, WatchObserver observer);
  // Unknown calls are ignored.
  void Forget(CallId id);
  void StopAll(const absl::Status& status);
  void TakeBatch(NodeIndex from, const WatchBatch& batch);

 private:
  // What is asked of one home.
  struct Subscription {
    SubscriptionId id = 0;  // 0 until the home was asked
    NodeIndex sequencer;
    std::uint64_t received = 0;  // number of the last batch
    absl::Duration heard;        // or asked
    bool answered = false;       // at least once
    std::optional<WatchPosition> told;
  };
  struct Call {
    WatchRequest request;
    WatchObserver observer;
    std::map<DataCenterIndex, Subscription> homes;
    bool stands = false;  // every home has answered
    absl::Duration progress_told;
  };

  // One subscription, not asked for yet, at each home that the request concerns.
  Call MakeCall(WatchRequest request, WatchObserver observer) const;
  absl::Status ReadToken(Call& call) const;
  std::string TokenOf(const Call& call) const;
  void Tick();
  // Wherever none stands, the sequencer is another one, or nothing was heard for too long.
  void SubscribeWhereDue(CallId id, Call& call);
  void Subscribe(CallId id, const WatchRequest& request, Subscription& subscription,
                 NodeIndex sequencer);
  void Unsubscribe(const Subscription& subscription);
  SubscriptionId DrawId();
  void TellChanges(Call& call, Subscription& subscription, const WatchBatch& batch);
  void TellProgress(Call& call);

  const NodeSelf& self_;
  Entropy& entropy_;
  const HomeDirectory& homes_;
  const PeerTable& peers_;
  std::map<CallId, Call> calls_;
  std::map<SubscriptionId, std::pair<CallId, DataCenterIndex>> subscriptions_;
  bool ticking_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_WATCHER_H_
