// Walks through the shares a node holds, page by page and without end, and reports those that do not
// verify any more: damage that no reader has met.
//
// Bounded by rows and by bytes a second. Its place is not kept over a restart.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_SHARES_SCRUBBER_H_
#define WORLDB_ENGINE_SHARES_SCRUBBER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "engine/context/node_parts.h"
#include "engine/context/node_self.h"
#include "engine/ports/store.h"
#include "engine/rows/row_walk.h"
#include "engine/shares/share_store.h"

namespace worldb::engine {

class Scrubber {
 public:
  // All but `options` outlive this object; `found` is told of each share that does not verify.
  Scrubber(NodeSelf& self, Store& store, ShareStore& shares, const ScrubOptions& options,
           std::function<void(const VersionRef&)> found);

  void Start();
  // How often it has been through all shares.
  std::uint64_t pass_count() const { return pass_count_; }

 private:
  void NextPage();
  void JudgePage(const RowPage& page);
  // Judges the page's versions from the last one on, then rests.
  void NextShare();
  void Rest();

  NodeSelf& self_;
  Store& store_;
  ShareStore& shares_;
  const ScrubOptions options_;
  const std::function<void(const VersionRef&)> found_;
  RowWalk walk_;  // of this pass
  std::vector<VersionRef> page_;
  std::size_t page_bytes_ = 0;
  bool end_of_pass_ = false;
  std::uint64_t pass_count_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SCRUBBER_H_
