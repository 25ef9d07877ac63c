// One node of a cell: it takes writes in, judges those its data center is home to, stores shares, and
// gathers values for readers.
//
// Threads: all but Stop() and the destructor may be called from any thread; calls stamp or copy, post
//          to the node's executor and return. Callbacks run on that executor, once the node stops on
//          the stopping or the calling thread, and must not block. Stop() and the destructor must not
//          run on it.
// Source:  ARCHITECTURE.md.
#ifndef WORLDB_ENGINE_NODE_NODE_H_
#define WORLDB_ENGINE_NODE_NODE_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/api/node_api.h"
#include "engine/context/node_parts.h"

namespace worldb::engine {

class Node {
 public:
  // The stream epoch is read from and raised in the node's store first; `ready` then gets OK, or why
  // the node cannot run. Calls made earlier wait for it.
  Node(NodeParts parts, NodeOptions options, std::function<void(absl::Status)> ready);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  using CallId = engine::CallId;
  // Stamps at once if the value rides in the frame; later, when it is staged, if it is larger.
  CallId Set(SetRequest request, SetObserver observer);
  // The observer of this call is not run any more, except that a Stop() under way may still tell it
  // so; the op goes on.
  void Forget(CallId call);
  void Get(GetRequest request, std::function<void(absl::StatusOr<GetReply>)> done);
  void TicketGet(std::string ticket, absl::Duration timeout,
                 std::function<void(absl::StatusOr<TicketStatus>)> done);
  // Answers once the op's level is at least `until` or never will be, or at the timeout with what is
  // known then.
  void TicketWait(std::string ticket, arbiter::Level until, absl::Duration timeout,
                  std::function<void(absl::StatusOr<TicketStatus>)> done);
  void List(ListRequest request, std::function<void(absl::StatusOr<ListReply>)> done);
  void History(HistoryRequest request, std::function<void(absl::StatusOr<HistoryReply>)> done);
  // Until Forget(), or WatchFailed.
  CallId Watch(WatchRequest request, WatchObserver observer);
  void Status(std::function<void(absl::StatusOr<NodeStatus>)> done);
  // An operator says that the data center is gone for now: if this node writes its triad's log, the
  // log marks it as OUT at once and not only after ten seconds of silence.
  void DeclareOut(DataCenterIndex data_center);

  // Shuts the executor down and ends every call with NODE_STOPPING, on the calling thread. May be
  // called twice.
  void Stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_NODE_NODE_H_
