// Walks through the shares a node holds, page by page and without end, and reports those that do not
// verify any more: damage that no reader has met.
//
// Bounded by rows and by bytes a second. Its place is not kept over a restart.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_SHARES_SCRUBBER_H_
#define WORLDB_ENGINE_SHARES_SCRUBBER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/context/node_context.h"
#include "engine/shares/share_store.h"

namespace worldb::engine {

class Scrubber {
 public:
  Scrubber(NodeContext& context, ShareStore& shares, std::function<void(const VersionRef&)> found);

  void Start();
  // How often it has been through all shares.
  std::uint64_t pass_count() const { return pass_count_; }

 private:
  void NextPage();
  void OnPage(absl::StatusOr<std::vector<StoreRow>> rows);
  // Judges the page's versions from the last one on, then rests.
  void NextShare();
  void Rest();

  NodeContext& context_;
  ShareStore& shares_;
  const std::function<void(const VersionRef&)> found_;
  std::string from_;  // the next page starts here
  std::size_t page_rows_;
  std::size_t step_ = 1;
  std::vector<VersionRef> page_;
  std::size_t page_bytes_ = 0;
  bool end_of_pass_ = false;
  std::uint64_t pass_count_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SCRUBBER_H_
