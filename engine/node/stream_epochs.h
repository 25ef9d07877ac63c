// The stream epochs of a node, as its store counts them: each life begins a higher one, and a stream whose home
// knows better one above that.
//
// An epoch is synced before anything is stamped under it, so that no two lives over one disk number frames in
// one stream (invariant 10). A row that is missing or damaged counts as none: what the disk has forgotten the
// homes have logged, and nothing is sent to a home before it has said what it knows (gateway/home_stream.h).
// Threads: the node's executor. Outlives its tasks.
// Source:  docs/protocol.md 2.
#ifndef WORLDB_ENGINE_NODE_STREAM_EPOCHS_H_
#define WORLDB_ENGINE_NODE_STREAM_EPOCHS_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class StreamEpochs {
 public:
  static constexpr char kRow[] = "n/stream_epoch";

  // `store` outlives this object.
  explicit StreamEpochs(Store& store) : store_(store) {}

  // The epoch of a life that begins, or what the store said.
  void Begin(std::function<void(absl::StatusOr<StreamEpoch>)> done);
  // One above `known` and all before it. REQUIRES: Begin() went well. Does nothing while one is being raised,
  // and does not answer when the disk refuses: whoever still needs it asks again.
  void RaiseAbove(StreamEpoch known, std::function<void(StreamEpoch)> done);

 private:
  void Take(StreamEpoch epoch, std::function<void(absl::Status)> done);

  Store& store_;
  StreamEpoch last_;
  bool raising_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_NODE_STREAM_EPOCHS_H_
