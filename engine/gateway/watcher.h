// The gateway's side of watches: subscribes at the homes concerned, passes on what they tell, and
// subscribes again from where it was when a home falls silent, changes its sequencer or a batch is lost.
//
// A resume token holds, for each home that has answered, the place up to which everything was told.
// Errors:  InvalidArgument BAD_KEY, BAD_RESUME_TOKEN; ResourceExhausted SHED.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md, "Names, listings and watches".
#ifndef WORLDB_ENGINE_GATEWAY_WATCHER_H_
#define WORLDB_ENGINE_GATEWAY_WATCHER_H_

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "engine/api/node_api.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_context.h"
#include "engine/context/peer_table.h"

namespace worldb::engine {

class Watcher {
 public:
  static constexpr std::size_t kWatchesMax = 1024;
  static constexpr absl::Duration kProgressEvery = absl::Seconds(5);

  Watcher(NodeContext& context, const HomeDirectory& homes, const PeerTable& peers)
      : context_(context), homes_(homes), peers_(peers) {}

  void Start(CallId call, WatchRequest request, WatchObserver observer);
  // Unknown calls are ignored.
  void Forget(CallId call);
  void StopAll(const absl::Status& status);
  void On(NodeIndex from, const WatchBatch& batch);

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
  struct Watch {
    WatchRequest request;
    WatchObserver observer;
    std::map<DataCenterIndex, Subscription> homes;
    bool stands = false;  // every home has answered
    absl::Duration progress_told;
  };

  absl::Status ReadToken(Watch& watch) const;
  std::string TokenOf(const Watch& watch) const;
  void Tick();
  void Look(CallId call, Watch& watch);
  void Subscribe(CallId call, const Watch& watch, Subscription& subscription, NodeIndex sequencer);
  void Unsubscribe(Subscription& subscription);
  void TellProgress(Watch& watch);

  NodeContext& context_;
  const HomeDirectory& homes_;
  const PeerTable& peers_;
  std::map<CallId, Watch> watches_;
  std::map<SubscriptionId, std::pair<CallId, DataCenterIndex>> subscriptions_;
  bool ticking_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_WATCHER_H_
