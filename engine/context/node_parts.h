// What a node is put together from: who it is, its doors to the world, and how it is tuned.
#ifndef WORLDB_ENGINE_CONTEXT_NODE_PARTS_H_
#define WORLDB_ENGINE_CONTEXT_NODE_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "arbiter/accept_log.h"
#include "arbiter/clock.h"
#include "arbiter/latency_window.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "engine/cell/cell.h"
#include "engine/ports/executor.h"
#include "engine/ports/peer_network.h"
#include "engine/ports/store.h"

namespace worldb::engine {

// How a node looks through the shares it holds, over and over, for damage nobody has met yet.
struct ScrubOptions {
  std::size_t page_rows = 64;  // 0: never
  absl::Duration page_every = absl::Seconds(1);
  // A page with large fragments is followed by a longer pause.
  std::size_t bytes_per_second = std::size_t{4} << 20;
  absl::Duration rest = absl::Minutes(1);  // between two passes
};

// How much of its accept log a home writes before the next checkpoint, whichever comes first. One adds
// two entries of its own to the log: no limit may be as low as that.
struct CheckpointLimits {
  std::uint64_t entries = 4096;
  std::uint64_t bytes = std::uint64_t{2} << 20;  // of log: its rows are made in one event
  absl::Duration every = absl::Seconds(10);      // with the next entry after that
};

struct NodeOptions {
  arbiter::WindowLimits window;
  absl::Duration clock_bound_max = absl::Milliseconds(50);  // U_max: wider and it may not stamp
  ScrubOptions scrub;
  CheckpointLimits checkpoints;
  // Staged payloads above this lose their ciphertext once they are HELD, oldest first.
  std::uint64_t staging_bytes_max = std::uint64_t{1} << 30;
};

// Everything a node touches of the world. All of it outlives the node; secrets and entropy also outlive
// what the node has offloaded to the pool.
struct NodeParts {
  std::shared_ptr<const Cell> cell;
  NodeIndex index;
  const NodeSecrets* secrets = nullptr;
  Executor* executor = nullptr;
  PeerNetwork* network = nullptr;
  Store* store = nullptr;
  arbiter::AcceptLog* log = nullptr;  // of this node's data center
  const arbiter::Clock* clock = nullptr;
  Entropy* entropy = nullptr;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CONTEXT_NODE_PARTS_H_
