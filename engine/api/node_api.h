// The door transport/ knocks at: what a caller may ask of a node, and what it is answered.
//
// Requests and replies are plain structs, a header for each subject.
// Threads: any thread may call. Calls return at once; callbacks run on the node's executor, or, once
//          the node stops, on the stopping or the calling thread, and must not block.
#ifndef WORLDB_ENGINE_API_NODE_API_H_
#define WORLDB_ENGINE_API_NODE_API_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/outcome.h"
#include "cryptoscatter/base/ids.h"
#include "engine/api/node_status.h"
#include "engine/api/reads.h"
#include "engine/api/versions.h"
#include "engine/api/writes.h"

namespace worldb::engine {

// Names a Set or a Watch under way at one node.
using CallId = std::uint64_t;

class NodeApi {
 public:
  template <typename Reply>
  using Done = std::function<void(absl::StatusOr<Reply>)>;

  virtual ~NodeApi() = default;

  // Stamps at once what rides in its frame; what is larger later, when it is staged. Those of one call are
  // taken in together, each on its own merits.
  struct Write {
    SetRequest request;
    SetObserver observer;
  };
  virtual std::vector<CallId> SetAll(std::vector<Write> writes) = 0;
  CallId Set(SetRequest request, SetObserver observer) {
    std::vector<Write> one;
    one.push_back({std::move(request), std::move(observer)});
    return SetAll(std::move(one)).front();
  }
  // Until Forget(), or WatchFailed.
  virtual CallId Watch(WatchRequest request, WatchObserver observer) = 0;
  // The observer of this call is not run any more, except that a node that is just stopping may still
  // tell it so; an op goes on.
  virtual void Forget(CallId call) = 0;

  struct Read {
    GetRequest request;
    Done<GetReply> done;
  };
  virtual void GetAll(std::vector<Read> reads) = 0;
  void Get(GetRequest request, Done<GetReply> done) {
    std::vector<Read> one;
    one.push_back({std::move(request), std::move(done)});
    GetAll(std::move(one));
  }
  virtual void TicketGet(std::string ticket, absl::Duration timeout, Done<TicketStatus> done) = 0;
  // Answers once the op's level is at least `until` or never will be, or at the timeout with what is
  // known then.
  virtual void TicketWait(std::string ticket, arbiter::Level until, absl::Duration timeout,
                          Done<TicketStatus> done) = 0;
  virtual void List(ListRequest request, Done<ListReply> done) = 0;
  virtual void History(HistoryRequest request, Done<HistoryReply> done) = 0;

  virtual void Status(Done<NodeStatus> done) = 0;
  // An operator says that the data center is gone for now: if this node writes its triad's log, the
  // log marks it as OUT at once and not only after ten seconds of silence.
  virtual void DeclareOut(DataCenterIndex data_center) = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_API_NODE_API_H_
