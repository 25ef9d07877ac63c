// What a node does once before it goes live: it takes the next stream epoch, then reads what an earlier
// run left in its store.
//
// Each step begins when the one before it went well; the first that fails ends the start, and what it says is
// why the node cannot run.
// Errors:  what the store or a load said.
// Threads: the node's executor.
#ifndef WORLDB_ENGINE_NODE_START_UP_H_
#define WORLDB_ENGINE_NODE_START_UP_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/ids.h"
#include "engine/node/stream_epochs.h"

namespace worldb::engine {

class StartUp : public std::enable_shared_from_this<StartUp> {
 public:
  using Done = std::function<void(absl::Status)>;
  // Reads one part's rows, then says how that went.
  using Load = std::function<void(Done)>;
  using Ready = std::function<void(absl::StatusOr<StreamEpoch>)>;

  // `loads` run one after the other; `ready` gets the epoch of this life, or why there is none. `epochs`
  // outlives the executor's tasks.
  static void Run(StreamEpochs& epochs, std::vector<Load> loads, Ready ready);

 private:
  StartUp(std::vector<Load> loads, Ready ready)
      : loads_(std::move(loads)), ready_(std::move(ready)) {}

  // Those before `next` went well.
  void LoadFrom(std::size_t next);

  const std::vector<Load> loads_;
  const Ready ready_;
  StreamEpoch epoch_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_NODE_START_UP_H_
